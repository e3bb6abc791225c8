"""What a client asks on condition of an entity tag (RFC 9110, section 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED = frozenset({"if-match", "if-none-match", "if-range", "range"})
"""Headers without which a request asks for all of what is there, on no condition."""


def unmet(headers: Mapping[str, str], tag: str) -> int | None:
    """The status to answer with in place of what is there under ``tag``; None where every condition is met."""
    wanted = headers.get("if-match")
    if wanted is not None and not _names(wanted, tag):
        return 412
    known = headers.get("if-none-match")
    if known is not None and _names(known, tag, weakly=True):
        return 304
    return None


def heeds_range(headers: Mapping[str, str], tag: str) -> bool:
    """Whether a range is asked of what is there now: one that goes on with something else is answered with all."""
    known = headers.get("if-range")
    return known is None or known == tag


def _names(words: str, tag: str, *, weakly: bool = False) -> bool:
    """Whether a list of tags has this one; our tags have no commas."""
    found = [word.strip() for word in words.split(",")]
    return "*" in found or tag in found or (weakly and f"W/{tag}" in found)
