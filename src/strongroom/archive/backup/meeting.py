"""Where the repositories of a job meet, so that one pass over the source serves all of them.

Nobody waits for one that is stuck: it gets a pass of its own when it is ready. A stream can be read once, so there it
gets nothing, and is waited for a little longer.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from strongroom.archive.backup.one_pass import Pass, Reread
from strongroom.archive.backup.options import BackupResult
from strongroom.archive.backup.parents import share_parents
from strongroom.archive.backup.sender import PATIENCE
from strongroom.base.clock import monotonic
from strongroom.base.errors import Interrupted, StrongroomError, Unavailable, UsageError
from strongroom.base.progress import BackupSummary
from strongroom.repository.keyring import is_deriving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup.one_pass import PassTarget
    from strongroom.archive.backup.options import BackupOptions
    from strongroom.archive.backup.parents import Parent
    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.base.progress import Reporter

SILENT, TROUBLED, LONGEST = 10.0, 2.0, 60.0
"""Seconds that those who are ready wait: for one that gets nothing done, for one whose requests fail, in all."""
STREAM_SILENT, STREAM_TROUBLED = 60.0, 20.0
"""The same for a stream, beside what the user allows for locks; one that moves is waited for."""
HOLDING = 60.0
"""Seconds of faults after which a repository that holds up a stream is given up."""


class Meeting:
    """One job: who is to come, the passes that were made of those who came, and how it came out for each."""

    def __init__(self, options: BackupOptions, reporter: Reporter) -> None:
        self.options = options
        if options.stream is not None:
            self.paths = ["/" + os.fsdecode(options.stream.name).lstrip("/")]
        else:
            self.paths = [os.fsdecode(os.path.abspath(path)) for path in options.paths]
        self.reporter = reporter
        self.passes: list[Pass] = []
        self.results: dict[StallWatch, BackupResult] = {}
        """By the repository's standing; without those that the user's wish to stop has ended."""
        self.written: list[tuple[StallWatch, str, str]] = []
        """Each snapshot of this job: whose it is, the repository's ID, its own."""
        self._expected: dict[StallWatch, None] = {}
        self._seats: list[PassTarget] = []
        self._first: float | None = None
        self._common: Pass | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._ending = threading.Lock()
        self._ended = False
        self._bad_end: StrongroomError | None = None

    def expect(self, standing: StallWatch) -> None:
        """A repository is to come."""
        self._expected[standing] = None

    def leave(self, standing: StallWatch) -> None:
        """It will not come any more, or is done."""
        with self._changed:
            self._expected.pop(standing, None)
            self._changed.notify_all()

    @property
    def incomplete(self) -> bool:
        """Whether something of the source could not be read."""
        return any(one.summary.failures for one in self.passes)

    def join(self, seat: PassTarget) -> tuple[Pass, int]:
        """Wait for the others, for a while, and return the pass with this repository's number in it."""
        with self._changed:
            if not self._closed:
                self._seats.append(seat)
                self._expected.pop(seat.standing, None)
                self._first = monotonic() if self._first is None else self._first
                self._changed.notify_all()
                while not self._closed and not self._is_time():
                    if self.reporter.stop.is_set():
                        raise Interrupted("interrupted before anything was stored")
                    self._changed.wait(PATIENCE)
                if not self._closed:
                    self._close(seat)
            if self._error is not None:
                raise self._error
            if self._common is not None and seat in self._seats:
                return self._common, self._seats.index(seat)
        if self.options.stream is not None:
            raise Unavailable(
                "was not ready when the stream was read, which nobody can read again",
                subject=seat.target.label,
                hint="Look at its store; the next run saves to it again.",
            )
        self.reporter.warning(f"{seat.target.label}: was not ready when the others began; now in a pass of its own")
        return self.pass_alone(seat), 0

    def pass_alone(self, seat: PassTarget) -> Pass:
        """Begin a pass for one repository, over the source as it is now. Raises ``UsageError`` when nothing is there.

        What the others' pass saw counts for nothing here, neither the tree nor the time.
        """
        if not any(map(os.path.lexists, self.options.paths)):
            raise UsageError(
                "nothing of what shall be backed up exists any more",
                subject=seat.target.label,
                hint="It was there when the other repositories got their snapshots.",
            )
        made = self._make([seat], seat.target.repository.surroundings.clock.now_ns())
        self.passes.append(made)
        return made

    def must_have_ended_well(self) -> None:
        """Raise what the maker of the stream says of its end; asked before each snapshot."""
        stream = self.options.stream
        if stream is None or stream.ended is None:
            return
        with self._ending:
            if not self._ended:
                self._ended = True
                try:
                    stream.ended(self.reporter.stop.is_set)
                except StrongroomError as error:
                    self._bad_end = error
            if self._bad_end is not None:
                raise self._bad_end

    def look(self) -> None:
        """To be called now and then: give up who holds a stream up without being any use to it."""
        if self.reporter.stop.is_set():
            for one in list(self.passes):
                one.cancel()
            return
        if self._common is None or self.options.stream is None:
            return
        for number in self._common.holding_up():
            seat = self._seats[number]
            if seat.standing.trouble >= HOLDING:
                error = Unavailable(
                    "was given up, since it held up a stream that nobody can read again",
                    subject=seat.target.label,
                    hint="What was said of its requests stands above.",
                )
                self._common.fail(number, error)
                seat.standing.give_up()

    def _is_time(self) -> bool:
        if not self._expected:
            return True
        if is_deriving():  # on a busy machine that alone may take longer than anybody is waited for
            for standing in self._expected:
                standing.waits_for_us()
        if self.options.stream is not None:
            patience = self.options.retry_lock_seconds
            stuck = (STREAM_SILENT + patience, STREAM_TROUBLED + patience)
        else:
            stuck = (SILENT, TROUBLED)
            if self._first is not None and monotonic() - self._first >= LONGEST:
                return True
        return all(standing.is_stuck(*stuck) for standing in self._expected)

    def _close(self, seat: PassTarget) -> None:
        # Those who come from now on are late, whatever becomes of the pass.
        self._closed = True
        try:
            self._common = self._make(self._seats, seat.target.repository.surroundings.clock.now_ns())
            self.passes.append(self._common)
        except BaseException as error:
            self._error = error
        self._changed.notify_all()

    def _make(self, seats: Sequence[PassTarget], now_ns: int) -> Pass:
        repositories = [seat.target.repository for seat in seats]
        parents = share_parents(repositories, [seat.parent for seat in seats], self.reporter)
        if len(seats) == 1:
            self._say_parent(parents[0])
        recorded = max((parent.recorded_ns for parent in parents if parent), default=0)
        state = next((repository.state for repository in repositories if repository.state is not None), None)
        share = None
        if recorded and state is not None:  # by the salt of the first repository that this host remembers
            share = Reread(state.salt, recorded // 1_000_000_000, now_ns // 1_000_000_000)
        trees = [parent.tree if parent else None for parent in parents]
        return Pass(seats, trees, self.options, self.reporter, share, now_ns)

    def _say_parent(self, parent: Parent | None) -> None:
        """In restic's words, which wrappers match (autorestic)."""
        if parent is not None and parent.snapshot:
            self.reporter.message(f"using parent snapshot {parent.snapshot[:8]}")
        elif parent is None and self.options.stream is None:
            self.reporter.message("no parent snapshot found, will read all files")


def failure(label: str, options: BackupOptions, error: StrongroomError) -> BackupResult:
    """The result of a repository that got no snapshot."""
    return BackupResult(label, BackupSummary(repository=label, source=options.source, failure=str(error)), error)
