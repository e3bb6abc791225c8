"""Write a file of a snapshot, or a folder as a tar or zip archive, into a stream."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING, Protocol

from strongroom.archive.contents import blob_size, contents
from strongroom.archive.vfs import SnapshotEntry, SnapshotView
from strongroom.base.errors import Damaged, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from strongroom._kernel import Node

ARCHIVES = ("tar", "zip")
_TAR_TYPES = {
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "dev": tarfile.BLKTYPE,
    "chardev": tarfile.CHRTYPE,
    "fifo": tarfile.FIFOTYPE,
}
_UNIX_TYPES = {"file": 0o100000, "dir": 0o040000, "symlink": 0o120000}
_ZIP_FIRST, _ZIP_LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take all of them."""
        ...


def dump(view: SnapshotView, path: bytes, sink: Sink, *, archive: str = "tar") -> None:
    """Write the file at ``path``, or, for a folder, an archive of all that is below it.

    Names in the archive are paths in the snapshot without the first slash, as restic has them. Raises ``UsageError``
    for what is neither; ``Damaged`` or ``Missing`` when content cannot be had: a file with a hole is not a file.
    """
    if archive not in ARCHIVES:
        raise UsageError("is no kind of archive that we write", subject=f"--archive {archive}", hint="tar or zip.")
    entry = view.find(path)
    if entry is not None and entry.node.type == "file":
        for piece in contents(view.repository, entry.node, _text(entry.path)):
            sink.write(piece)
    elif entry is None or entry.is_dir:
        (_dump_tar if archive == "tar" else _dump_zip)(view, entry, sink)
    else:
        raise UsageError("is neither a file nor a folder", subject=_text(entry.path))


def _dump_tar(view: SnapshotView, top: SnapshotEntry | None, sink: Sink) -> None:
    with tarfile.open(
        fileobj=_Stream(sink), mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for entry in view.walk(b"/" if top is None else top.path):
            node = entry.node
            kind = tarfile.REGTYPE if node.type == "file" else _TAR_TYPES.get(node.type)
            if kind is None:  # sockets, and what the system could not name
                continue
            info = _tar_info(entry, kind)
            if node.type == "file":
                info.size = sum(blob_size(view.repository, "data", blob) for blob in node.content or ())
                archive.addfile(info, _Pieces(_content(view, entry)))
            else:
                archive.addfile(info)


def _tar_info(entry: SnapshotEntry, kind: bytes) -> tarfile.TarInfo:
    node = entry.node
    info = tarfile.TarInfo(_archive_name(entry).decode("utf-8", "surrogateescape"))
    info.type = kind
    info.mode = node.permissions
    info.uid, info.gid, info.uname, info.gname = node.uid, node.gid, node.user, node.group
    seconds, nanos = divmod(node.mtime.ns, 10**9)
    info.mtime = seconds
    extra = {"mtime": f"{seconds}.{nanos:09d}" if seconds >= 0 else str(seconds)} if nanos or seconds < 0 else {}
    info.linkname = node.linktarget.decode("utf-8", "surrogateescape")
    if node.type in ("dev", "chardev"):
        info.devmajor = (node.device >> 8) & 0xFFF | (node.device >> 32) & ~0xFFF
        info.devminor = node.device & 0xFF | (node.device >> 12) & ~0xFF & 0xFFFFFFFF
    for name, value in node.extended_attributes:
        key = "SCHILY.xattr." + name.decode("utf-8", "surrogateescape")
        extra[key] = value.decode("utf-8", "surrogateescape")
    info.pax_headers = extra
    return info


def _dump_zip(view: SnapshotView, top: SnapshotEntry | None, sink: Sink) -> None:
    with zipfile.ZipFile(_Stream(sink), "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in view.walk(b"/" if top is None else top.path):
            node = entry.node
            if node.type not in _UNIX_TYPES:
                continue
            moment = min(max(time.gmtime(_zip_seconds(node))[:6], _ZIP_FIRST), _ZIP_LAST)
            info = zipfile.ZipInfo(_archive_name(entry).decode("utf-8", "backslashreplace"), moment)
            info.create_system = 3
            info.external_attr = (_UNIX_TYPES[node.type] | node.permissions) << 16
            if node.type == "file":
                info.compress_type = zipfile.ZIP_DEFLATED
                size = sum(blob_size(view.repository, "data", blob) for blob in node.content or ())
                with archive.open(info, "w", force_zip64=size >= 1 << 31) as member:
                    for piece in _content(view, entry):
                        member.write(piece)
            else:
                info.external_attr |= 0x10 if node.type == "dir" else 0
                archive.writestr(info, node.linktarget if node.type == "symlink" else b"")


def _zip_seconds(node: Node) -> int:
    return min(max(node.mtime.ns // 10**9, 0), 4_354_819_198)


def _archive_name(entry: SnapshotEntry) -> bytes:
    return entry.path[1:] + (b"/" if entry.is_dir else b"")


def _content(view: SnapshotView, entry: SnapshotEntry) -> Iterator[bytes]:
    if entry.node.content is None:
        raise Damaged("is a file without content", subject=_text(entry.path))
    if entry.node.content:
        yield from contents(view.repository, entry.node, _text(entry.path))


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


class _Stream(io.RawIOBase):
    """A sink as the file object that the archive modules want: it can be written and nothing else."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        taken = bytes(data)
        self._sink.write(taken)
        return len(taken)


class _Pieces(io.RawIOBase):
    """Pieces as the file object that tarfile reads: each read is as long as it asks for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, limit: int = -1) -> bytes:
        taken = bytearray()
        while len(taken) < limit:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    raise Damaged("a file is shorter than the index says")
                self._rest = memoryview(piece)
            part = self._rest[: limit - len(taken)]
            taken += part
            self._rest = self._rest[len(part) :]
        return bytes(taken)
