"""Text files as restic reads them, which users may have written with any editor."""

from __future__ import annotations


def decoded(data: bytes) -> bytes:
    """Marks of UTF-8 and UTF-16 are understood; anything else stays as it is, since names need not be UTF-8."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").encode()
    return data
