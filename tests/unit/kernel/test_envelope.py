"""Keys, envelopes and scrypt of the kernel against their twins and OpenSSL."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded
from tests.twins import envelope as twin

NOT_ZERO = any
MATERIAL = st.tuples(*(st.binary(min_size=size, max_size=size).filter(NOT_ZERO) for size in (32, 16, 16)))
SIZES = st.one_of(st.integers(0, 200), st.sampled_from([8191, 8192, 8193, 16384, 20000]))


@given(MATERIAL, st.binary(min_size=16, max_size=16).filter(NOT_ZERO), SIZES, st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_the_kernel_opens_what_the_twin_seals(
    material: tuple[bytes, bytes, bytes], iv: bytes, size: int, seed: int
) -> None:
    """Envelopes of the twin, of any length and IV, open to the same plaintext."""
    plaintext = bytes((seed + at * at) % 256 for at in range(size))
    key = _kernel.Key(*material)
    assert key.open(twin.seal(material, iv, plaintext)) == plaintext
    assert key.material() == material


@given(MATERIAL, SIZES)
@settings(max_examples=40, deadline=None)
def test_the_twin_opens_what_the_kernel_seals(material: tuple[bytes, bytes, bytes], size: int) -> None:
    """Envelopes of the kernel are the twin's for the same IV, and no two have the same IV."""
    key = _kernel.Key(*material)
    plaintext = bytes(size)
    first, second = key.seal(plaintext), key.seal(memoryview(plaintext))
    assert first == twin.seal(material, first[:16], plaintext)
    assert twin.unseal(material, second) == plaintext
    assert first[:16] != second[:16]


@given(st.binary(max_size=80), st.data())
@settings(max_examples=60, deadline=None)
def test_changed_envelopes_do_not_open(plaintext: bytes, data: st.DataObject) -> None:
    """An envelope with one bit flipped is refused, and so is one under another key."""
    key = _kernel.Key.generate()
    sealed = bytearray(key.seal(plaintext))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(_kernel.WrongKey):
        key.open(sealed)
    with pytest.raises(Damaged):
        _kernel.Key.generate().open(key.seal(plaintext))


@pytest.mark.parametrize("length", [0, 1, 16, 31])
def test_short_envelopes_are_damaged(length: int) -> None:
    """Fewer than 32 bytes are damaged, not merely of another key: no other password would help."""
    with pytest.raises(Damaged) as caught:
        _kernel.Key.generate().open(bytes(length))
    assert not isinstance(caught.value, _kernel.WrongKey)


def test_keys_that_make_no_sense_are_refused() -> None:
    """Parts of another length are our own mistake, parts of zeros only are damage; no key shows itself."""
    with pytest.raises(ValueError, match="mac_k is not 16 bytes"):
        _kernel.Key(bytes(range(32)), b"k", bytes(range(16)))
    with pytest.raises(Damaged):
        _kernel.Key(bytes(32), bytes(range(16)), bytes(range(16)))
    assert "secret" in repr(_kernel.Key.generate())


@given(
    st.binary(max_size=40),
    st.binary(max_size=70),
    st.sampled_from([2, 4, 64, 256]),
    st.integers(1, 9),
    st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
def test_scrypt_is_openssls(password: bytes, salt: bytes, n: int, r: int, p: int) -> None:
    """Any parameters derive what OpenSSL derives."""
    expected = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=1 << 27, dklen=64)
    assert b"".join(_kernel.derive_key(password, salt, n, r, p).material()) == expected


@pytest.mark.parametrize(("n", "r", "p"), [(1 << 22, 8, 1), (1 << 20, 8, 2), (32768, 8, 33), (1 << 62, 1 << 31, 1)])
def test_scrypt_beyond_the_budget_is_refused(n: int, r: int, p: int) -> None:
    """K-3: a key file that asks for more than 256 MiB or 2**23 steps costs nothing."""
    with pytest.raises(LimitExceeded):
        _kernel.derive_key(b"", b"", n, r, p)


@pytest.mark.parametrize(("n", "r", "p"), [(0, 8, 1), (1, 8, 1), (3, 8, 1), (1024, 0, 1), (1024, 8, 0)])
def test_scrypt_of_nonsense_is_damaged(n: int, r: int, p: int) -> None:
    """Parameters that scrypt itself forbids are damage."""
    with pytest.raises(Damaged):
        _kernel.derive_key(b"", b"", n, r, p)
