"""What is said to the kernel: over a pair of sockets in its place, and to Linux itself."""

from __future__ import annotations

import errno
import os
import socket
import threading
from struct import Struct
from typing import TYPE_CHECKING

import pytest

from strongroom.mount import attaching, mountpoint, protocol
from strongroom.mount.session import Session
from tests.support import waiting
from tests.support.servers import mounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from strongroom.mount.session import Pieces

_INIT = Struct("=IIII48x")


class _Kernel:
    """The other end of a session, which answers in a thread of its own."""

    def __init__(self, answer: Callable[[int, int, memoryview], Pieces | None]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.begun = threading.Event()
        self.outcome: list[BaseException] = []
        session = Session(theirs.detach(), answer, self.begun.set)
        self._thread = threading.Thread(target=self._serve, args=(session,))
        self._thread.start()

    def _serve(self, session: Session) -> None:
        try:
            session.serve(1)
        except OSError as error:
            self.outcome.append(error)

    def ask(self, opcode: int, body: bytes = b"", node: int = 1) -> tuple[int, bytes]:
        """The error and the bytes of an answer."""
        head = protocol.REQUEST.pack(protocol.REQUEST.size + len(body), opcode, 7, node, 0, 0, 0, 0, 0)
        self._ours.send(head + body)
        answer = self._ours.recv(1 << 20)
        length, error, unique = protocol.ANSWER.unpack_from(answer)
        assert length == len(answer) and unique == 7
        return -error, answer[protocol.ANSWER.size :]

    def end(self) -> None:
        """Hang up, and wait for the session to end."""
        self._ours.close()
        self._thread.join()


def _nothing(opcode: int, node: int, body: memoryview) -> Pieces:  # noqa: ARG001
    if opcode == protocol.READ:
        return [memoryview(b"ab")] * 1000
    raise OSError(errno.ENOSYS, "")


def test_questions_are_answered() -> None:
    """The protocol is agreed on first; then a question gets its pieces, however many, or its error."""
    kernel = _Kernel(_nothing)
    assert kernel.ask(protocol.OPEN)[0] == errno.EIO and not kernel.begun.is_set()
    assert kernel.ask(protocol.INIT, _INIT.pack(8, 0, 0, 0)) == (0, protocol.init_answer(7, 0, 0, 0))
    error, answer = kernel.ask(protocol.INIT, _INIT.pack(7, 45, 131072, 0xFFFFFFFF))
    major, minor, readahead, flags, *_ = protocol.INIT_OUT.unpack(answer)
    assert (error, major, minor, readahead, flags) == (0, 7, protocol.OUR_MINOR, 131072, protocol.WANTED)
    assert kernel.ask(protocol.READ) == (0, b"ab" * 1000)
    assert kernel.begun.is_set()
    assert kernel.ask(protocol.OPEN) == (errno.ENOSYS, b"")
    kernel.end()
    assert kernel.outcome == []


def test_a_kernel_that_is_too_old_is_refused() -> None:
    """It is told so, and the user hears which protocol it speaks."""
    kernel = _Kernel(_nothing)
    assert kernel.ask(protocol.INIT, _INIT.pack(7, 20, 0, 0))[0] == errno.EPROTO
    kernel.end()
    assert "7.20" in str(kernel.outcome[0]) and not kernel.begun.is_set()


@pytest.mark.root
@pytest.mark.parametrize("way", [attaching.by_root, attaching.by_helper])
def test_linux_mounts_it(tmp_path: Path, way: Callable[..., int]) -> None:
    """By the system call and by fusermount3: Linux shows the mount under its name, and asks until it is unmounted."""
    mounts.require_fuse()
    begun = threading.Event()

    def answer(opcode: int, node: int, body: memoryview) -> Pieces:  # noqa: ARG001
        if opcode == protocol.STATFS:
            return (protocol.STATFS_OUT.pack(0, 0, 0, 0, 0, 512, 77, 0, 0),)
        raise OSError(errno.ENOSYS, "")

    descriptor = way(str(tmp_path), "strongroom:test", ["allow_other", "default_permissions"])
    thread = threading.Thread(target=Session(descriptor, answer, begun.set).serve, args=(1,))
    thread.start()
    try:
        waiting.until(begun.is_set)
        assert os.statvfs(tmp_path).f_namemax == 77
        with open("/proc/self/mounts") as file:
            (line,) = (line.split() for line in file if line.split()[1] == str(tmp_path))
        assert line[0] == "strongroom:test" and line[2] == "fuse.strongroom"
        assert {"ro", "nosuid", "nodev", "allow_other", "default_permissions"} <= set(line[3].split(","))
    finally:
        assert mountpoint.unmount(str(tmp_path))
        thread.join()
