"""The hooks of a job in their order: ``before``, the work, ``after`` or ``failed``, and ``finally``."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.base.quantities import duration
from strongroom.base.record import field, mutable, record
from strongroom.fleet.host.hooks.commands import run_command
from strongroom.fleet.host.hooks.journal import FinallyEntry, FinallyJournal
from strongroom.fleet.host.processes import environment_for_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from strongroom.fleet.host.hooks.commands import CommandEnd

SKIP = 75
"""The exit code (EX_TEMPFAIL) with which a ``before`` says that there shall be no backup now."""
USUAL_SECONDS = 600.0


@mutable
class JobEnd:
    """How a job ended. ``good``: each repository got its snapshot, and each database, too."""

    code: int
    good: bool = False
    skipped: bool = False
    snapshots: list[str] = field(default_factory=list)


@record
class HookCodes:
    """The command's exit codes, which hooks are told and which a failed hook makes."""

    failed: int
    skipped: int
    of_error: Callable[[BaseException], int]


@record
class HookListener:
    """Who hears of hooks: of each command's end, and of what went wrong."""

    ended: Callable[[str, Sequence[str], CommandEnd], None]
    failed: Callable[[str], None]


class Hooks:
    """The hooks of one job; ``job`` is the source's name, empty for those of the whole host."""

    def __init__(
        self, table: Mapping[str, Any], job: str, run: str, journal: FinallyJournal, listener: HookListener
    ) -> None:
        self._table = table
        self._job = job
        self._run = run
        self._journal = journal
        self._listener = listener
        self._seconds = duration(table["timeout"]) if "timeout" in table else USUAL_SECONDS
        self._warns = table.get("on_failure") == "warn"

    def around(self, work: Callable[[], JobEnd], codes: HookCodes) -> JobEnd:
        """Do the work between its hooks. A ``before`` that fails keeps it from being done, unless it only warns.

        ``failed`` and ``finally`` run whatever is raised. Raises what the work raises, and ``StrongroomError`` when
        ``finally`` cannot be written down: nothing was done then.
        """
        end = JobEnd(codes.failed)
        with self._written_down():
            try:
                verdict = self._stage("before", {})
                if verdict == SKIP:
                    end = JobEnd(codes.skipped, skipped=True)
                elif not verdict:
                    end = work()
            except BaseException as error:
                end = JobEnd(codes.of_error(error))
                raise
            finally:
                told = {"STRONGROOM_CODE": str(end.code), "STRONGROOM_SNAPSHOT": " ".join(end.snapshots)}
                bad = 0
                try:
                    if not end.skipped:
                        bad = self._stage("after" if end.good else "failed", told)
                finally:
                    bad = self._stage("finally", told) or bad
                if bad and end.good:
                    end.code, end.good = codes.failed, False
        return end

    def _written_down(self) -> AbstractContextManager[None]:
        commands = self._table.get("finally", ())
        if not commands:
            return nullcontext()
        return self._journal.entered(FinallyEntry(self._job, self._run, commands, self._seconds))

    def _stage(self, stage: str, told: Mapping[str, str]) -> int:
        """Run the commands of a stage. 0, or the exit code that counts: of a failure, or ``SKIP``.

        Before a backup the first failure ends the stage; afterwards each command is run.
        """
        bad = 0
        for words in self._table.get(stage, ()):
            code = run_hook(stage, words, self._job, self._run, self._seconds, told, self._listener)
            if stage == "before" and code == SKIP:
                return SKIP
            if code and not self._warns:
                bad = 1
                if stage == "before":
                    break
        return bad


def run_hook(
    stage: str,
    words: Sequence[str],
    job: str,
    run: str,
    seconds: float,
    told: Mapping[str, str],
    listener: HookListener,
) -> int:
    """Run one command of a hook, and tell the listener. Its exit code; 1 when it could not be run or took too long."""
    own = {"STRONGROOM_JOB": job, "STRONGROOM_RUN": run, "STRONGROOM_HOOK": stage}
    name = f"{stage} of {job or 'the host'}: `{words[0]}`"
    try:
        end = run_command(words, environment_for_commands({**own, **told}), seconds)
    except Interrupted:
        raise
    except StrongroomError as error:
        listener.failed(f"{stage} of {job or 'the host'}: {error}")
        return 1
    listener.ended(stage, words, end)
    if end.code == SKIP and stage == "before" and not end.timed_out:
        return SKIP
    if end.code or end.timed_out:
        listener.failed(f"{name} {end.describe(seconds)}" + (f"; it said:\n{end.output}" if end.output else ""))
        return 1
    return 0


def run_left_behind(journal: FinallyJournal, listener: HookListener) -> int:
    """Run the ``finally`` of runs that were killed. How many runs there were."""
    with journal.left_behind() as entries:
        for entry in entries:
            listener.failed(f"a run of {entry.job or 'the host'} was killed; its `finally` is run now")
            for words in entry.commands:
                run_hook("finally", words, entry.job, entry.run, entry.seconds, {"STRONGROOM_CODE": ""}, listener)
        return len(entries)
