"""Which names a repository below another may have."""

from __future__ import annotations

import re

from strongroom.base import errors
from strongroom.base.objects import Kind

_SEGMENT = re.compile(r"[A-Za-z0-9@_-][A-Za-z0-9@._-]*\Z")
_RESERVED = frozenset(kind.value for kind in Kind)


def check_child(name: str) -> None:
    """Accept one plain path segment that is none of the protocol's words. Raises ``Unsupported``."""
    if not _SEGMENT.match(name) or name in _RESERVED:
        raise errors.Unsupported(
            "this cannot be the name of a repository",
            subject=name,
            hint="Use letters, digits and @ . _ - ; not a leading dot, nor a word like data, keys or config.",
        )


OWN_PLACE = ".strongroom"
"""The folder beside a repository in which files of ours are."""
OWN_LARGEST = 32 << 20
"""No file of ours is larger: a full bundle of entries has some hundred KiB, a message may name all of a repository."""
OWN_LISTED = "application/vnd.strongroom.files+json"
"""A gateway's list of such files: by this a client knows that it keeps them."""


def own_path(path: str) -> str:
    """The path of a file of ours: relative, of lower-case letters, digits, dots, dashes and underlines.

    Raises ``ValueError`` where it is none, which is a fault of the caller's.
    """
    if _OWN_PATH.match(path) is None:
        raise ValueError(f"not a path of ours: {path!r}")
    return path


_OWN_PATH = re.compile(r"(?!.*\.\.)[a-z0-9._-]+(/[a-z0-9._-]+)*\Z")
