"""Which permissions a repository's files and folders get: restic's rules, and rest-server's."""

from __future__ import annotations

import os

from strongroom.base.record import record


@record
class Modes:
    """Permission bits of new folders and of finished files."""

    folder: int
    file: int


PRIVATE = Modes(0o700, 0o400)
"""restic's default: written once, read by the owner alone."""

GROUP = Modes(0o770, 0o440)
"""restic's, when the repository's config can be read by the group."""

SERVER_PRIVATE = Modes(0o700, 0o600)
"""rest-server's."""

SERVER_GROUP = Modes(0o770, 0o660)
"""rest-server's with ``--group-accessible-repos``."""


def modes_of(config_path: str) -> Modes | None:
    """What restic would use in a repository with this config; None while there is none."""
    try:
        mode = os.stat(config_path).st_mode
    except OSError:
        return None
    return GROUP if mode & 0o040 else PRIVATE
