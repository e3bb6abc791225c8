"""Signals: the first one asks to stop, the second one stops; SIGUSR1 shows progress."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import Interrupted
from strongroom.cli import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.repository.held_locks import HeldLocks

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME = 0.5
"""Seconds within which signals are one wish: `timeout` sends to the process and to its group, which is it again."""
LONGEST = 8.0
"""Seconds after the first signal at which the process ends whatever it is waiting for: ten are promised."""
UNLOCKING = 1.0
"""Seconds for the removal of our locks by a process that ends at once."""
ENDING = 3.0
"""Seconds for the removal of locks that an error or a signal left behind."""


class Signals:
    """What signals do at this moment.

    By default the first one raises ``Interrupted`` in the main thread, so that locks are released on the way out.
    While ``cooperative`` work runs, it sets the reporter's ``stop`` instead, and the work ends by itself. A second one
    leaves at once, but for a last try to remove our locks; what is stored then is safe by the order of writing.

    Once stores are in use, a thread hears the signals, too: the main one may be in a call that does not come back.
    """

    def __init__(self) -> None:
        self._reporter: CommandReporter | None = None
        self._watched: CommandReporter | None = None
        self._asked = False
        self._first: float | None = None
        self._over = False
        self._locks: HeldLocks | None = None

    @property
    def asked(self) -> bool:
        """Whether the user has asked to stop."""
        return self._asked

    def install(self) -> None:
        """Take over the signals. One that was ignored when we started (nohup) stays ignored."""
        for number in _STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._stop)
        signal.signal(signal.SIGUSR1, self._show)
        sys.unraisablehook = _say_unless_interrupted

    def heed(self) -> None:
        """Raise ``Interrupted`` if somebody has asked to stop. For a server whose own handlers stand now.

        One that came before them may be lost: Python drops what is raised within a callback of the garbage collector,
        of an import's locks or of a destructor, and the server would serve on.
        """
        if self._asked:
            raise Interrupted("interrupted")

    def hear_interrupts(self) -> None:
        """Heed SIGINT though it was ignored when we started, as it is for what a script starts with ``&``."""
        signal.signal(signal.SIGINT, self._stop)

    def locks(self) -> HeldLocks:
        """The locks that are given back however this ends. To be asked for, in the main thread, before a store is."""
        if self._locks is None:
            from strongroom.repository.held_locks import HeldLocks

            self._locks = HeldLocks(one_each=True)
            if threading.current_thread() is threading.main_thread():
                receive, send = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
                signal.set_wakeup_fd(send, warn_on_full_buffer=False)
                threading.Thread(target=self._listen, args=(receive,), name="strongroom-signals", daemon=True).start()
        return self._locks

    @contextmanager
    def cooperative(self, reporter: CommandReporter) -> Iterator[None]:
        """While this lasts, the work watches ``reporter.stop``."""
        self._reporter = reporter
        if self._asked:
            reporter.stop.set()
        try:
            yield
        finally:
            self._reporter = None

    def watch(self, reporter: CommandReporter | None) -> None:
        """Whom SIGUSR1 asks outside of cooperative work."""
        self._watched = reporter

    def conclude(self) -> None:
        """The command is over: give back what locks an error or a signal has left."""
        self._over = True
        if self._locks is not None:
            self._locks.release(ENDING)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        now = monotonic()
        if self._first is not None:
            if self._locks is None and now - self._first >= SAME:
                os._exit(exit_codes.INTERRUPTED)
            return  # the thread ends the process
        self._first = now
        self._asked = True
        if self._reporter is not None:
            self._reporter.stop.set()
            self._reporter.warning(
                f"{signal.Signals(number).name}: ending what is under way; once more to stop at once"
            )
        elif not self._over:
            raise Interrupted("interrupted")

    def _listen(self, receive: int) -> None:
        """Hear the signals, and end the process at the second one, or when it takes too long."""
        first: float | None = None
        while True:
            now = monotonic()
            left = None if first is None else first + LONGEST - now
            ready = select.select([receive], [], [], left if left is None or left > 0 else 0)[0]
            if not ready:
                self._leave("interrupted; what was under way did not end in time")
            now = monotonic()
            if not any(number in _STOPPING for number in os.read(receive, 64)):
                continue
            if first is None:
                first = now
                self._asked = True
                if self._reporter is not None:
                    self._reporter.stop.set()
            elif now - first >= SAME:
                self._leave("interrupted twice; ended at once")

    def _leave(self, words: str) -> None:
        if self._locks is not None:
            self._locks.abandon(UNLOCKING)
        with suppress(OSError):
            os.write(2, f"{words}\n".encode())
        os._exit(exit_codes.INTERRUPTED)

    def _show(self, _number: int, _frame: FrameType | None) -> None:
        reporter = self._reporter or self._watched
        if reporter is not None:
            with suppress(RuntimeError):  # it came while this very thread writes, which cannot be entered twice
                reporter.show_now()


def _say_unless_interrupted(dropped: sys.UnraisableHookArgs) -> None:
    """What Python says of an exception that it drops; nothing of a wish to stop, after which is asked again."""
    if not isinstance(dropped.exc_value, Interrupted):
        sys.__unraisablehook__(dropped)
