"""Progress and results as JSON events, one a line, with restic's names; ours are additions."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from strongroom.base.clock import monotonic
from strongroom.base.progress import SUMMARY_COUNTERS, Status
from strongroom.cli.output.command_reporter import CommandReporter
from strongroom.cli.output.out import Out, OutputClosed
from strongroom.cli.output.rate import Rate
from strongroom.cli.output.text import as_text

if TYPE_CHECKING:
    from strongroom.base.progress import BackupSummary, Change, RestoreSummary

_BACKUP = (
    *SUMMARY_COUNTERS,
    "total_duration",
    "backup_start",
    "backup_end",
)
_RESTORE = (
    "total_files",
    "files_restored",
    "files_skipped",
    "files_deleted",
    "total_bytes",
    "bytes_restored",
    "bytes_skipped",
)
_OURS = ("files_reread", "files_reread_different", "files_changed_while_read", "errors")


class EventReporter(CommandReporter):
    """Writes restic's ``status``, ``verbose_status``, ``error`` and ``summary`` events.

    With ``label_repositories`` each summary has ``repository``, which restic's single one does not have.
    """

    def __init__(self, out: Out, verbosity: int = 1, frames: float | None = None, *, restoring: bool = False) -> None:
        super().__init__()
        self._out = out
        self._verbosity = verbosity
        self._interval = 1 / frames if frames else 0.1
        self._restoring = restoring
        self._started = monotonic()
        self._last = 0.0
        self._rate = Rate()
        self._lock = threading.RLock()
        self._latest: Status | None = None
        self._gone = False
        self.wants_changes = verbosity >= 2
        self.wants_status = verbosity > 0

    def warning(self, text: str) -> None:
        self._out.warn_json({"message_type": "warning", "message": text})

    def error(self, item: bytes | str, message: str, during: str) -> None:
        event: dict[str, Any] = {"message_type": "error", "error": {"message": message}}
        event |= {"during": during, "item": as_text(item)}
        if during == "check":  # restic's check says it so
            event["message"] = f"{as_text(item)}: {message}" if item else message
        self._out.warn_json(event | ({"repository": self.repository} if self.repository else {}))

    def skipped(self, item: bytes | str, why: str) -> None:
        self.error(item, f"{as_text(item)} {why}, skipping", "scan")

    def scan_finished(self, files: int, size: int, seconds: float) -> None:
        if self._verbosity >= 2:
            event = self._verbose("scan_finished", "", seconds)
            event.update(data_size=size, total_files=files)
            self._emit(event)

    def changed(self, change: Change) -> None:
        if not self.wants_changes:
            return
        if self._restoring:
            self._emit(
                {
                    "message_type": "verbose_status",
                    "action": change.action,
                    "item": as_text(change.item),
                    "size": change.size,
                }
            )
            return
        event = self._verbose(change.action, as_text(change.item), change.duration)
        event.update(
            data_size=change.data_size,
            data_size_in_repo=change.data_size_in_repo,
            metadata_size=change.metadata_size,
            metadata_size_in_repo=change.metadata_size_in_repo,
        )
        self._emit(event)

    @staticmethod
    def _verbose(action: str, item: str, duration: float) -> dict[str, Any]:
        return {
            "message_type": "verbose_status",
            "action": action,
            "item": item,
            "duration": duration,
            "data_size": 0,
            "data_size_in_repo": 0,
            "metadata_size": 0,
            "metadata_size_in_repo": 0,
            "total_files": 0,
        }

    def status(self, status: Status) -> None:
        with self._lock:
            now = monotonic()
            self._rate.add(now, status.bytes_done)
            self._latest = status
            if now - self._last >= self._interval and self._verbosity > 0:
                self._last = now
                self.show_now()

    def _backup_status(self, status: Status, now: float) -> dict[str, Any]:
        left = self._rate.seconds_left(status.bytes_done, status.bytes_total) if status.total_known else None
        share = status.bytes_done / status.bytes_total if status.bytes_total and status.total_known else 0
        event: dict[str, Any] = {"message_type": "status", "percent_done": min(1, share)}
        optional = {
            "seconds_elapsed": int(now - self._started),
            "seconds_remaining": int(left) if left is not None else 0,
            "total_files": status.files_total,
            "files_done": status.files_done,
            "total_bytes": status.bytes_total,
            "bytes_done": status.bytes_done,
            "error_count": status.errors,
            "current_files": [as_text(item) for item in status.current_files],
        }
        event.update((name, value) for name, value in optional.items() if value)  # restic omits what is empty
        return event

    def _restore_status(self, status: Status, now: float) -> dict[str, Any]:
        share = status.bytes_done / status.bytes_total if status.bytes_total else 0
        event: dict[str, Any] = {
            "message_type": "status",
            "seconds_elapsed": int(now - self._started),
            "percent_done": min(1, share),
            "total_files": status.files_total,
            "files_restored": status.files_done,
            "files_skipped": status.files_skipped,
            "files_deleted": status.files_deleted,
            "total_bytes": status.bytes_total,
            "bytes_restored": status.bytes_done,
            "bytes_skipped": status.bytes_skipped,
        }
        return {name: value for name, value in event.items() if value or name in ("message_type", "percent_done")}

    def backup_summary(self, summary: BackupSummary) -> None:
        files, size = summary.total_files_processed, summary.total_bytes_processed
        self._last_status(Status(files, size, files, size, errors=summary.errors))
        event: dict[str, Any] = {"message_type": "summary"}
        if summary.dry_run:
            event["dry_run"] = True
        event.update((name, getattr(summary, name)) for name in _BACKUP)
        if summary.snapshot_id:
            event["snapshot_id"] = summary.snapshot_id
        event.update((name, getattr(summary, name)) for name in _OURS if getattr(summary, name))
        if self.label_repositories:
            event["repository"] = summary.repository
            if summary.failure:
                event["failure"] = summary.failure
        if summary.source:
            event["source"] = summary.source
        self._emit(event)

    def restore_summary(self, summary: RestoreSummary) -> None:
        end = Status(
            summary.files_restored,
            summary.bytes_restored,
            summary.total_files,
            summary.total_bytes,
            files_skipped=summary.files_skipped,
            bytes_skipped=summary.bytes_skipped,
            files_deleted=summary.files_deleted,
        )
        self._last_status(end)
        event: dict[str, Any] = {"message_type": "summary", "seconds_elapsed": int(summary.seconds_elapsed)}
        event.update((name, getattr(summary, name)) for name in _RESTORE)
        if summary.left_out:
            event["left_out"] = summary.left_out
        self._emit(event)

    def show_now(self) -> None:
        """Emit the latest status, once more if need be: the answer to SIGUSR1."""
        with self._lock:
            if self._latest is not None:
                now = monotonic()
                status = self._restore_status if self._restoring else self._backup_status
                self._emit(status(self._latest, now))

    def _last_status(self, end: Status) -> None:
        """Whoever draws a bar from the events sees how it ended before the summary comes, however quick it was."""
        with self._lock:
            if end.files_total and self._verbosity > 0:
                self._latest = end
                self.show_now()

    def _emit(self, event: dict[str, Any]) -> None:
        """A backup goes on when the program that read its events has gone."""
        if self._gone:
            return
        try:
            self._out.json(event)
        except (OutputClosed, OSError):
            self._gone = True
