"""The trash of a repository in a folder: ``.strongroom/trash/DATE/KIND/NAME.N``. Finding what lies there; no more.

The gateway's trash has the same layout.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import ObjectName

TRASH = os.path.join(".strongroom", "trash")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_ENTRY = re.compile(r"([0-9a-f]{64})\.([0-9]{1,6})\Z")


@record
class InTrash:
    """A file in the trash of a folder."""

    date: str
    path: str


def find_in_trash(folder: str, name: ObjectName) -> list[InTrash]:
    """The copies of an object in the trash, the newest first."""
    return [one for one in _of_kind(folder, name.kind.value) if os.path.basename(one.path)[:64] == name.name]


def _of_kind(folder: str, kind: str) -> Iterator[InTrash]:
    root = os.path.join(folder, TRASH)
    for date in sorted(_names(root), reverse=True):
        if _DATE.match(date) is None:
            continue
        inside = os.path.join(root, date, kind)
        for file in sorted(_names(inside), reverse=True):
            if _ENTRY.match(file) is not None:
                yield InTrash(date, os.path.join(inside, file))


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
