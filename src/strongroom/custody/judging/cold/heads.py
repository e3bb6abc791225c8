"""What the beginning of a file is: pure functions over at most 4 KiB of it.

Encrypted bytes spread as evenly as random ones, and begin like nothing that is known. Compressed ones spread as evenly
behind a beginning that says what they are.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections import Counter

HEAD = 4096
"""Bytes that are looked at."""
SHORT = 64
"""Of fewer nothing can be said."""
EVEN = 0.25
"""Bits a byte below the entropy of as many random bytes, up to which a beginning counts as spread evenly."""
_PRINTABLE = 0.85
"""The share of printable bytes from which on it is text."""

SHORT_ONE, BLANK, DENSE, ENCRYPTED, TEXT, OTHER = "short", "blank", "dense", "encrypted", "text", "other"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"Salted__", ENCRYPTED),
    (b"age-encryption.org/", ENCRYPTED),
    (b"-----BEGIN PGP MESSAGE", ENCRYPTED),
    (b"\x1f\x8b", "archive"),
    (b"PK\x03\x04", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"BZh", "archive"),
    (b"\x04\x22\x4d\x18", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!", "archive"),
    (b"\x78\x01", "archive"),
    (b"\x78\x5e", "archive"),
    (b"\x78\x9c", "archive"),
    (b"\x78\xda", "archive"),
    (b"\xff\xd8\xff", "image"),
    (b"\x89PNG", "image"),
    (b"GIF8", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"RIFF", "media"),
    (b"OggS", "media"),
    (b"fLaC", "media"),
    (b"ID3", "media"),
    (b"\xff\xfb", "media"),
    (b"\xff\xf3", "media"),
    (b"\xff\xf2", "media"),
    (b"\x1aE\xdf\xa3", "media"),
    (b"%PDF", "document"),
    (b"\xd0\xcf\x11\xe0", "document"),
    (b"SQLite format 3\x00", "database"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"!<arch>", "program"),
)
IN_PLACE, SUFFIXED, ELSEWHERE = "in place", "with a suffix", "elsewhere"
"""How it is known which file became which: by the same name, by a suffix more, or by their sizes alone."""
PACKED = frozenset({"archive", "image", "media"})
"""Kinds whose bytes are compressed as a rule: encrypted ones can be dressed up as these."""
MAY_PACK = PACKED | {"document"}
"""Kinds that may become denser by honest work: a PDF or a TIFF that was made smaller."""
_NOTHING = frozenset({SHORT_ONE, BLANK, DENSE, ENCRYPTED})
"""What was there before of which nobody can say that it became something else."""


def kind_of(head: bytes) -> str:
    """What a file that begins so is: a family of formats, ``text``, ``other``; ``dense`` where it looks random."""
    head = head[:HEAD]
    if len(head) < SHORT:
        return SHORT_ONE
    if head.count(head[0]) == len(head):
        return BLANK
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "media"
    if _is_text(head):
        return TEXT
    return DENSE if _entropy(head) > _random(len(head)) - EVEN else OTHER


def turned(old: str, new: str, old_left: float, new_left: float, how: str) -> bool:
    """Whether a file of one kind became what encryption makes of it.

    ``old_left`` and ``new_left``: which share is left of the first blob when it is compressed. ``how``: by what it is
    known to be the same file. By its size alone only what looks random counts; who packs a file adds a suffix.
    """
    if old in _NOTHING or new == SHORT_ONE:
        return False
    if new in (DENSE, ENCRYPTED):
        return True
    if how == ELSEWHERE or (how == SUFFIXED and new in (BLANK, "archive")):
        return False
    if new in _BEFORE:
        return old not in _BEFORE[new]
    return new not in MAY_PACK and old_left <= LOOSE and new_left >= STIFF


_BEFORE = {
    BLANK: frozenset[str](),
    "archive": frozenset({"archive", "document", OTHER}),
    "image": MAY_PACK | {OTHER},
    "media": MAY_PACK | {OTHER},
}
"""What a file may have been that honest work turns into one of these under the same name."""
LOOSE, STIFF = 0.85, 0.97
"""What is left of ordinary content, and of encrypted one, when it is compressed."""


def left_of(content: bytes) -> float:
    """Which share is left when the beginning of a file is compressed: our own measure, whatever the host stored."""
    content = content[:_WEIGHED]
    return len(zlib.compress(content, 1)) / len(content) if content else 1.0


_WEIGHED = 256 << 10


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as problem:
        if problem.start < len(head) - 3:  # not just cut within a letter
            return sum(_printable(byte) for byte in head) >= _PRINTABLE * len(head)
        text = head[: problem.start].decode()
    return sum(one.isprintable() or one in "\n\r\t\f" for one in text) >= _PRINTABLE * len(text)


def _printable(byte: int) -> bool:
    return 32 <= byte < 127 or byte in (9, 10, 12, 13)


def _entropy(head: bytes) -> float:
    counts = Counter(head).values()
    return math.log2(len(head)) - sum(count * math.log2(count) for count in counts) / len(head)


@functools.lru_cache(maxsize=8192)
def _random(length: int) -> float:
    """The entropy in bits a byte to expect of so many random bytes: counts of each value are near enough to Poisson."""
    rate = length / 256
    chance, sum_ = math.exp(-rate), 0.0
    for count in range(1, int(rate + 12 * math.sqrt(rate) + 12)):
        chance *= rate / count
        sum_ += chance * count * math.log2(count)
    return math.log2(length) - 256 * sum_ / length
