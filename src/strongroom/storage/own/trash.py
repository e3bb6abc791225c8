"""The trash of a repository in a bucket that keeps no versions: ``.strongroom/trash/DATE/KIND/NAME.N``, as in a folder.

Copying there and finding what lies there; no more.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Missing
from strongroom.base.record import record
from strongroom.storage.local.trash import DATED, ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import ObjectName
    from strongroom.storage.own.keyed import Keyed

TRASH = ".strongroom/trash"
MOST_GENERATIONS = 100
"""So many files of one name and date are looked at: others may have made some beforehand."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_PIECE = 1 << 20


@record
class TrashKey:
    """A file in the trash of a bucket, by its key below the repository's prefix."""

    date: str
    key: str


def find_keys(keyed: Keyed, name: ObjectName) -> Iterator[TrashKey]:
    """The copies of an object in the trash, the newest date first. Raises the store's errors."""
    for date in sorted(filter(_DATE.match, keyed.list(f"{TRASH}/")[1]), reverse=True):
        for generation in range(MOST_GENERATIONS):
            key = _key(name, date, generation)
            try:
                keyed.head(key)
            except Missing:
                break
            yield TrashKey(date, key)


def names_in_bucket_trash(keyed: Keyed) -> set[str]:
    """The names, ``kind/name``, of the objects of which a copy lies in the trash. Raises the store's errors."""
    found: set[str] = set()
    for date in filter(_DATE.match, keyed.list(f"{TRASH}/")[1]):
        for kind in DATED:
            files = keyed.list(f"{TRASH}/{date}/{kind.value}/")[0]
            found |= {f"{kind.value}/{one[1]}" for one in map(ENTRY.match, files) if one}
    return found


def copy_into(keyed: Keyed, name: ObjectName, date: str, *, unsound: bool = False) -> bool:
    """Copy an object into the trash, and hash what lies there; false where there is no such object.

    A copy with these bytes that is there already is as good. Raises ``Damaged`` for bytes that are not what the name
    promises, unless it goes for being ``unsound``, and the store's errors.
    """
    try:
        keyed.head(name.path)
    except Missing:
        return False
    for generation in range(MOST_GENERATIONS):
        key = _key(name, date, generation)
        try:
            keyed.head(key)
        except Missing:
            keyed.copy(name.path, key)
            if not unsound and hash_at(keyed, key) != name.name:
                raise Damaged("is not what its name promises, so it stays for a look", subject=str(name)) from None
            return True
        if hash_at(keyed, key) == name.name:
            return True
    raise Damaged("the trash is full of other files of its name", subject=str(name))


def hash_at(keyed: Keyed, key: str) -> str:
    """The SHA-256 of what stands at a key, read whole."""
    digest = hashlib.sha256()
    with keyed.open(key) as reader:
        while piece := reader.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _key(name: ObjectName, date: str, generation: int) -> str:
    return f"{TRASH}/{date}/{name.kind.value}/{name.name}.{generation}"
