"""Metrics for Prometheus: rest-server's names, and ours. Every worker counts into files that the answer adds up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.base.objects import Kind


def use_folder(folder: str) -> None:
    """Where the workers' counts are; before any worker begins. What an earlier run left there is removed."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith((".db", ".db.new")):
            os.unlink(os.path.join(folder, name))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


class Metrics:
    """The counters of one worker."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        if not enabled:
            return
        from prometheus_client import Counter, Gauge  # noqa: PLC0415 - reads the folder's name when imported

        from strongroom.gateway.watch import counter_files  # noqa: PLC0415 - the same

        counter_files.use()
        labels = ("user", "repo", "type")
        self._counters = {
            f"{verb}_{what}": Counter(f"rest_server_blob_{verb}_{name}", text, labels)
            for verb in ("write", "read", "delete")
            for what, name, text in (
                ("total", "total", f"Total number of blobs {verb}"),
                ("bytes", "bytes_total", f"Total number of bytes {verb} in blobs"),
            )
        }
        self._refusals = Counter("strongroom_refusals_total", "Requests that were refused", ("reason",))
        self._answers = Counter("strongroom_answers_total", "Answers by status", ("status",))
        self._by_status: dict[int, Counter] = {}
        self._snapshot = Gauge(
            "strongroom_last_snapshot_seconds",
            "Arrival of the newest snapshot since start, by the gateway's clock",
            ("repo",),
            multiprocess_mode="max",
        )
        self._clock = Gauge(
            "strongroom_clock_suspect", "Whether the gateway's clock is in doubt", multiprocess_mode="livemax"
        )
        self._read_alarms = Counter("strongroom_read_alarms_total", "Days on which somebody read too much", ("user",))
        self._lost, self._unlogged = (
            Gauge(f"strongroom_{name}_objects", f"Objects that {what}", ("repo",), multiprocess_mode="livemax")
            for name, what in (("lost", "the log has and the store lacks"), ("unlogged", "have no receipt"))
        )
        self._plain = Gauge(
            "strongroom_plaintext_beyond_loopback", "Whether passwords may travel unencrypted", multiprocess_mode="max"
        )

    def clock(self, *, suspect: bool) -> None:
        """Note whether the clock is in doubt."""
        if self._enabled:
            self._clock.set(int(suspect))

    def read_alarm(self, user: str) -> None:
        """Count an alarm of the meter of reads."""
        if self._enabled:
            self._read_alarms.labels(user).inc()

    def compared(self, repository: str, lost: int, unlogged: int) -> None:
        """Note what a comparison of the log with the store found."""
        if self._enabled:
            self._lost.labels(repository).set(lost)
            self._unlogged.labels(repository).set(unlogged)

    def blob(self, verb: str, user: str, repository: str, kind: Kind, size: int) -> None:
        """Count an object that was written, read or deleted."""
        if self._enabled:
            labels = (user, repository, kind.value)
            self._counters[f"{verb}_total"].labels(*labels).inc()
            self._counters[f"{verb}_bytes"].labels(*labels).inc(size)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        if self._enabled:
            self._refusals.labels(reason).inc()

    def answered(self, status: int) -> None:
        """Count an answer."""
        if self._enabled:
            counter = self._by_status.get(status)
            if counter is None:
                counter = self._by_status[status] = self._answers.labels(str(status))
            counter.inc()

    def snapshot(self, repository: str, seconds: float) -> None:
        """Note when a snapshot arrived."""
        if self._enabled:
            self._snapshot.labels(repository).set(seconds)

    def plaintext(self, *, beyond_loopback: bool) -> None:
        """Note whether we listen without TLS for more than this machine."""
        if self._enabled:
            self._plain.set(int(beyond_loopback))

    def text(self) -> bytes:
        """All workers' counts in Prometheus's text format."""
        from prometheus_client import CollectorRegistry, generate_latest, multiprocess  # noqa: PLC0415

        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
