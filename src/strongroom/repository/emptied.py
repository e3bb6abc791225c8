"""That a repository has no snapshots, since a run on this host removed the last: a prune may take everything then.

A list without snapshots proves nothing: a folder may be gone, and a server may answer 404 for it or leave it out. The
record is the names of the index files at that moment, one a line, in a file beside the state. Whoever adds data adds an
index file, and the record is void; a prune under way only takes some away.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import StoreError
from strongroom.base.objects import Kind
from strongroom.base.own_files import open_own_file

if TYPE_CHECKING:
    from collections.abc import Collection

    from strongroom.repository.opened import Repository


def are_all_snapshots(repository: Repository, names: Collection[str]) -> bool:
    """Whether the store lists these snapshots, and no other."""
    wanted = set(names)
    listed: set[str] = set()
    for group in repository.store.list_groups(Kind.SNAPSHOT):
        listed |= {name for name, _, _ in group}
        if listed - wanted:
            return False
    return bool(listed) and listed == wanted


def note_emptied(repository: Repository) -> None:
    """Remember that the last snapshots were removed just now. What fails is a warning: a prune asks, then."""
    if (path := _path(repository)) is None:
        return
    try:
        names = [info.name.name for info in repository.store.list(Kind.INDEX)]
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        replace_file(path, "".join(f"{name}\n" for name in names).encode())
    except (OSError, StoreError) as problem:
        reason = getattr(problem, "strerror", None) or getattr(problem, "what", "")
        repository.surroundings.warn(f"cannot write {path}: {reason}; the next `prune` may ask whether it may")


def is_known_to_be_empty(repository: Repository, index_files: Collection[str]) -> bool:
    """Whether this host removed the last snapshots, and nobody has added to the index since."""
    if (path := _path(repository)) is None:
        return False
    with contextlib.suppress(OSError, UnicodeDecodeError), open_own_file(path) as file:
        status = os.fstat(file.fileno())
        if status.st_mode & 0o022 == 0 and status.st_uid in (0, os.geteuid()):
            return set(file.read().decode("ascii").split()).issuperset(index_files)
    return False


def _path(repository: Repository) -> str | None:
    state = repository.state
    return None if state is None else f"{os.path.splitext(state.path)[0]}.emptied"
