"""A signature of ours is the one that stock ssh-keygen makes with the same key, and both verify both."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged
from strongroom.receipts.log.note import Signer
from strongroom.receipts.log.ssh_signature import sign_ssh, ssh_line, verify_ssh

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer("strongroom-judge", PRIVATE)
MESSAGES = [b"", b"a\n", bytes(range(256)) * 40, *(b"%d\n" % number for number in range(8))]


@pytest.mark.parametrize("message", MESSAGES)
def test_ours_is_what_ssh_keygen_writes(message: bytes, tmp_path: Path) -> None:
    """Ed25519 has one signature for a key and a message: byte for byte the same armour."""
    key = tmp_path / "key"
    key.write_bytes(
        PRIVATE.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    key.chmod(0o600)
    (tmp_path / "text").write_bytes(message)
    words = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "strongroom-good", str(tmp_path / "text")]
    subprocess.run(words, check=True, capture_output=True)
    theirs = (tmp_path / "text.sig").read_text()
    assert sign_ssh(SIGNER, "strongroom-good", message) == theirs
    verify_ssh(SIGNER.verifier, "strongroom-good", message, theirs)
    public = subprocess.run(["ssh-keygen", "-y", "-f", key], check=True, capture_output=True, text=True).stdout
    assert public.split()[:2] == ssh_line(SIGNER.verifier).split()


def test_every_message_can_be_signed() -> None:
    """Whatever byte the digest ends with: a line feed there is no note's."""
    for number in range(600):
        text = b"%d" % number
        verify_ssh(SIGNER.verifier, "n", text, sign_ssh(SIGNER, "n", text))


@given(place=st.integers(min_value=0, max_value=10_000), letter=st.characters(codec="ascii"))
@settings(max_examples=200, deadline=None)
def test_what_was_changed_anywhere_does_not_verify(place: int, letter: str) -> None:
    """One letter of the armour, another key, purpose or text."""
    made = sign_ssh(SIGNER, "good", b"text")
    place %= len(made)
    other = made[:place] + letter + made[place + 1 :]
    if other != made:
        with pytest.raises(Damaged):
            verify_ssh(SIGNER.verifier, "good", b"text", other)
    stranger = Signer("strongroom-judge", Ed25519PrivateKey.from_private_bytes(bytes(32))).verifier
    for verifier, purpose, text in (
        (stranger, "good", b"text"), (SIGNER.verifier, "bad", b"text"), (SIGNER.verifier, "good", b"texT"),
    ):  # fmt: skip
        with pytest.raises(Damaged):
            verify_ssh(verifier, purpose, text, made)
