"""One attempt of a scheduled run: `strongroom backup --source` as a child, its events turned into lines of a log."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from typing import IO, TYPE_CHECKING, Any

from strongroom.base.clock import SYSTEM
from strongroom.base.record import field, mutable
from strongroom.cli.output.text import printable
from strongroom.cli.schedule.shared import CODES, child_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.fleet.host.schedule.terms import SourceSchedule

MOST_LOG = 64 << 10
_MOST_PATHS = 20
_NANO = 1_000_000_000
_NAMELESS = "error: something could not be read; the log on this host names it"
_PATH = re.compile(r"(?<![\w:/.~*])~?/[^\s/].*")


def without_names(text: str) -> str:
    """A text of several lines, of which each ends where the first path would be: nobody knows where a name ends."""
    return "\n".join(_PATH.sub("…", line) for line in text.splitlines())


@mutable
class AttemptRecord:
    """What a child said: its summaries, the paths that it could not read, and its log as people read it."""

    source: str
    summaries: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    code: int = -1
    started: int = 0
    ended: int = 0
    retry_at: int | None = None
    """When it is tried again; times are seconds since 1970."""
    size: int = 0
    """Characters of ``lines``."""
    unread: int = 0
    """How many errors there were about what is backed up."""

    def keep(self, text: str) -> None:
        """One more line of the log, of which a report has the end: a million files that cannot be read are no memory's
        to hold."""
        self.lines.append(text[-MOST_LOG:])
        self.size += len(self.lines[-1])
        if self.size > 4 * MOST_LOG:
            while self.size > 2 * MOST_LOG and len(self.lines) > 1:
                self.size -= len(self.lines.pop(0))


class BackupAttempts:
    """Makes attempts, of several sources at once perhaps, and ends those under way when asked."""

    def __init__(
        self,
        options: list[str],
        say: Callable[[str], None],
        tell: Callable[[SourceSchedule, int | None, AttemptRecord], None] = lambda _schedule, _due, _record: None,
        begin: Callable[[SourceSchedule, int | None, AttemptRecord], None] = lambda _schedule, _due, _record: None,
        *,
        names: bool = True,
    ) -> None:
        """``options``: those that the child gets, too. ``begin`` hears of each attempt that begins, ``tell`` of each
        that has ended. ``names``: whether records may have names of files; what is said here has them.
        """
        self._names = names
        self._options = options
        self._say = say
        self._tell = tell
        self._begin = begin
        self._children: set[subprocess.Popen[bytes]] = set()
        self._changing = threading.Lock()
        self._ending = False

    def is_idle(self) -> bool:
        """Whether no child runs."""
        return not self._children

    def end(self) -> None:
        """Ask the children to end; no new one is started."""
        with self._changing:
            self._ending = True
            for child in self._children:
                child.send_signal(signal.SIGTERM)

    def make(self, schedule: SourceSchedule, due: int | None, following: float | None) -> int:
        """Back the source up once. The exit code."""
        record = AttemptRecord(schedule.source, started=SYSTEM.now_ns() // _NANO)
        words = [*child_words(), *self._options, "backup", "--json", "--quiet", "--source", schedule.source]
        with self._changing:
            if self._ending:
                return 128 + signal.SIGINT
            child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
                env=os.environ | {"PYTHONUTF8": "1"},
            )  # fmt: skip
            self._children.add(child)
        self._say(f"{schedule.source}: begun")
        self._begin(schedule, due, record)
        try:
            readers = [
                threading.Thread(target=self._read, args=(stream, record), daemon=True)
                for stream in (child.stdout, child.stderr)
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            child.wait()
        except BaseException:
            child.send_signal(signal.SIGTERM)
            child.wait()
            raise
        finally:
            with self._changing:
                self._children.discard(child)
        record.code = child.returncode if child.returncode >= 0 else 128 - child.returncode
        record.ended = SYSTEM.now_ns() // _NANO
        if following is not None and record.code not in CODES.good | CODES.final:
            record.retry_at = record.ended + int(following)
        self._line(record, f"ended with exit code {record.code}")
        self._tell(schedule, due, record)
        return record.code

    def _read(self, stream: IO[bytes], record: AttemptRecord) -> None:
        with stream:
            for data in stream:
                text = data.decode("utf-8", "replace").strip()
                try:
                    event = json.loads(text)
                except ValueError:
                    event = None
                if not isinstance(event, dict):
                    self._line(record, text)
                    continue
                for line in _lines(event, record):
                    self._line(record, line, is_of_item=bool(event.get("item")))

    def _line(self, record: AttemptRecord, text: str, *, is_of_item: bool = False) -> None:
        if text:
            record.keep(text if self._names else _NAMELESS if is_of_item else without_names(text))
            for line in text.splitlines():
                self._say(f"{record.source}: {printable(line.encode())}")


def _lines(event: dict[str, Any], record: AttemptRecord) -> list[str]:
    """An event as people read it; what a report needs goes into the record."""
    kind = event.get("message_type")
    if kind == "summary":
        record.summaries.append(event)
        where = f" in {event['repository']}" if event.get("repository") else ""
        if event.get("snapshot_id"):
            counts = f"{event.get('total_files_processed', 0)} files, {event.get('data_added', 0)} bytes added"
            return [f"snapshot {event['snapshot_id'][:8]} saved{where}: {counts}"]
        return [f"no snapshot{where}: {event['failure']}"] if event.get("failure") else [f"no snapshot{where}"]
    if kind == "error":
        message = str(event.get("error", {}).get("message", ""))
        item = str(event.get("item", ""))
        if event.get("during") in ("scan", "archival"):
            record.unread += 1
            if len(record.paths) < _MOST_PATHS:
                record.paths.append(item)
        return [f"error: {item}: {message}" if item else f"error: {message}"]
    if kind in ("warning", "exit_error"):
        return [str(event.get("message", ""))]
    return []
