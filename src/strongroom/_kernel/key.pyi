"""Keys: sealing, opening, and deriving one from a password."""

from typing import Self, final

from typing_extensions import Buffer

@final
class Key:
    """A key in three parts, of 32, 16 and 16 bytes: a repository's master key, or what a password derives.

    Raises ``ValueError`` for another length, ``Damaged`` for a part of zeros only.
    """

    def __new__(cls, encrypt: bytes, mac_k: bytes, mac_r: bytes) -> Self: ...
    @staticmethod
    def generate() -> Key:
        """A new random key."""
    def seal(self, data: Buffer) -> bytes:
        """The envelope of ``data``: IV, ciphertext, MAC; 32 bytes longer."""
    def open(self, envelope: Buffer) -> bytes:
        """The plaintext of an envelope. Raises ``WrongKey``, ``Damaged`` for less than 32 bytes or an IV of zeros."""
    def open_files(self, folder: str, names: list[str]) -> list[bytes | None]:
        """The plaintexts of many small unpacked files of a folder, read, hashed and opened on all cores.

        None for a file that needs a second look: one that is not there, larger than 128 KiB or no regular file, that
        does not have its name's SHA-256, or does not open to JSON. Raises ``OSError`` for the folder.
        """
    def material(self) -> tuple[bytes, bytes, bytes]:
        """The three parts: encrypt, mac_k, mac_r. They are secret."""

def derive_key(password: Buffer, salt: Buffer, n: int, r: int, p: int) -> Key:
    """The key that a password derives with scrypt, whose p lanes run in parallel.

    Raises ``LimitExceeded`` for 128 n r > 256 MiB or n r p > 2**23, ``Damaged`` for parameters that scrypt forbids.
    """
