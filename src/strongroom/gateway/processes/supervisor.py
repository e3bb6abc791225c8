"""The parent of all processes of a gateway: starts them, starts those anew that ended, hands signals on.

There are the workers, which serve, and one process that commits the receipts of all (``commit_process``). At the end
that one goes last, by itself: it ends when nobody is left who could ask it for anything.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.clock import SystemClock, monotonic
from strongroom.base.server_log import LOG
from strongroom.database.engine import Database
from strongroom.gateway.allocator import give_memory_back
from strongroom.gateway.http.shares import Shares
from strongroom.gateway.processes.worker import SUPERVISED, exit_worker, run_worker, watch_of
from strongroom.receipts.commit.process import CommitProcess, control_pair
from strongroom.receipts.commit.tail import Tail

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from strongroom.gateway.http.tls import Certificates
    from strongroom.gateway.last_good import LastGoodFiles
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.receipts.log.note import Signer

COMMIT_CACHE = 4096
"""KiB of the database's pages in the process that commits: it has one connection, and every receipt touches its
index."""


@dataclass(frozen=True, slots=True)
class _Process:
    """What a process does, whether that is to serve, and when it began."""

    work: Callable[[], int]
    serves: bool
    begun: float


class Supervisor:
    """Runs a gateway's processes until SIGTERM or SIGINT."""

    def __init__(
        self,
        settings: GatewaySettings,
        signer: Signer,
        listeners: Sequence[socket.socket],
        certificates: Certificates | None,
        last_good: LastGoodFiles,
        *,
        beyond_loopback: bool,
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._listeners = listeners
        self._certificates = certificates
        self._last_good = last_good
        self._beyond = beyond_loopback
        self._receive, self._send = control_pair()
        self._shares = Shares(max(1, settings.workers))
        self._processes: dict[int, _Process] = {}
        self._due: list[tuple[float, _Process]] = []
        """What ended and is to be started anew, and when by the monotonic clock."""
        self._pid = os.getpid()
        self._stopping = False
        self._failed = False
        """Whether a process could not end in good order when it was told to."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever started us may have ignored it
        signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISED)  # from now on they wait until ``supervise`` asks for them

    def supervise(self) -> int:
        """Start everything, keep it running, wait for all at the end. The exit code.

        Signals are fetched, not handled: one that comes just before a wait begins would else be seen when that ends. A
        process is born with them blocked, and lets them in when its own handlers stand: one that came before would
        else raise the command line's ``Interrupted`` somewhere within an import, and be lost.
        """
        give_memory_back()
        gc.collect()
        gc.freeze()  # what is there is shared by all processes as long as nobody's collector writes marks into it
        self._start(self._commit)
        for number in range(self._shares.workers):
            self._start(functools.partial(self._serve, number), serves=True)
        while self._processes or self._due:
            found = signal.sigtimedwait(SUPERVISED, self._pause())
            if found is not None and found.si_signo == signal.SIGCHLD:
                self._reap()
            elif found is not None:
                self._hand_on(found.si_signo)
            self._start_due()
        return 1 if self._failed else 0

    def _pause(self) -> float:
        """Seconds until a process is to be started; a long while when none is."""
        return max(0.0, min((at for at, _ in self._due), default=monotonic() + 3600.0) - monotonic())

    def _start_due(self) -> None:
        now = monotonic()
        due = [one for at, one in self._due if at <= now]
        self._due = [(at, one) for at, one in self._due if at > now]
        for one in due:
            self._start(one.work, serves=one.serves)

    def _reap(self) -> None:
        """See to every process that has ended: one signal may stand for several."""
        while self._processes:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, code: int) -> None:
        ended = self._processes.pop(pid, None)
        if ended is None:
            return  # a child that whoever became this program had started
        what = "a worker" if ended.serves else "the process that commits receipts"
        if self._stopping:
            if code:
                LOG.error(f"{what} ended with {code} while the gateway was stopped")
                self._failed = True
            self._wind_up()
            return
        LOG.error(f"{what} ended with {code}; another one is started")
        self._due.append((ended.begun + 1.0, ended))  # never waited for: a stop must be heeded meanwhile

    def _wind_up(self) -> None:
        """While stopping: workers that drain need their receipts; without workers nobody does."""
        self._due.clear()
        if not any(one.serves for one in self._processes.values()):
            self._send.close()
        elif all(one.serves for one in self._processes.values()):
            self._start(self._commit)

    def _start(self, work: Callable[[], int], *, serves: bool = False) -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = work()
            except BaseException as error:
                LOG.error(f"{error}")
            exit_worker(code)
        self._processes[pid] = _Process(work, serves, monotonic())

    def _serve(self, number: int) -> int:
        self._receive.close()
        return run_worker(
            self._settings,
            self._signer,
            self._listeners,
            self._certificates,
            self._last_good,
            self._send,
            self._shares.of(number),
            parent=self._pid,
            beyond_loopback=self._beyond,
        )

    def _commit(self) -> int:
        self._send.close()
        for listener in self._listeners:
            listener.close()
        database, clock = Database(self._settings.database_url, cache=COMMIT_CACHE), SystemClock()
        watch = functools.partial(watch_of, self._settings, database, clock)
        origin, tail = self._signer.name, Tail(self._settings.tail_of(self._signer.name))
        CommitProcess(self._receive, database, clock, watch, lambda: (origin, tail.size())).commit_receipts()
        return 0

    def _hand_on(self, number: int) -> None:
        self._stopping = self._stopping or number != signal.SIGHUP
        for pid, process in self._processes.items():
            if process.serves:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM if number == signal.SIGINT else number)
        if self._stopping:
            self._wind_up()
