"""What a repository consists of: objects, each a file of a kind with a name."""

from __future__ import annotations

import enum
import re

from strongroom.base.record import record

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


class Kind(enum.Enum):
    """The kinds of object; the value is the folder's name in restic's layout, and in the REST protocol's URLs."""

    CONFIG = "config"
    KEY = "keys"
    SNAPSHOT = "snapshots"
    INDEX = "index"
    LOCK = "locks"
    DATA = "data"


_CONFIG, _DATA = Kind.CONFIG, Kind.DATA
"""Found once: to find a member in its class takes as long as to make a path of it."""

NAMED_KINDS = (Kind.KEY, Kind.SNAPSHOT, Kind.INDEX, Kind.LOCK, Kind.DATA)
"""The kinds whose objects are named by the SHA-256 of their stored bytes: all but the config."""

CONFIG_NAME = "0" * 64
"""The name that stands for the config where a name is asked for; restic uses no name there."""


def is_object_name(text: str) -> bool:
    """Whether this is the one spelling of an object name: 64 lower-case hexadecimal digits."""
    return _HEX64.match(text) is not None


@record
class ObjectName:
    """An object of a repository, named by its kind and SHA-256."""

    kind: Kind
    name: str

    def __post_init__(self) -> None:
        if _HEX64.match(self.name) is None:
            raise ValueError(f"not an object name: {self.name!r}")

    def __str__(self) -> str:
        return "config" if self.kind is _CONFIG else f"{self.kind.value}/{self.name}"

    @property
    def path(self) -> str:
        """The path in restic's default layout, relative to the repository: packs lie in 256 folders."""
        if self.kind is _DATA:
            return f"data/{self.name[:2]}/{self.name}"
        return str(self)


CONFIG = ObjectName(Kind.CONFIG, CONFIG_NAME)
"""The one object without a name of its own."""
