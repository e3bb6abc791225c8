"""The trash of a repository in a folder: ``.strongroom/trash/DATE/KIND/NAME.N``. Finding what lies there; no more.

The gateway's trash has the same layout, and is read by the same lines.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TRASH = os.path.join(".strongroom", "trash")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
ENTRY = re.compile(r"([0-9a-f]{64})\.([0-9]{1,6})\Z")


DATED = (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA, Kind.KEY)
"""What is put away; locks never are."""


@record
class InTrash:
    """A file in the trash of a folder."""

    date: str
    name: ObjectName
    generation: int
    path: str


def dated_files(root: str, kinds: Iterable[Kind]) -> Iterator[InTrash]:
    """What lies in the trash at ``root``: the oldest date first, then in the order of ``kinds``, by name and number."""
    for date in sorted(names_in(root)):
        if _DATE.match(date) is None:
            continue
        for kind in kinds:
            inside = os.path.join(root, date, kind.value)
            found = sorted((one[1], int(one[2]), one[0]) for one in map(ENTRY.match, names_in(inside)) if one)
            for name, generation, file in found:
                yield InTrash(date, ObjectName(kind, name), generation, os.path.join(inside, file))


def find_in_trash(folder: str, name: ObjectName) -> list[InTrash]:
    """The copies of an object in the trash, the newest first."""
    found = [one for one in dated_files(os.path.join(folder, TRASH), (name.kind,)) if one.name == name]
    return found[::-1]


def names_in_folder_trash(folder: str) -> set[str]:
    """The names, ``kind/name``, of the objects of which a copy lies in the trash of a repository's folder."""
    return {str(one.name) for one in dated_files(os.path.join(folder, TRASH), DATED)}


def names_in(path: str) -> list[str]:
    """What a folder of a trash holds; nothing where it was never made."""
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
