"""A snapshot as data: what restic and rustic write into ``snapshots/`` (``docs/reference/format.md`` 1.9).

Rewriting keeps what we do not know: rustic protects a snapshot from removal with a field of its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.objects import is_object_name
from strongroom.base.record import as_dict, field, keyword_record
from strongroom.format.json_object import parse_object
from strongroom.format.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SNAPSHOT = 16 << 20
"""The largest plaintext that is read, in bytes."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_HTML = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@keyword_record
class Snapshot:
    """A point in the history of some paths. The fields stand in restic's order; empty ones are not written.

    ``time`` is the start of the backup by the host's clock, never to be trusted where deleting is decided.
    Strings are Unicode; a byte of a path that is not UTF-8 (a lone surrogate in Python) is written as U+FFFD.
    """

    time: Timestamp
    parent: str = ""
    tree: str
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    excludes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    original: str = ""
    program_version: str = ""
    summary: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Members that we do not know, in the order in which they were read."""

    @property
    def time_ns(self) -> int:
        """The snapshot's time in nanoseconds since 1970-01-01 UTC."""
        return self.time.ns

    @classmethod
    def parse(cls, data: bytes, subject: str = "a snapshot") -> Snapshot:
        """Read a snapshot's plaintext. ``subject`` names it in errors.

        Keys are matched without regard to case and ``null`` counts as absent, as in Go.
        Raises ``LimitExceeded`` beyond ``MAX_SNAPSHOT`` and ``Damaged`` for what is no snapshot.
        """
        if len(data) > MAX_SNAPSHOT:
            raise LimitExceeded(f"is larger than {MAX_SNAPSHOT} bytes", subject=subject)
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, value in parse_object(data, subject).items():
            known, read = key, _READERS.get(key)
            if read is None:
                known = key.lower()
                read = _READERS.get(known)
            if read is None:
                extra[key] = value
            elif value is not None:
                try:
                    values[known] = read(value)
                except (ValueError, Damaged):
                    raise Damaged(f"has no sense in its field {known}", subject=subject) from None
        for key in ("time", "tree"):
            if key not in values:
                raise Damaged(f"has no field {key}", subject=subject)
        values.setdefault("paths", ())
        return cls(**values, extra=extra)

    def members(self) -> dict[str, Any]:
        """The members of the stored object in restic's order, unknown ones at the end."""
        members: dict[str, Any] = {}
        for known, value in as_dict(self).items():
            if known == "time":
                members["time"] = str(value)
            elif known == "paths" or (value and known != "extra"):
                members[known] = list(value) if isinstance(value, tuple) else value
        members |= {key: value for key, value in self.extra.items() if key not in members}
        return members

    def encode(self) -> bytes:
        """The plaintext as restic writes it."""
        text = json.dumps(self.members(), ensure_ascii=False, separators=(",", ":")).translate(_HTML)
        return _LONE_SURROGATE.sub("\ufffd", text).encode()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(_text(item) for item in value)


def _id(value: object) -> str:
    if not isinstance(value, str) or not is_object_name(value):
        raise ValueError
    return value


def _optional_id(value: object) -> str:
    return "" if value == "" else _id(value)


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise ValueError
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "time": lambda value: Timestamp.parse(_text(value)),
    "parent": _optional_id,
    "tree": _id,
    "paths": _texts,
    "hostname": _text,
    "username": _text,
    "uid": _number,
    "gid": _number,
    "excludes": _texts,
    "tags": _texts,
    "original": _optional_id,
    "program_version": _text,
    "summary": _object,
}
