"""An object on its way into a repository, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.http.body import Body


class WrongBytes(Exception):
    """The bytes are not those that the name promises, or fewer than announced: 400."""


@dataclass(frozen=True, slots=True)
class IncomingObject:
    """An object on its way in."""

    name: ObjectName
    body: Body
    limit: int
    """The most bytes that it may have."""
    principal: str
    """The ID of who sends it."""
    piece: Callable[[int], None]
    """Is told each count of bytes before it is written, and may raise what ends the upload."""
    publishing: Callable[[int | None], AbstractContextManager[None]]
    """Entered with the bytes that are added, None for what is there already, when the body has ended and its bytes are
    right; within it the object gets its name and its receipt. Raises what forbids it now, whatever was allowed when the
    body began."""
    again: Callable[[], None]
    """The same question, after a wait within ``publishing``."""
    receipt: Callable[[str, int], None]
    """Makes a receipt for the object's SHA-256 and size durable, unless there is one."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came in. ``new`` is false when these bytes were there already."""

    sha256: str
    size: int
    new: bool
