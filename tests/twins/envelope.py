"""The twin of the kernel's envelope: AES from OpenSSL, Poly1305 with Python's integers, out of the two definitions."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PRIME = (1 << 130) - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def poly1305(r: bytes, s: bytes, message: bytes) -> bytes:
    """Bernstein's Poly1305 of a message, with the two halves of the one-time key."""
    multiplier = int.from_bytes(r, "little") & CLAMP
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\x01", "little")) * multiplier % PRIME
    return ((total + int.from_bytes(s, "little")) % (1 << 128)).to_bytes(16, "little")


def ctr(key: bytes, iv: bytes, text: bytes) -> bytes:
    """AES in counter mode; the first counter block is the IV, big-endian."""
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(text) + cipher.finalize()


def seal(key: tuple[bytes, bytes, bytes], iv: bytes, plaintext: bytes) -> bytes:
    """IV, ciphertext, MAC: what restic stores for a plaintext."""
    encrypt, mac_k, mac_r = key
    ciphertext = ctr(encrypt, iv, plaintext)
    block = Cipher(algorithms.AES(mac_k), modes.ECB()).encryptor().update(iv)
    return iv + ciphertext + poly1305(mac_r, block, ciphertext)


def unseal(key: tuple[bytes, bytes, bytes], envelope: bytes) -> bytes | None:
    """The plaintext, or None if the envelope is not what ``seal`` makes."""
    iv, ciphertext = envelope[:16], envelope[16:-16]
    plaintext = ctr(key[0], iv, ciphertext)
    return plaintext if len(envelope) >= 32 and seal(key, iv, plaintext) == envelope else None
