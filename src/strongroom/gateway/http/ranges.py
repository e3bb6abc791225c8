"""``Range`` as Go's server reads it, for one range: more than one is answered with the whole."""

from __future__ import annotations

import re

_UNIT = "bytes="
_RANGE = re.compile(r"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*\Z")


class Unsatisfiable(Exception):
    """No byte of the file is in the range: 416."""


def parse_range(text: str | None, size: int) -> tuple[int, int] | None:
    """Offset and length of the range within a file of ``size`` bytes; None for the whole file.

    An empty file is whole whatever is asked: crashed clients leave empty locks, which must be readable. A unit that is
    not known is ignored, and its case is free (RFC 9110, 14.1 and 14.2), where Go's server answers 416.
    Raises ``Unsatisfiable`` for a range beyond the end, a backward one and what is none.
    """
    if text is None or size == 0 or "," in text or text[: len(_UNIT)].lower() != _UNIT:
        return None
    match = _RANGE.match(text, len(_UNIT))
    if match is None or match[1] == match[2] == "":
        raise Unsatisfiable
    if match[1] == "":
        length = min(int(match[2]), size)
        if length == 0:
            raise Unsatisfiable
        return size - length, length
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if first >= size or (match[2] and int(match[2]) < first):
        raise Unsatisfiable
    return first, last - first + 1
