"""``--stdin`` and ``--stdin-from-command``: a stream that is saved as one file."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from strongroom.archive.backup.options import BackupOptions, Stream
from strongroom.base.clock import monotonic
from strongroom.base.errors import Interrupted, UsageError
from strongroom.base.record import replace

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.cli.shared.context import Context


GRACE = 3.0
"""Seconds for a command to end after SIGTERM; one that takes no notice is killed."""
_LOOK = 0.1


@contextlib.contextmanager
def opened(context: Context, options: BackupOptions) -> Iterator[BackupOptions]:
    """The options with their stream, if one is asked for. A command is ended when the backup is over."""
    arguments = context.arguments
    name = os.fsencode(arguments.stdin_filename)
    if arguments.stdin_from_command:
        command = Command(arguments.paths, lambda how: _tell(context, name, how))
        held = context.signals.locks()  # whoever ends this process ends the command
        held.add(command)
        try:
            yield replace(options, stream=Stream(command.start, name, command.must_have_succeeded))
        finally:
            command.release()
            held.remove(command)
    elif arguments.stdin:
        yield replace(options, stream=Stream(sys.stdin.fileno, name))
    else:
        yield options


def _tell(context: Context, name: bytes, how: str) -> None:
    """restic's event of a command that failed, which comes before the end's."""
    if context.json:
        item = "/" + name.decode("utf-8", "backslashreplace").lstrip("/")
        message = f"failed to save {item}: Fatal: command failed: {how}"
        error = {"message_type": "error", "error": {"message": message}, "during": "archival", "item": item}
        context.out.warn_json(error)


class Command:
    """A command whose output is saved.

    It has a process group of its own, so that all it starts is ended with it. Not where we stand in the foreground of
    a terminal: from there it could ask nobody for a password, and a key press that ends us ends it anyhow.
    """

    def __init__(self, words: Sequence[str], failed: Callable[[str], None] = lambda _how: None) -> None:
        """``failed`` hears how a command ended that did not succeed, in Go's words."""
        self._words = list(words)
        self._failed = failed
        self._process: subprocess.Popen[bytes] | None = None
        self._has_group = not _is_foreground()

    def start(self) -> int:
        """Start it; the descriptor of what it prints. Raises ``UsageError``."""
        import subprocess

        try:
            self._process = subprocess.Popen(
                self._words, stdout=subprocess.PIPE, process_group=0 if self._has_group else None
            )
        except OSError as error:
            hint = "Check its name; it is not run by a shell."
            raise UsageError(
                f"the command cannot be started: {error.strerror}", subject=self._words[0], hint=hint
            ) from None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def must_have_succeeded(self, stopped: Callable[[], bool]) -> None:
        """Wait for its end. One that failed has not printed all; half a dump must not pass for a backup."""
        assert self._process is not None
        while (code := self._process.poll()) is None:
            if stopped():
                raise Interrupted("interrupted")
            time.sleep(_LOOK / 10)
        if code != 0:
            how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
            self._failed(f"exit status {code}" if code > 0 else f"signal: {(signal.strsignal(-code) or '').lower()}")
            raise UsageError(
                f"the command ended {how}; no snapshot was made",
                subject=self._words[0],
                hint="What it said stands above.",
            )

    def abandon(self) -> None:
        """Kill it and what it started, and wait for nobody."""
        if self._process is not None and self._process.poll() != 0:
            self._signal(signal.SIGKILL)

    def release(self) -> None:
        """End it and what it started, unless it came to a good end by itself."""
        process = self._process
        if process is None or process.poll() == 0:
            return
        if process.stdout is not None:
            process.stdout.close()
        self._signal(signal.SIGTERM)
        end = monotonic() + GRACE
        while monotonic() < end and self._is_alive():
            time.sleep(_LOOK / 10)
        self._signal(signal.SIGKILL)
        process.wait()

    def _is_alive(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None or (self._has_group and self._signal(0))

    def _signal(self, number: int) -> bool:
        """Send a signal. Whether there was anybody to get it."""
        assert self._process is not None
        try:
            if self._has_group:
                os.killpg(self._process.pid, number)
            elif self._process.poll() is None:
                self._process.send_signal(number)
            else:
                return False
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _is_foreground() -> bool:
    """Whether we are what a terminal's key presses go to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
