"""Whether a restored file is what it should be: size, content, and what its name says that it is."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import sqlite3
import tarfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC: dict[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "pdf": (b"%PDF-",),
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "docx": (b"PK\x03\x04",),
    "xlsx": (b"PK\x03\x04",),
    "odt": (b"PK\x03\x04",),
    "gz": (b"\x1f\x8b",),
    "tgz": (b"\x1f\x8b",),
    "xz": (b"\xfd7zXZ\x00",),
    "zst": (b"\x28\xb5\x2f\xfd",),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "sqlite": (b"SQLite format 3\x00",),
    "sqlite3": (b"SQLite format 3\x00",),
    "elf": (b"\x7fELF",),
}
"""How files of these extensions begin."""
_LARGEST_TEST = 256 << 20
"""Archives that unpack to more are tested up to here, in bytes: a bomb costs no more (threat E-6)."""


def check_file(path: bytes, size: int, extension: str) -> str:
    """What is wrong with a restored file, in words; empty when nothing is. ``size`` is what it must have, in bytes.

    Content was proven by the restore that wrote it; this looks at what the snapshot saved.
    """
    try:
        found = os.lstat(path).st_size
        if found != size:
            return f"has {found} bytes, and {size} were saved"
        with open(path, "rb") as file:
            head = file.read(64)
        magic = MAGIC.get(extension)
        if size and magic is not None and not head.startswith(magic):
            return f"does not begin as a .{extension} file does"
        if head.startswith(MAGIC["sqlite"]):
            return _sqlite(path)
        test = _TESTS.get(extension)
        return test(path) if size and test is not None else ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _sqlite(path: bytes) -> str:
    """``integrity_check`` on the copy, read-only; a database that was saved while written to may fail it, rightly."""
    try:
        with contextlib.closing(sqlite3.connect(b"file:" + path + b"?immutable=1", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        return f"SQLite cannot use it: {error}"
    return "" if found and found[0] == "ok" else f"SQLite's integrity_check says: {found[0] if found else 'nothing'}"


def _stream(opened: Callable[[bytes], object]) -> Callable[[bytes], str]:
    def test(path: bytes) -> str:
        left = _LARGEST_TEST
        try:
            with opened(path) as stream:  # type: ignore[attr-defined]
                while left > 0 and (piece := stream.read(min(left, 1 << 20))):
                    left -= len(piece)
        except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
            return f"does not unpack: {error}"
        return ""

    return test


def _zip(path: bytes) -> str:
    left = _LARGEST_TEST
    try:
        with zipfile.ZipFile(os.fsdecode(path)) as archive:
            for info in archive.infolist():
                if left <= 0:
                    break
                with archive.open(info) as member:
                    while left > 0 and (piece := member.read(min(left, 1 << 20))):
                        left -= len(piece)
    except RuntimeError:  # encrypted members
        return ""
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        return f"does not unpack: {error}"
    return ""


def _tar(path: bytes) -> str:
    try:
        with tarfile.open(os.fsdecode(path)) as archive:
            for number, _ in enumerate(archive):
                if number > 100_000:
                    break
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        return f"does not unpack: {error}"
    return ""


_TESTS: dict[str, Callable[[bytes], str]] = {
    "gz": _stream(gzip.open),
    "xz": _stream(lzma.open),
    "zip": _zip,
    "docx": _zip,
    "xlsx": _zip,
    "odt": _zip,
    "tar": _tar,
    "tgz": _tar,
}
