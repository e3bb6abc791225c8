"""Signals: the first one asks to stop, the second one stops; SIGUSR1 shows progress."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted
from strongroom.cli import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from strongroom.cli.output.shown import ShownReporter

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """What signals do at this moment.

    By default the first one raises ``Interrupted`` in the main thread, so that locks are released on the way out.
    While ``cooperative`` work runs, it sets the reporter's ``stop`` instead, and the work ends by itself. A second one
    leaves at once; what is stored then is safe by the order of writing.
    """

    def __init__(self) -> None:
        self._reporter: ShownReporter | None = None
        self._watched: ShownReporter | None = None
        self._asked = False

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

    @contextmanager
    def cooperative(self, reporter: ShownReporter) -> Iterator[None]:
        """While this lasts, the work watches ``reporter.stop``."""
        self._reporter = reporter
        try:
            yield
        finally:
            self._reporter = None

    def watch(self, reporter: ShownReporter | None) -> None:
        """Whom SIGUSR1 asks outside of cooperative work."""
        self._watched = reporter

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(exit_codes.INTERRUPTED)
        self._asked = True
        if self._reporter is not None:
            self._reporter.stop.set()
            self._reporter.warning(
                f"{signal.Signals(number).name}: ending what is under way; once more to stop at once"
            )
            return
        raise Interrupted("interrupted")

    def _show(self, _number: int, _frame: FrameType | None) -> None:
        reporter = self._reporter or self._watched
        if reporter is not None:
            reporter.show_now()
