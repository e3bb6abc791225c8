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
    return _ENCODER.encode(document).encode()


def decode(data: bytes, most: int, what: str) -> dict[str, Any]:
    """The document that these bytes spell; ``what`` names it in errors. Raises ``Damaged`` or ``LimitExceeded``."""
    if len(data) > most:
        raise LimitExceeded(f"{what} of {len(data)} bytes; at most {most} are read")
    try:
        document = _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        raise Damaged(f"{what} is not UTF-8") from None
    except RecursionError:
        raise LimitExceeded(f"{what} is nested too deeply") from None
    except ValueError as error:  # json's own among them
        raise Damaged(f"{what} is not JSON as it is wanted: {str(error)[:100]}") from None
    if not isinstance(document, dict):
        raise Damaged(f"{what} is no JSON object")
    _check(document, lambda words: Damaged(f"{what}: {words}"), lambda words: LimitExceeded(f"{what}: {words}"))
    found: dict[str, Any] = document
    return found


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
    level, texts = [document], []
    for _ in range(DEPTH):  # what lies equally deep, at once
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, str):
                texts.append(value)
            elif isinstance(value, dict):
                if not all(isinstance(key, str) for key in value):
                    raise damaged("a key that is no string")
                texts += value
                deeper += value.values()
            elif isinstance(value, list):
                deeper += value
            elif isinstance(value, int):
                if abs(value) > MOST:
                    raise damaged("a number is too large")
            elif value is not None:
                raise damaged(f"a value of the type {type(value).__name__}")
        level = deeper
        if not level:
            break
    if any(one is not None for one in level):
        raise exceeded(f"more than {DEPTH} objects and lists within each other")
    try:
        "".join(texts).encode()  # halves that would make a pair are joined as two
    except UnicodeEncodeError:
        raise damaged("a text with half a surrogate pair") from None


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_refuse_number, parse_constant=_refuse_number
)
