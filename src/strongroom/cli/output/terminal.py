"""Progress and results for people: a live status on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.quantities import format_bytes
from strongroom.cli.output import summaries
from strongroom.cli.output.command_reporter import CommandReporter
from strongroom.cli.output.out import Out, OutputClosed
from strongroom.cli.output.rate import Rate
from strongroom.cli.output.text import format_percent, format_seconds, printable, shorten, width

if TYPE_CHECKING:
    from strongroom.base.progress import BackupSummary, Change, RestoreSummary, Status

MAX_CURRENT_FILES = 2
LASTING = ("packs", "packs copied", "pack files", "files deleted")
"""What is counted with a last line that stays."""
_STEPS = ("scan", "archival", "restore")
"""What restic's messages name in brackets; of other verbs' errors everybody knows when they arose."""
LINE_INTERVAL = 60.0
"""Seconds between two progress lines where nobody watches."""


class TerminalReporter(CommandReporter):
    """Shows what the engine reports as text.

    ``verbosity``: 0 with ``-q``, 1 normally, 2 with ``-v``, 3 with ``-vv``. ``frames`` is the number of updates a
    second that ``RESTIC_PROGRESS_FPS`` asked for; without it 10 on a terminal, and a line a minute elsewhere.
    """

    def __init__(self, out: Out, verbosity: int = 1, frames: float | None = None) -> None:
        super().__init__()
        self._out = out
        self._verbosity = verbosity
        self._live = out.is_terminal and verbosity > 0
        self._interval = 1 / frames if frames else 0.1 if self._live else LINE_INTERVAL
        self._started = self._last_shown = monotonic()
        if self._live:
            self._last_shown = 0.0
        self._lock = threading.RLock()
        self._drawn: list[str] = []
        self._rate = Rate()
        self._now = ""
        self._current: tuple[bytes | str, ...] = ()
        self._gone = False
        self.wants_changes = verbosity >= 3
        self.wants_status = verbosity > 0

    # what the engine calls

    def message(self, text: str, level: int = 1) -> None:
        if self._verbosity >= level:
            self._print(text)

    def warning(self, text: str) -> None:
        with self._lock:
            self._erase()
            self._out.warn(f"warning: {text}")

    def error(self, item: bytes | str, message: str, during: str) -> None:
        what = f"{printable(item)}: {message}" if item else message
        with self._lock:
            self._erase()
            self._out.warn(f"error: {what}" + (f" ({during})" if during in _STEPS else ""))

    def skipped(self, item: bytes | str, why: str) -> None:
        with self._lock:
            self._erase()
            self._out.warn(f"{printable(item)} {why}, skipping")

    def scan_finished(self, files: int, size: int, seconds: float) -> None:
        self.message(f"scan finished in {seconds:.3f}s: {files} files, {format_bytes(size)}", 2)

    def changed(self, change: Change) -> None:
        if not self.wants_changes:
            return
        text = f"{change.action:<9} {printable(change.item)}"
        if change.action in ("new", "modified"):
            added, stored = format_bytes(change.data_size), format_bytes(change.data_size_in_repo)
            text += f", saved in {change.duration:.3f}s ({added} added, {stored} stored"
            is_directory = os.fsencode(change.item).endswith(b"/")
            text += f", {format_bytes(change.metadata_size_in_repo)} metadata)" if is_directory else ")"
        elif change.size:
            text += f" with size {format_bytes(change.size)}"
        self._print(text)

    def status(self, status: Status) -> None:
        with self._lock:
            now = monotonic()
            self._rate.add(now, status.bytes_done)
            self._now, self._current = self._sentence(status, now), status.current_files
            self._show(now)

    def count(self, what: str, done: int, total: int = 0, size: tuple[int, int] | None = None) -> None:
        with self._lock:
            now = monotonic()
            share = f"{format_percent(done, total)}  {done} / {total}" if total else f"{done}"
            self._now, self._current = f"[{format_seconds(now - self._started)}] {share} {what}", ()
            if what in LASTING and done >= total and self._verbosity > 0:
                self._print(self._now)
            else:
                self._now += self._speed(now, *size) if size is not None else ""
                self._show(now)

    def _speed(self, now: float, done: int, total: int) -> str:
        """How fast it goes and how long it will take, as far as that can be told."""
        self._rate.add(now, done)
        left = self._rate.seconds_left(done, total)
        text = f", {format_bytes(self._rate.per_second)}/s" if self._rate.per_second else ""
        return text + (f" ETA {format_seconds(left)}" if left is not None else "")

    def backup_summary(self, summary: BackupSummary) -> None:
        self._finish()
        if self._verbosity > 0 or summary.failure:
            for line in summaries.backup_lines(summary, self._verbosity):
                self._print(line)

    def restore_summary(self, summary: RestoreSummary) -> None:
        self._finish()
        if self._verbosity > 0:
            for line in summaries.restore_lines(summary):
                self._print(line)

    # what the command line calls

    def show_now(self) -> None:
        """Print where we are, as a line that stays: the answer to SIGUSR1."""
        with self._lock:
            self._print(self._now or f"[{format_seconds(monotonic() - self._started)}] nothing to report yet")
            for item in self._current[:MAX_CURRENT_FILES]:
                self._print("  " + printable(item))
            self._write("", flush=True)  # into a file, too: whoever asked looks there now

    def close(self) -> None:
        """Take the live status off the terminal."""
        self._finish()

    # drawing

    def _sentence(self, status: Status, now: float) -> str:
        done = f"{status.files_done} files {format_bytes(status.bytes_done)}"
        text = f"[{format_seconds(now - self._started)}] "
        if status.files_total and status.total_known:
            share = format_percent(status.bytes_done, status.bytes_total)
            text += f"{share}  {done}, total {status.files_total} files {format_bytes(status.bytes_total)}"
        else:
            text += done
        if status.files_skipped:
            text += f", skipped {status.files_skipped} files {format_bytes(status.bytes_skipped)}"
        text += f", {status.errors} errors" if status.errors else ""
        if self._rate.per_second:
            text += f", {format_bytes(self._rate.per_second)}/s"
        left = self._rate.seconds_left(status.bytes_done, status.bytes_total) if status.total_known else None
        return text + (f" ETA {format_seconds(left)}" if left is not None else "")

    def _show(self, now: float) -> None:
        if self._verbosity == 0 or now - self._last_shown < self._interval:
            return
        self._last_shown = now
        if not self._live:
            self._print(self._now)
            self._write("", flush=True)  # a line a minute is there to be read in that minute
            return
        columns = _columns()
        lines = [shorten(line, columns - 1) for line in (self._now, *map(printable, self._current[:MAX_CURRENT_FILES]))]
        self._write(self._erasure() + "\n".join(lines), flush=True)
        self._drawn = lines

    def _finish(self) -> None:
        with self._lock:
            self._erase()

    def _print(self, text: str) -> None:
        with self._lock:
            self._erase()
            safe = "\n".join(line if line.isprintable() else printable(line) for line in text.split("\n"))
            self._write(
                safe.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") + "\n", flush=self._live
            )

    def _erase(self) -> None:
        if self._drawn:
            self._write(self._erasure(), flush=True)
            self._drawn = []

    def _erasure(self) -> str:
        """The escape sequence that takes back what was drawn, also when the window has become narrower since."""
        if not self._drawn:
            return ""
        columns = _columns()
        rows = sum(max(1, -(-width(line) // columns)) for line in self._drawn)
        return "\r" + f"\x1b[{rows - 1}A" * (rows > 1) + "\x1b[J"

    def _write(self, text: str, *, flush: bool = False) -> None:
        """A backup goes on when whoever watched it has gone."""
        if self._gone:
            return
        try:
            self._out.write(text, flush=flush)
        except (OutputClosed, OSError):
            self._gone = True


def _columns() -> int:
    try:
        return max(20, os.get_terminal_size(1).columns or 80)
    except OSError:
        return 80
