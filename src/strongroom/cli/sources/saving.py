"""Doing backup jobs: repositories are opened, each job's source is saved, and how it came out is said."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.archive.backup.options import MEBIBYTE, BackupJob, BackupMember, BackupTarget
from strongroom.archive.backup.run import back_up
from strongroom.base.record import field, mutable
from strongroom.cli import exit_codes
from strongroom.cli.shared import streams
from strongroom.cli.shared.admitting import admit
from strongroom.cli.shared.failure import sentence
from strongroom.cli.shared.opening import check_promises, open_with, password_of, say_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.archive.backup.options import BackupResult
    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.base.errors import StrongroomError
    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.backup_jobs import Job
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.repository.opened import Repository


@mutable
class Saved:
    """How jobs came out: the code of each snapshot that was asked for, and whether something of a source is missing."""

    codes: list[int] = field(default_factory=list)
    incomplete: bool = False


def save(
    context: Context,
    reporter: CommandReporter,
    plans: Sequence[Job],
    saved: Saved,
    hear: Callable[[int, BackupResult], bool] = lambda _number, _result: True,
) -> None:
    """Do the jobs, each in its repositories, and add to ``saved`` how they came out.

    ``hear`` gets each result with its job's number, and says whether it counts as usual: False where it was dealt
    with. With one repository its error is raised, at the end.
    """
    with contextlib.ExitStack() as stack:
        targets = {target.url: target for one in plans for target in one.targets}
        several = len(targets) > 1
        reporter.label_repositories = several
        context.signals.locks()
        opening = _Opening(context, stack)
        # One after the other and before anything else, since a person may be asked for them.
        members = {url: opening.member(target) for url, target in targets.items()}
        jobs = [
            BackupJob(
                stack.enter_context(streams.opened(context, one.options)),
                tuple(members[target.url] for target in one.targets),
            )
            for one in plans
        ]
        errors: list[StrongroomError] = []
        said: set[tuple[str, int]] = set()

        def show(job: BackupJob, result: BackupResult) -> None:
            error = result.error
            counts = hear(next(number for number, one in enumerate(jobs) if one is job), result)
            if error is not None and counts:
                if several and (result.label, id(error)) not in said:  # what keeps one closed is so for each job
                    said.add((result.label, id(error)))
                    say_failure(context, result.label, error)
                errors.append(error)
            if error is not None:
                result.summary.failure = sentence(error)
            result.summary.repository = result.label if several else ""
            if error is None or several:
                reporter.backup_summary(result.summary)
            if counts:
                saved.codes.append(exit_codes.of_error(error) if error is not None else exit_codes.OK)

        with context.signals.cooperative(reporter):
            outcomes = back_up(jobs, reporter, show)
        if any(one.incomplete for one in plans) or any(outcome.incomplete for outcome in outcomes):
            saved.incomplete = True
        if errors and not several:
            raise errors[0]


def last_words(context: Context, code: int, failed: int, asked: int) -> None:
    """What the exit code means, in restic's words where it has some."""
    text = f"Fatal: {failed} of {asked} snapshots were not made; the reasons stand above"
    if code == exit_codes.INCOMPLETE:
        text = "Warning: at least one source file could not be read"
    if code == exit_codes.DATABASE_MISSING:
        text = "Warning: all files were saved, but at least one database was not; the reasons stand above"
    if code == exit_codes.SKIPPED:
        text = "Warning: nothing was saved of a source that its hook skipped"
    if code == exit_codes.PROMISE_BROKEN:
        text = "Warning: the snapshots were made, but a gateway is not to be trusted; the reasons stand above"
    if context.json:
        context.out.warn_json({"message_type": "exit_error", "code": code, "message": text})
    else:
        context.out.warn(text)


class _Opening:
    """How the repositories of all jobs are opened, each once and in a thread of its own; closed by the stack."""

    def __init__(self, context: Context, stack: contextlib.ExitStack) -> None:
        self._context = context
        self._stack = stack

    def member(self, target: Target) -> BackupMember:
        """A repository, and how its password is fetched and it is opened."""
        password = password_of(self._context, target)

        def open_it(standing: StallWatch) -> BackupTarget:
            repository = open_with(self._context, target, password(), standing)
            self._stack.callback(repository.close)
            check_promises(self._context, target)
            return _backup_target(self._context, target, repository)

        return BackupMember(target.label, open_it)


def _backup_target(context: Context, target: Target, repository: Repository) -> BackupTarget:
    settings, name = context.settings, target.name
    if not context.arguments.dry_run:
        admit(context, repository)
    return BackupTarget(
        repository,
        target.label,
        settings.get("compression", name).value,
        settings.get("pack_size", name).value * MEBIBYTE,
    )
