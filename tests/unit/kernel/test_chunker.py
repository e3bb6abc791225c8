"""The kernel's chunker and polynomials against their twins."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.base.errors import Damaged, Unsupported
from tests.twins import chunker as twin

ONE = 0x3DA3358B4DC173
TWO = 0x25B468838DCB75


def _stream(length: int) -> bytes:
    """The stream of the reference's vectors."""
    blocks = (hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def test_the_twin_finds_the_first_cuts_of_the_reference() -> None:
    """The twin is right: it finds the first two chunks of the vector."""
    data = _stream(1015968 + 1087132 + 5)
    assert twin.chunk_lengths(data, ONE) == [1015968, 1087132, 5]


@pytest.mark.parametrize("seed", range(3))
def test_random_files_are_cut_as_the_twin_cuts_them(seed: int) -> None:
    """Random bytes of random length under a random polynomial have the twin's chunks."""
    source = random.Random(seed)
    polynomial = _kernel.random_polynomial()
    data = source.randbytes(source.randrange(700_000, 2_500_000))
    assert _kernel.chunk_lengths(data, polynomial) == twin.chunk_lengths(data, polynomial)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 300)), min_size=1, max_size=30), st.integers(0, 70_000))
@settings(max_examples=15, deadline=None)
def test_runs_and_repetitions_are_cut_as_the_twin_cuts_them(runs: list[tuple[int, int]], more: int) -> None:
    """Files of little variety, whose windows repeat, have the twin's chunks."""
    pattern = b"".join(bytes([byte]) * length for byte, length in runs)
    length = twin.MIN + more
    data = (pattern * (length // len(pattern) + 1))[:length]
    assert _kernel.chunk_lengths(data, TWO) == twin.chunk_lengths(data, TWO)


@pytest.mark.parametrize("length", [0, 1, 524_287, 524_288, 524_289, 600_000])
def test_short_files(length: int) -> None:
    """Files around the minimum: zeros are cut at it, anything below is one chunk, nothing is none."""
    assert _kernel.chunk_lengths(bytes(length), ONE) == twin.chunk_lengths(bytes(length), ONE)


@given(st.integers(0, 4095))
@settings(max_examples=200, deadline=None)
def test_small_polynomials_are_judged_as_by_trying(polynomial: int) -> None:
    """The test of irreducibility agrees with trying all divisors."""
    assert _kernel.is_irreducible(polynomial) == twin.is_irreducible(polynomial)


def test_polynomials_that_cannot_be_used_are_refused() -> None:
    """A reducible polynomial is damage, one of another degree is not supported; nothing panics."""
    with pytest.raises(Damaged):
        _kernel.chunk_lengths(b"", 0x38F1E565E288DF)
    for polynomial in (0, 1, 2, 7, 1 << 63):
        with pytest.raises(Unsupported):
            _kernel.chunk_lengths(b"", polynomial)
