"""From a raw URL path to a repository and an object: one parse, whose result serves rights and storage alike (G-1).

Each segment is decoded once and then checked against a whitelist; nothing is tidied. What does not fit is no path of
ours (404), as restic's own suite wants for invalid names.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from strongroom.base.objects import CONFIG, Kind, ObjectName, is_object_name

MAX_DEPTH = 2
"""Levels of folders above a repository's own files, as in rest-server."""
RESERVED = {kind.value for kind in Kind}
_NAME = 64
"""Characters of an object's name."""
_KEPT = 512
"""Characters of the paths that are remembered."""
_ESCAPES = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\%]")


class ObjectPath(NamedTuple):
    """What a path names: a repository (its folders, from the top), and in it an object, a kind's list, or itself."""

    repository: tuple[str, ...]
    kind: Kind | None = None
    name: ObjectName | None = None

    @property
    def label(self) -> str:
        """The repository's path as users write it; empty for the one at the top."""
        return "/".join(self.repository)


def parse_path(path: str) -> ObjectPath | None:
    """The target of a raw path (without its query), or None when it is no path of a repository."""
    if not path.startswith("/") or len(path) > 2048:
        return None
    place, _, name = path.rpartition("/")
    if len(name) == _NAME and len(place) <= _KEPT:
        found = _folder(place)  # of the many objects of a repository only the name differs
        try:
            return None if found is None else ObjectPath(found[0], found[1], ObjectName(found[1], name))
        except ValueError:
            return None
    return _parse(path)


@functools.lru_cache(maxsize=512)
def _folder(place: str) -> tuple[tuple[str, ...], Kind] | None:
    """The folders and the kind of a raw path that ends before an object's name; None when no object lies there."""
    found = _parse(f"{place}/")
    return None if found is None or found.kind is None else (found.repository, found.kind)


def _parse(path: str) -> ObjectPath | None:
    folders: list[str] = []
    segments = path[1:].split("/")
    for position, raw in enumerate(segments):
        rest = segments[position + 1 :]
        if raw in RESERVED:
            return _inside(tuple(folders), Kind(raw), rest)
        if raw == "" and not rest:
            return ObjectPath(tuple(folders))
        folder = segment(raw)
        if folder is None or len(folders) == MAX_DEPTH:
            return None
        folders.append(folder)
    return None  # without its final slash it is no repository


def _inside(folders: tuple[str, ...], kind: Kind, rest: list[str]) -> ObjectPath | None:
    if kind is Kind.CONFIG:
        return ObjectPath(folders, kind, CONFIG) if not rest else None
    if rest == [""]:
        return ObjectPath(folders, kind)
    if len(rest) == 1 and is_object_name(rest[0]):
        return ObjectPath(folders, kind, ObjectName(kind, rest[0]))
    return None


def folders_of(label: str) -> tuple[str, ...]:
    """The folders in a repository's path as users write it."""
    return tuple(label.split("/")) if label else ()


def segment(raw: str) -> str | None:
    """The folder's name in one raw segment; None when it cannot be one."""
    if _ESCAPES.search(raw):
        return None
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if is_folder_name(text) else None


def is_folder_name(text: str) -> bool:
    """Whether a folder of this name may be, or lead to, a repository."""
    return (
        bool(text)
        and not text.startswith(".")
        and text not in RESERVED
        and _FORBIDDEN.search(text) is None
        and text.isprintable()
        and len(text.encode("utf-8")) <= 255
    )
