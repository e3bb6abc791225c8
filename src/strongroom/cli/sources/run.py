"""A run over the sources of the configuration file with their hooks and databases."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.base.record import field, mutable
from strongroom.cli import exit_codes
from strongroom.cli.shared import passwords
from strongroom.cli.shared.backup_jobs import chosen_sources, jobs_of_source
from strongroom.cli.shared.opening import say_failure, targets_of
from strongroom.cli.shared.promise_alarms import say_broken
from strongroom.cli.sources.databases import database_password_source, streams_of
from strongroom.cli.sources.saving import Saved, last_words, save
from strongroom.fleet.host.dumps.contract import DumpFailed
from strongroom.fleet.host.hooks.journal import FinallyJournal
from strongroom.fleet.host.hooks.stages import HookCodes, HookListener, Hooks, JobEnd, run_left_behind
from strongroom.repository.state import default_state_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.archive.backup.options import BackupResult
    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.cli.sources.databases import OpenDump
    from strongroom.fleet.host.hooks.commands import CommandEnd

CODES = HookCodes(exit_codes.FAILED, exit_codes.SKIPPED, exit_codes.of_error)


def wants_more_than_files(context: Context) -> bool:
    """Whether the sources asked for have hooks or databases, or a run with hooks was killed before this one."""
    file = context.settings.file
    if file is None or not file.sources:
        return False
    if FinallyJournal(default_state_folder()).is_in_use() or file.hooks:
        return True
    return any(table.get("hooks") or table.get("database") for table in chosen_sources(context).values())


@mutable
class _Tally:
    """What a run over sources came to: each snapshot's code, what is missing, and the snapshots."""

    saved: Saved = field(default_factory=Saved)
    databases_missing: bool = False
    skipped: bool = False
    snapshots: list[str] = field(default_factory=list)

    def add(self, other: _Tally) -> None:
        """What one source came to."""
        self.saved.codes += other.saved.codes
        self.saved.incomplete |= other.saved.incomplete
        self.databases_missing |= other.databases_missing
        self.skipped |= other.skipped
        self.snapshots += other.snapshots

    @property
    def code(self) -> int:
        """The exit code."""
        return exit_codes.of_run(
            self.saved.codes,
            incomplete=self.saved.incomplete,
            databases_missing=self.databases_missing,
            skipped=self.skipped,
        )

    def end(self) -> JobEnd:
        """What hooks are told."""
        code = self.code
        good = code in (exit_codes.OK, exit_codes.INCOMPLETE)
        return JobEnd(code, good=good, skipped=code == exit_codes.SKIPPED, snapshots=self.snapshots)


def run_sources(context: Context) -> int:
    """Save each source, one after the other, between its hooks; the exit code is the worst that holds."""
    sources, targets = chosen_sources(context), targets_of(context)
    total = _Tally()
    reporter = context.reporter()
    with contextlib.closing(reporter):
        run = _SourcesRun(context, reporter, targets)
        try:
            code = run.all(sources, total)
        finally:
            alarm = say_broken(context)
    code = exit_codes.with_alarm(code, alarm=alarm)
    if code != exit_codes.OK:
        codes = total.saved.codes
        last_words(context, code, sum(one != exit_codes.OK for one in codes), len(codes))
    return code


class _SourcesRun:
    """One run: its ID, its journal, and who hears of its hooks. A dry run has neither hooks nor dumps."""

    def __init__(self, context: Context, reporter: CommandReporter, targets: Sequence[Target]) -> None:
        self._context = context
        self._reporter = reporter
        self._targets = targets
        self._dry = bool(context.arguments.dry_run)
        self._id = os.urandom(8).hex()
        self._journal = FinallyJournal(default_state_folder())
        self._listener = HookListener(self._heard, lambda text: context.warn(self._shown(text)))

    def all(self, sources: Mapping[str, Mapping[str, Any]], total: _Tally) -> int:
        """Every source, between the hooks of the host. The exit code."""
        file = self._context.settings.file
        assert file is not None

        def work() -> JobEnd:
            for name, table in sources.items():
                one = _Tally()
                try:
                    self._source(name, table, one)
                finally:
                    total.add(one)
            return total.end()

        if self._dry:
            return work().code
        run_left_behind(self._journal, self._listener)
        return self._hooks(file.hooks, "").around(work, CODES).code

    def _hooks(self, table: Mapping[str, Any], job: str) -> Hooks:
        return Hooks(table, job, self._id, self._journal, self._listener)

    def _source(self, name: str, table: Mapping[str, Any], tally: _Tally) -> None:
        """One source between its hooks. What keeps it from being saved keeps no other."""

        def work() -> JobEnd:
            try:
                self._save(name, table, tally)
            except Interrupted:
                raise
            except StrongroomError as error:
                if not any(code != exit_codes.OK for code in tally.saved.codes):
                    tally.saved.codes.append(exit_codes.of_error(error))
                say_failure(self._context, name, error)
            return tally.end()

        try:
            end = work() if self._dry else self._hooks(table.get("hooks", {}), name).around(work, CODES)
        except Interrupted:
            raise
        except StrongroomError as error:  # the journal of hooks cannot be written
            say_failure(self._context, name, error)
            end = JobEnd(exit_codes.of_error(error))
        if end.skipped:
            self._reporter.message(f"source {name} was skipped, as its hook said")
            tally.skipped = True
        elif end.code != tally.code:  # a hook failed
            tally.saved.codes.append(end.code)

    def _save(self, name: str, table: Mapping[str, Any], tally: _Tally) -> None:
        with contextlib.ExitStack() as stack:
            databases = {} if self._dry else table.get("database", {})
            dumps = streams_of(self._context, stack, name, databases)
            tally.databases_missing |= len(dumps) < len(databases)
            jobs = jobs_of_source(self._context, self._reporter, name, self._targets, [one.stream for one in dumps])

            def hear(number: int, result: BackupResult) -> bool:
                if result.summary.snapshot_id and not result.summary.dry_run:
                    tally.snapshots.append(result.summary.snapshot_id)
                if number >= len(dumps):
                    return True
                return self._heard_of_dump(dumps[number], result)

            try:
                if jobs:
                    save(self._context, self._reporter, jobs, tally.saved, hear)
            except Interrupted:
                raise
            except StrongroomError as error:  # of a single repository
                if not (len(jobs) > len(dumps) and _all_but_dumps_saved(tally.saved.codes, dumps)):
                    raise
                say_failure(self._context, name, error)
            if len(jobs) > len(dumps) and _all_but_dumps_saved(tally.saved.codes, dumps):
                tally.saved.codes = [code for code in tally.saved.codes if code == exit_codes.OK]
                tally.databases_missing = True
            tally.databases_missing |= any(one.is_missing for one in dumps)

    def _heard_of_dump(self, dump: OpenDump, result: BackupResult) -> bool:
        """Whether a repository's result counts as that of files does: a dump that is not whole is said once, here."""
        if result.error is None:
            dump.saved()
        if not isinstance(result.error, DumpFailed):
            dump.codes.append(exit_codes.OK if result.error is None else exit_codes.of_error(result.error))
            return True
        if not dump.is_missing:
            dump.is_missing = True
            say_failure(self._context, dump.label, result.error)
        return False

    def _heard(self, stage: str, words: Sequence[str], end: CommandEnd) -> None:
        if end.output and not end.code:
            self._reporter.message(self._shown(f"{stage}: `{words[0]}` said:\n{end.output}"), 2)

    def _shown(self, text: str) -> str:
        """What a hook said, as it goes into logs and reports, which have no password of ours."""
        file = self._context.settings.file
        tables = file.sources if file is not None else {}
        databases = [
            database_password_source(self._context, source, name, database)
            for source, table in tables.items()
            for name, database in table.get("database", {}).items()
        ]
        return passwords.without_passwords(text, [*(one.password for one in self._targets), *databases])


def _all_but_dumps_saved(codes: Sequence[int], dumps: Sequence[OpenDump]) -> bool:
    """Whether nothing failed but dumps that no repository took: a missing database, not a repository that failed."""
    lost = Counter(code for one in dumps if exit_codes.OK not in one.codes for code in one.codes)
    return bool(lost) and not any(code != exit_codes.OK for code in Counter(codes) - lost)
