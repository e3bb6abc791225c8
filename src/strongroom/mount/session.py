"""The kernel's questions, one after the other, and the answers: bytes in, bytes out, until the mount is gone."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

from strongroom.mount import protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Pieces = Sequence[bytes | memoryview]
    Answer = Callable[[int, int, memoryview], Pieces | None]

MOST_PIECES = 64
"""More pieces of an answer are put together before they are written; the kernel takes 1,024."""
_AGAIN = {errno.ENOENT, errno.EINTR, errno.EAGAIN}
"""A question that was withdrawn while it was being read, or nothing to read after all."""


class Session:
    """One mount. ``answer(opcode, node, body)`` returns what to say, None to say nothing, or raises ``OSError``."""

    def __init__(self, descriptor: int, answer: Answer, begun: Callable[[], None]) -> None:
        """``begun()`` is called when kernel and we have agreed on the protocol. The descriptor becomes ours."""
        self._descriptor = descriptor
        self._answer = answer
        self._begun = begun

    def serve(self, threads: int) -> None:
        """Answer in so many threads, of which this is one, until somebody unmounts. Raises ``OSError``."""
        try:
            if not self._agree():
                return
            self._begun()
            for number in range(1, threads):
                threading.Thread(target=self._work, name=f"strongroom-fuse-{number}", daemon=True).start()
            self._work()
        finally:
            if threads == 1:  # with more, another may still be reading: they end with the mount
                os.close(self._descriptor)

    def _agree(self) -> bool:
        """Take the first question, which is what protocol we speak. Whether the mount is still there."""
        buffer = bytearray(protocol.REQUEST_SIZE)
        while length := self._read(buffer):
            _, opcode, unique, *_ = protocol.REQUEST.unpack_from(buffer)
            if opcode != protocol.INIT or length < protocol.REQUEST.size + protocol.INIT_IN.size:
                self._write(unique, errno.EIO, ())
                continue
            major, minor, readahead, flags = protocol.INIT_IN.unpack_from(buffer, protocol.REQUEST.size)
            if major < protocol.OUR_MAJOR or (major == protocol.OUR_MAJOR and minor < protocol.OLDEST_MINOR):
                self._write(unique, errno.EPROTO, ())
                raise OSError(errno.EPROTO, f"this Linux speaks FUSE {major}.{minor}, which is too old")
            answer = protocol.init_answer(protocol.OUR_MAJOR, minor, readahead, flags)
            self._write(unique, 0, (answer,))
            if major == protocol.OUR_MAJOR:  # a newer kernel asks once more, for what we offered
                return True
        return False

    def _work(self) -> None:
        buffer = bytearray(protocol.REQUEST_SIZE)
        room = memoryview(buffer)
        head = protocol.REQUEST
        while length := self._read(buffer):
            _, opcode, unique, node, *_ = head.unpack_from(buffer)
            try:
                pieces = self._answer(opcode, node, room[head.size : length])
            except OSError as error:
                self._write(unique, error.errno or errno.EIO, ())
                continue
            if pieces is not None:
                self._write(unique, 0, pieces)

    def _read(self, buffer: bytearray) -> int:
        """The length of the next question; 0 when the mount is gone."""
        while True:
            try:
                return os.readv(self._descriptor, [buffer])
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return 0
                if error.errno not in _AGAIN:
                    raise

    def _write(self, unique: int, error: int, pieces: Pieces) -> None:
        if len(pieces) > MOST_PIECES:
            pieces = (b"".join(pieces),)
        length = protocol.ANSWER.size + sum(map(len, pieces))
        try:
            os.writev(self._descriptor, (protocol.ANSWER.pack(length, -error, unique), *pieces))
        except OSError as failure:  # whoever asked is gone, or the mount is, or got an error from Linux, for this one
            if failure.errno not in (errno.ENOENT, errno.ENODEV, errno.EINVAL):
                raise
