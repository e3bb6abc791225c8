"""Which permissions a repository's files and folders get: restic's rules, and rest-server's."""

from __future__ import annotations

import os

from strongroom.base.record import record, replace


@record
class Modes:
    """Permission bits of new folders and of finished files."""

    folder: int
    file: int
    owner: tuple[int, int] | None = None
    """User and group that they are given to, where that is another than who makes them."""


PRIVATE = Modes(0o700, 0o400)
"""restic's default: written once, read by the owner alone."""

GROUP = Modes(0o770, 0o440)
"""restic's, when the repository's config can be read by the group."""

SERVER_PRIVATE = Modes(0o700, 0o600)
"""rest-server's."""

SERVER_GROUP = Modes(0o770, 0o660)
"""rest-server's with ``--group-accessible-repos``."""


def modes_of(config_path: str) -> Modes | None:
    """What restic would use in a repository with this config; None while there is none.

    What root makes in somebody else's repository is the config's owner's: the server that serves it could not read it
    otherwise, and its backups would fail.
    """
    try:
        found = os.stat(config_path)
    except OSError:
        return None
    modes = GROUP if found.st_mode & 0o040 else PRIVATE
    return replace(modes, owner=(found.st_uid, found.st_gid)) if os.geteuid() == 0 and found.st_uid else modes
