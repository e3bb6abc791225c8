"""Where snapshots stand in a mounted repository: restic's templates, `latest` links, numbers behind equal names.

Host names, users and tags come out of snapshots that an intruder may have written: a name cannot leave the mount, and
what no file system could show is left out (``left_out`` counts), as are names beyond ``MAX_NAMES``.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from strongroom.base.record import field, mutable
from strongroom.mount.go_layout import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.selection import Listed

DEFAULT_TEMPLATES = ("ids/%i", "snapshots/%T", "hosts/%h/%T", "tags/%t/%T")
"""restic's."""
MAX_NAME = 255
"""Bytes of a name that Linux takes."""
MAX_PLACE = 4096
"""Bytes of the whole path of a snapshot's folder in the mount."""
MAX_NAMES = 1_000_000
"""Folders of snapshots that are made in all."""
MAX_PLACES_EACH = 10_000
"""Places that one snapshot gets from one template."""


@mutable
class MountEntry:
    """What stands at a place: a folder of names, the folder of a snapshot, or a link that leads to one beside it."""

    names: dict[str, MountEntry] = field(default_factory=dict)
    snapshot: Listed | None = None
    link: str = ""


@mutable
class Folders:
    """All places by their path: ``""`` is the mount itself, all others begin with a slash."""

    entries: dict[str, MountEntry] = field(default_factory=dict)
    left_out: int = 0

    def put(self, place: str, snapshot: Listed | None = None, link: str = "") -> None:
        """Make an entry, and the folders above it."""
        entry = self.entries.setdefault(place, MountEntry())
        if snapshot is not None:
            entry.snapshot, entry.link = snapshot, link
        while place:
            place, _, name = place.rpartition("/")
            above = self.entries.setdefault(place, MountEntry())
            above.names[name] = entry
            entry = above

    def free(self, place: str, name: str) -> str:
        """The name itself, or with a number behind it where it is taken."""
        found, number = name, 0
        while place + found in self.entries:
            number += 1
            found = f"{name}-{number}"
        return found


def arrange(snapshots: Iterable[Listed], templates: Sequence[str], layout: str) -> Folders:
    """The folders for these snapshots, the oldest first, which decides who gets a number."""
    folders = Folders()
    folders.put("")
    for template in templates:
        fixed = _fixed_part(template)
        if fixed:
            folders.put(_clean("/" + fixed))
    newest: dict[str, int] = {}
    for listed in snapshots:
        for template in templates:
            for place, time in _places(template, layout, listed):
                _add(folders, newest, "/" + place if place else "", time, listed)
    return folders


def _add(folders: Folders, newest: dict[str, int], place: str, time: str, listed: Listed) -> None:
    if len(folders.entries) >= MAX_NAMES or not _can_be_shown(place + time):
        folders.left_out += 1
        return
    name = folders.free(place, time)
    folders.put(_clean(place + name), listed)
    if time and listed[1].time_ns >= newest.get(place, listed[1].time_ns):
        folders.put(_clean(place + "/latest"), listed, name)
        newest[place] = listed[1].time_ns


def _can_be_shown(place: str) -> bool:
    if "\0" in place or len(place.encode("utf-8", "surrogateescape")) > MAX_PLACE:
        return False
    return all(len(part.encode("utf-8", "surrogateescape")) <= MAX_NAME - 8 for part in place.split("/"))


def _clean(place: str) -> str:
    """Go's ``path.Clean``, with nothing for the root."""
    return "/" + posixpath.normpath(place).lstrip("/") if place.strip("/") else ""


def _pieces(template: str) -> Iterator[tuple[bool, str]]:
    """The characters of a template one by one; True for one that stood behind a %."""
    variable = False
    for sign in template:
        if not variable and sign == "%":
            variable = True
            continue
        yield variable, sign
        variable = False


def _fixed_part(template: str) -> str:
    """The folders of a template before its first variable, which are shown even where there is no snapshot."""
    position = 0
    while position < len(template) - 1:
        if template[position] == "%":
            if template[position + 1] in "iIuhtT":
                return template[: position + 1].rpartition("/")[0]
            position += 1
        position += 1
    return ""


def _places(template: str, layout: str, listed: Listed) -> list[tuple[str, str]]:
    """Where a template puts a snapshot: each place, and the time that stands at its end if the template ends so."""
    name, snapshot = listed
    time = written(snapshot.time, layout)
    out, last = [""], False
    for variable, sign in _pieces(template):
        if last:
            out = [text + time for text in out]
        last = variable and sign == "T"
        if last:
            continue
        if variable and sign == "t":
            if not snapshot.tags:
                return []
            if len(snapshot.tags) > 1:
                out = [text + _tag(tag) for tag in snapshot.tags for text in out][:MAX_PLACES_EACH]
                continue
        value = _value(sign, name, snapshot) if variable else sign
        out = [text + value for text in out]
    return [(text, time if last else "") for text in out]


def _value(sign: str, name: str, snapshot: Snapshot) -> str:
    values = {"i": name[:8], "I": name, "u": snapshot.username, "h": snapshot.hostname}
    return "".join(snapshot.tags[:1]) if sign == "t" else values.get(sign, sign)


def _tag(tag: str) -> str:
    """As restic does where there are several; one alone is taken as it is."""
    return {"": "_", ".": "_", "..": "__"}.get(tag, tag.replace("/", "_"))
