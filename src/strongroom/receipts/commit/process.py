"""One process that commits the receipts of all workers of a gateway: one fsync of the database serves them all.

Workers that commit for themselves share a database but no transaction: each waits for the others' turns, and each
finds its page cache void because another has written. Here every upload that waits, of whatever worker, is in the
next transaction, and no thread of a worker hands anything to another thread of its process.

A worker's thread has a channel, a pair of sockets with the other end sent over a control socket that all share; a
draft is one message, and so is the answer. A channel that ends without an answer means that the process has died:
whether the receipt is durable is unknown then, so the answer is ``Unavailable``, and the client's next try finds out.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import threading
from typing import TYPE_CHECKING, Protocol

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.receipts.commit.committer import GROUP, Committed, Draft, Signed, boot_id, commit_group, nothing_signed
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.receipts.commit.clock_watch import ClockWatch

LARGEST = 64 * 1024
"""Bytes of a message; a leaf has 8 KiB at most."""
IDLE = 8
"""Channels that a worker keeps for later."""
_NEW, _FOUND, _FAILED = b"n", b"f", b"!"


class Commits(Protocol):
    """Whoever makes receipts durable."""

    def commit(self, draft: Draft) -> Committed:
        """Commit a receipt and wait until it is durable. Raises ``Unavailable``."""
        ...

    def close(self) -> None:
        """Commit what was asked for, and end."""
        ...


def control_pair() -> tuple[socket.socket, socket.socket]:
    """The control socket's two ends: the process's, and the one that all workers share."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class RemoteCommitter:
    """A worker's way to the process. Safe to use from many threads."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._idle: list[socket.socket] = []
        self._closed = False
        self._guard = threading.Lock()

    def commit(self, draft: Draft) -> Committed:
        """Commit a receipt and wait until it is durable. Raises ``Unavailable``, ``ValueError`` for a bad draft."""
        message = _pack(draft.check())
        channel = self._take()
        try:
            channel.send(message)
        except (BrokenPipeError, ConnectionResetError):  # the process was replaced, and has not seen this draft
            channel.close()
            channel = self._open()
            channel.send(message)
        try:
            answer = channel.recv(LARGEST)
        except ConnectionResetError:
            answer = b""
        if not answer:
            channel.close()
            raise Unavailable("the receipts' process ended; whether the receipt is durable is not known")
        self._put_back(channel)
        if answer[:1] == _FAILED:
            what, _, subject = answer[1:].decode().partition("\n")
            raise Unavailable(what, subject=subject)
        return Committed(answer[1:], new=answer[:1] == _NEW)

    def close(self) -> None:
        """Take no more. Nothing waits here: whoever asked has been answered."""
        with self._guard:
            self._closed = True
            for channel in self._idle:
                channel.close()
            self._idle.clear()

    def _take(self) -> socket.socket:
        with self._guard:
            if self._closed:
                raise Unavailable("the gateway is stopping")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _put_back(self, channel: socket.socket) -> None:
        with self._guard:
            if len(self._idle) < IDLE and not self._closed:
                self._idle.append(channel)
                return
        channel.close()

    def _open(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._control, [b"c"], [theirs.fileno()])
        return ours


class CommitProcess:
    """The process's loop."""

    def __init__(
        self,
        control: socket.socket,
        database: Database,
        clock: Clock,
        watch: Callable[[], ClockWatch],
        signed: Signed = nothing_signed,
    ) -> None:
        """``watch`` makes what doubts the clock; it asks the database, as may raise ``Unavailable``."""
        self._make_watch = watch
        self._watch: ClockWatch | None = None
        self._signed = signed
        self._control = control
        self._database = database
        self._clock = clock
        self._boot = boot_id()
        self._channels: dict[int, socket.socket] = {}
        self._poll = select.epoll()

    def commit_receipts(self) -> None:
        """Commit until every worker, and whoever starts workers, has closed the control socket."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # systemd and a terminal tell everybody; workers are still to drain
        self._poll.register(self._control.fileno(), select.EPOLLIN)
        with contextlib.suppress(Unavailable):  # while the database is away those who ask are told so
            self._watch = self._make_watch()
        while True:
            asked: list[tuple[socket.socket, Draft]] = []
            for descriptor, _ in self._poll.poll(maxevents=GROUP):
                if descriptor != self._control.fileno():
                    self._read(descriptor, asked)
                elif not self._admit():
                    return
            if asked:
                self._commit(asked)

    def _admit(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, 16, 4)
        for descriptor in descriptors:
            channel = socket.socket(fileno=descriptor)
            self._channels[descriptor] = channel
            self._poll.register(descriptor, select.EPOLLIN)
        return bool(data)

    def _read(self, descriptor: int, asked: list[tuple[socket.socket, Draft]]) -> None:
        channel = self._channels[descriptor]
        try:
            message = channel.recv(LARGEST)
        except ConnectionResetError:
            message = b""
        if message:
            asked.append((channel, _unpack(message)))
        else:
            self._poll.unregister(descriptor)
            self._channels.pop(descriptor).close()

    def _commit(self, asked: list[tuple[socket.socket, Draft]]) -> None:
        try:
            watch = self._watch = self._watch or self._make_watch()
            watch.look_if_due()
            drafts = [draft for _, draft in asked]
            done = commit_group(self._database, drafts, self._clock, self._boot, watch.suspect, self._signed)
        except Exception as error:  # whatever it is, those who wait must hear of it
            what = f"{error.what}\n{error.subject or ''}" if isinstance(error, StrongroomError) else f"{error!r}\n"
            for channel, _ in asked:
                _answer(channel, _FAILED + what.encode()[: LARGEST // 2])
            return
        for (channel, _), committed in zip(asked, done, strict=True):
            _answer(channel, (_NEW if committed.new else _FOUND) + committed.data)


def _answer(channel: socket.socket, message: bytes) -> None:
    # When its worker has gone, the receipt is found at the client's next try, or by the next start.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        channel.send(message)


_BETWEEN = "\x1f"
"""Between the fields of a draft as a message: none of them may hold it."""


_TYPES = {kind.value: kind for kind in LeafType}


def _pack(draft: Draft) -> bytes:
    time_ns = "" if draft.time_ns is None else str(draft.time_ns)
    texts = (draft.type.value, draft.repository, draft.kind, draft.name, draft.sha256, str(draft.size))
    message = _BETWEEN.join((*texts, draft.principal, draft.detail, time_ns, "1" if draft.unless_present else "0"))
    return message.encode("ascii")


def _unpack(message: bytes) -> Draft:
    # A worker has checked it: it is as trusted as this process, and the same program.
    kind, repository, word, name, sha256, size, principal, detail, time_ns, unless_present = message.decode().split(
        _BETWEEN
    )
    stamp = int(time_ns) if time_ns else None
    return Draft(
        _TYPES[kind], repository, word, name, sha256, int(size), principal, detail, stamp, unless_present == "1"
    )
