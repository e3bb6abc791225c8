"""JSON as the fleet speaks it: one way to write a document, and a reader that takes nothing for granted.

Written: UTF-8, keys in the order of their code points, no spaces, integers and no fractions. Read: any spelling of
JSON (RFC 8259) with an object at the top, within budgets of bytes and depth, without keys that stand twice, fractions,
integers beyond 63 bits, or halves of surrogate pairs.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from strongroom.base.errors import Damaged, LimitExceeded

DEPTH = 16
"""Objects and lists within each other, at most."""
MOST = (1 << 63) - 1
_DIGITS = 19


def encode(document: dict[str, Any]) -> bytes:
    """The canonical bytes of a document of strings, integers, booleans, None, lists and objects.

    Raises ``ValueError`` for what no reader would take, which is a fault of the caller's.
    """
    _check(document, ValueError, ValueError)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode(data: bytes, most: int, what: str) -> dict[str, Any]:
    """The document that these bytes spell; ``what`` names it in errors. Raises ``Damaged`` or ``LimitExceeded``."""
    if len(data) > most:
        raise LimitExceeded(f"{what} of {len(data)} bytes; at most {most} are read")
    try:
        document = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except UnicodeDecodeError:
        raise Damaged(f"{what} is not UTF-8") from None
    except RecursionError:
        raise LimitExceeded(f"{what} is nested too deeply") from None
    except ValueError as error:  # json's own among them
        raise Damaged(f"{what} is not JSON as it is wanted: {str(error)[:100]}") from None
    if not isinstance(document, dict):
        raise Damaged(f"{what} is no JSON object")
    _check(document, lambda words: Damaged(f"{what}: {words}"), lambda words: LimitExceeded(f"{what}: {words}"))
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS:
        raise ValueError("a number is too large")
    return int(text)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no integer")


def _check(document: Any, damaged: Any, exceeded: Any) -> None:
    """Raise what the two make of words, unless all within the document is allowed. Not recursive: input is hostile."""
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH:
            raise exceeded(f"more than {DEPTH} objects and lists within each other")
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise damaged("a key that is no string")
                _check_text(key, damaged)
            waiting += [(one, depth + 1) for one in value.values() if one is not None]
        elif isinstance(value, list):
            waiting += [(one, depth + 1) for one in value if one is not None]
        elif isinstance(value, str):
            _check_text(value, damaged)
        elif isinstance(value, int):
            if abs(value) > MOST:
                raise damaged("a number is too large")
        else:
            raise damaged(f"a value of the type {type(value).__name__}")


def _check_text(text: str, damaged: Any) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise damaged("a text with half a surrogate pair") from None
