"""Text files as restic reads them, which users may have written with any editor."""

from __future__ import annotations

from strongroom.base.errors import UsageError

SMALL = 64 << 10
"""Bytes that a file with one password or place may hold; it is not a disk image."""


def read_marked_text(path: str, what: str, hint: str, *, most: int | None = None) -> bytes:
    """A file's bytes, ``most`` at the most. Raises ``UsageError``, which calls the file ``what``."""
    try:
        with open(path, "rb") as file:
            data = file.read(-1 if most is None else most + 1)
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}", subject=path, hint=hint) from None
    if most is not None and len(data) > most:
        raise UsageError(f"{what} is too large", subject=path, hint=hint)
    return data


def decoded(data: bytes) -> bytes:
    """Marks of UTF-8 and UTF-16 are understood; anything else stays as it is, since names need not be UTF-8."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").encode()
    return data
