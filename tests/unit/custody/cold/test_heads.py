"""What the beginning of a file is, and which changes of it are encryption's."""

from __future__ import annotations

import gzip
import random

import pytest

from strongroom.custody.judging.cold.heads import (
    BLANK,
    DENSE,
    ELSEWHERE,
    IN_PLACE,
    OTHER,
    SHORT_ONE,
    SUFFIXED,
    TEXT,
    kind_of,
    left_of,
    turned,
)

WORDS = "Umsätze stiegen im vierten Quartal um elf Prozent, liest man.\n".encode()


@pytest.mark.parametrize("length", [128, 300, 1000, 4096])
def test_random_bytes_look_dense_and_nothing_else_does(length: int) -> None:
    """Of any length: random ones, and none of text, structured numbers, a program's head or a compressed file."""
    dice = random.Random(length)  # one for all tests would hang on their order: one of 7,000 begins like a file
    assert all(kind_of(dice.randbytes(length)) == DENSE for _ in range(200))
    assert kind_of((WORDS * 99)[:length]) == TEXT
    numbers = b"".join(number.to_bytes(4, "little") for number in range(2000))
    assert kind_of(numbers[:length]) == OTHER
    assert kind_of(b"\x7fELF" + dice.randbytes(length)) == "program"
    assert kind_of(gzip.compress(dice.randbytes(length))) == "archive"
    assert kind_of(bytes(length)) == BLANK
    assert kind_of(dice.randbytes(40)) == SHORT_ONE


def test_text_that_is_cut_within_a_letter_or_is_of_another_alphabet_is_text() -> None:
    """The first 4 KiB may end anywhere, and old files are in Latin 1."""
    assert all(kind_of((WORDS * 99)[: 4096 - cut]) == TEXT for cut in range(4))
    assert kind_of((WORDS * 99).decode().encode("latin-1")) == TEXT


@pytest.mark.parametrize(
    ("old", "new", "lefts", "how", "is_turned"),
    [
        (TEXT, DENSE, (0.3, 1.0), IN_PLACE, True),
        (TEXT, DENSE, (0.3, 0.31), IN_PLACE, True),
        ("image", DENSE, (1.0, 1.0), SUFFIXED, True),
        ("media", DENSE, (1.0, 1.0), ELSEWHERE, True),
        (TEXT, "archive", (0.3, 1.0), IN_PLACE, True),
        ("image", "archive", (1.0, 1.0), IN_PLACE, True),
        (TEXT, TEXT, (0.3, 0.99), IN_PLACE, True),
        ("database", BLANK, (0.3, 0.01), IN_PLACE, True),
        (TEXT, "archive", (0.3, 1.0), SUFFIXED, False),
        (TEXT, "image", (0.3, 1.0), ELSEWHERE, False),
        ("media", "media", (1.0, 1.0), IN_PLACE, False),
        ("image", "image", (0.5, 1.0), IN_PLACE, False),
        ("document", "document", (0.6, 0.99), IN_PLACE, False),
        ("document", "archive", (0.6, 0.99), IN_PLACE, False),
        ("program", "program", (0.4, 0.41), IN_PLACE, False),
        ("program", TEXT, (0.4, 0.3), IN_PLACE, False),
        (DENSE, DENSE, (1.0, 1.0), IN_PLACE, False),
        (BLANK, DENSE, (0.01, 1.0), IN_PLACE, False),
    ],
)
def test_what_encryption_makes_of_a_file(
    old: str, new: str, lefts: tuple[float, float], how: str, is_turned: bool
) -> None:
    """Random-looking content, a false beginning, content that its beginning denies; not what honest programs do."""
    assert turned(old, new, *lefts, how) is is_turned


def test_what_is_left_is_weighed_by_us() -> None:
    """Text leaves a third at most, random bytes all, whatever a host stored them as."""
    assert left_of(WORDS * 2000) < 0.3
    assert left_of(random.Random(7).randbytes(100_000)) > 0.99
    assert left_of(b"") == 1.0
