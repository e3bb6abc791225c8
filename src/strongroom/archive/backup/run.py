"""Back up: one pass over the source for any number of repositories, each with its own snapshot.

Each repository has a lane, a thread that opens, fills and finishes it and waits for no other. Here they are started,
watched, and shown.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from strongroom.archive.backup.lane import Lane
from strongroom.archive.backup.meeting import Meeting
from strongroom.archive.backup.options import BackupJob, BackupMember, BackupOutcome, BackupResult
from strongroom.archive.backup.sender import PATIENCE
from strongroom.base.clock import monotonic
from strongroom.base.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.archive.backup.one_pass import Pass
    from strongroom.archive.backup.options import BackupOptions, BackupTarget
    from strongroom.base.progress import Reporter

ENDING = 6.0
"""Seconds from the user's wish to stop until whoever does not end is left behind: the process ends after eight."""
IN_ORDER = 3.0
"""Seconds that a result waits, so that results are shown in the order of the repositories."""


def backup(targets: Sequence[BackupTarget], options: BackupOptions, reporter: Reporter) -> BackupOutcome:
    """Save one source into repositories that are open. As ``back_up``."""
    members = [BackupMember(target.label, lambda _standing, target=target: target) for target in targets]  # type: ignore[misc]
    (outcome,) = back_up([BackupJob(options, tuple(members))], reporter)
    return outcome


def back_up(
    jobs: Sequence[BackupJob],
    reporter: Reporter,
    show: Callable[[BackupJob, BackupResult], None] = lambda _job, _result: None,
) -> list[BackupOutcome]:
    """Save each job's source into every repository that can take it; one outcome for each job.

    A repository that fails is in the outcome with its error, and keeps no other from finishing; one that was too slow
    gets a pass of its own. ``show`` is called in this thread with each result when it is there. Raises ``Interrupted``
    when the reporter says stop; what was stored until then is used by the next run.
    """
    return _Run(jobs, reporter, show).go()


class _Run:
    """The lanes of a run, and what was shown of it."""

    def __init__(
        self, jobs: Sequence[BackupJob], reporter: Reporter, show: Callable[[BackupJob, BackupResult], None]
    ) -> None:
        self._jobs = jobs
        self._reporter = reporter
        self._show = show
        self._news = threading.Event()
        self._lanes: dict[int, Lane] = {}
        self._meetings: list[Meeting] = []
        self._waiting: list[tuple[BackupJob, Meeting, Lane]] = []
        self._held: dict[int, float] = {}
        self._reported: set[Pass] = set()
        for job in jobs:
            meeting = Meeting(job.options, reporter)
            self._meetings.append(meeting)
            for member in job.members:
                lane = self._lanes.setdefault(id(member), Lane(member, self._news.set))
                lane.meetings.append(meeting)
                meeting.expect(lane.standing)
                self._waiting.append((job, meeting, lane))
        for lane in self._lanes.values():
            lane.ends_at_failure = len(self._lanes) == 1

    def go(self) -> list[BackupOutcome]:
        """Start all, and wait for them."""
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.start()
        try:
            stopped: float | None = None
            while not all(lane.ended for lane in lanes):
                self._news.wait(PATIENCE)
                self._news.clear()
                self._look()
                if self._reporter.stop.is_set():
                    stopped = monotonic() if stopped is None else stopped
                    if monotonic() - stopped >= ENDING:
                        break
        except BaseException:  # nobody listens any more: end in an orderly manner, without a word
            self._reporter.stop.set()
            for meeting in self._meetings:
                meeting.look()
            end = monotonic() + ENDING
            while monotonic() < end and not all(lane.ended for lane in lanes):
                time.sleep(PATIENCE)
            raise
        self._look(last=True)
        for lane in lanes:
            if lane.fault is not None:
                raise lane.fault
        if self._reporter.stop.is_set():
            raise Interrupted("interrupted; what was stored so far is kept and used by the next run")
        return [self._outcome(job, meeting) for job, meeting in zip(self._jobs, self._meetings, strict=True)]

    def _outcome(self, job: BackupJob, meeting: Meeting) -> BackupOutcome:
        lanes = [self._lanes[id(member)] for member in job.members]
        results = [meeting.results[lane.standing] for lane in lanes if lane.standing in meeting.results]
        return BackupOutcome(results, meeting.incomplete)

    def _look(self, *, last: bool = False) -> None:
        """Show what is new: first what happened to files, then how repositories came out."""
        there = [entry for entry in self._waiting if entry[2].standing in entry[1].results]
        has_status = False
        for meeting in self._meetings:
            meeting.look()
            for one in list(meeting.passes):
                if one in self._reported:
                    continue
                over = one.is_over()
                one.report(status=not has_status)
                has_status = True
                if over:
                    self._reported.add(one)
        for entry in there:
            job, meeting, lane = entry
            since = self._held.setdefault(id(entry), monotonic())
            is_first = entry is self._waiting[0]
            if last or is_first or monotonic() - since >= IN_ORDER:
                self._waiting.remove(entry)
                self._show(job, meeting.results[lane.standing])
