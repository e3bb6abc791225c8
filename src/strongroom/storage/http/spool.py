"""An upload that is first collected, in memory and then on disk: to know its length, or to repeat it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

from strongroom.storage.contract import Upload, check_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName

_IN_MEMORY = 1 << 20
BLOCK = 1 << 20


class SpooledUpload(Upload):
    """Collects everything, then calls ``send(file, size)`` with the file at its beginning."""

    def __init__(self, name: ObjectName, size: int | None, send: Callable[[BinaryIO, int], None]) -> None:
        self._name = name
        self._size = size
        self._send = send
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="strongroom-")  # noqa: SIM115
        self._written = 0

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """As the contract says."""
        self._file.write(data)
        self._written += memoryview(data).nbytes

    def commit(self) -> None:
        """As the contract says."""
        try:
            check_size(self._name, self._size, self._written)
            self._file.seek(0)
            self._send(cast("BinaryIO", self._file), self._written)
        finally:
            self.abort()

    def abort(self) -> None:
        """As the contract says."""
        self._file.close()


def pour(file: BinaryIO, upload: Upload) -> None:
    """Write a file's bytes from its present position into an upload, and commit."""
    with upload:
        while block := file.read(BLOCK):
            upload.write(block)
        upload.commit()
