"""A key as eight words that two people can compare: proquints (https://arxiv.org/html/0901.4016), 16 bits a word.

Eight words are the first 128 bits of the SHA-256 of a public key, as its ID is: they are the ID, said aloud.
"""

from __future__ import annotations

import re

from strongroom.base.errors import UsageError

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"
_ID = re.compile(r"[0-9a-f]{32}\Z")


def words_of(signer: str) -> str:
    """The eight words of an ID of 32 hexadecimal digits, with dashes between them."""
    raw = bytes.fromhex(signer)
    return "-".join(_word(int.from_bytes(raw[at : at + 2], "big")) for at in range(0, 16, 2))


def _word(number: int) -> str:
    first, one, second, two, third = number >> 12, number >> 10 & 3, number >> 6 & 15, number >> 4 & 3, number & 15
    return _CONSONANTS[first] + _VOWELS[one] + _CONSONANTS[second] + _VOWELS[two] + _CONSONANTS[third]


def parse_words(text: str) -> str:
    """The ID that eight words, or 32 hexadecimal digits, stand for. Raises ``UsageError``."""
    plain = text.strip().lower()
    if _ID.match(plain):
        return plain
    words = re.split(r"[\s-]+", plain)
    if len(words) != 8 or any(not _is_word(word) for word in words):
        raise UsageError(
            "not a fingerprint", subject=text[:80], hint="Give the eight words, with dashes or spaces between them."
        )
    return "".join(f"{_number(word):04x}" for word in words)


def _is_word(word: str) -> bool:
    letters = (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS)
    return len(word) == 5 and all(letter in allowed for letter, allowed in zip(word, letters, strict=True))


def _number(word: str) -> int:
    found = 0
    for position, letter in enumerate(word):
        found = found << 2 | _VOWELS.index(letter) if position % 2 else found << 4 | _CONSONANTS.index(letter)
    return found
