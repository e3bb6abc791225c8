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
