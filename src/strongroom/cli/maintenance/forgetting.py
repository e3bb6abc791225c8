"""``forget`` in one repository after the other: decide, show, remove, and prune where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.cli import exit_codes
from strongroom.cli.maintenance.keep_removed import Keeper, naming_what_is_kept
from strongroom.cli.maintenance.policies import policies_of
from strongroom.cli.maintenance.prune_options import prune_options
from strongroom.cli.maintenance.pruning import prune_repository
from strongroom.cli.output.snapshot_table import group_heading, snapshot_json, snapshot_table
from strongroom.cli.shared.opening import locked
from strongroom.cli.shared.selecting import chosen
from strongroom.maintenance.forget import arrivals_of, decide, decide_guarded, group_text, guarded_policy
from strongroom.maintenance.prune_run import refuse_what_it_cannot
from strongroom.maintenance.removing import refuse_where_append_only
from strongroom.repository.selection import select_snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.cli.maintenance.policies import Applied
    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.maintenance.forget import Decided
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository


class Forgetting:
    """The command's work, with what it has found so far in the repository that is worked on."""

    def __init__(self, context: Context, reporter: CommandReporter) -> None:
        self._context = context
        self._arguments = context.arguments
        self._reporter = reporter
        self._target: Target | None = None
        self._unknown = False

    def begin(self, _context: Context, target: Target) -> None:
        """The repository that comes next."""
        self._target = target
        self._unknown = False

    def forget(self, repository: Repository, label: str) -> int:
        """Apply each policy: decide on all, show it, then remove; the exit code."""
        context, arguments = self._context, self._arguments
        assert self._target is not None
        policies = policies_of(context, self._target)
        self._refuse_where_append_only(repository)
        for applied in policies:  # what prune would refuse is refused while every snapshot is there
            if self._prunes(applied.table):
                refuse_what_it_cannot(
                    repository, prune_options(context, dry_run=arguments.dry_run, table=applied.table)
                )
        failed = 0
        if label and not context.json:
            self._reporter.message(f"repository {label}:")
        writing = not arguments.dry_run
        keeper = Keeper(context, repository, self._target.name, "forget") if writing else None
        with (
            naming_what_is_kept(repository),
            locked(context, repository, exclusive=True, writing=writing, settle=False) as lock,
        ):
            gone, table = self._decide_all(repository, policies, label)
            if keeper is None:
                self._say_dry_run(gone)
            else:
                context.out.write("", flush=True)  # nothing goes before all decisions are where the user sees them
                if lock is not None:
                    lock.check()
                keeper.purge_old(self._reporter)
                failed = self._remove(keeper, gone)
            if gone and not failed:
                self._prune(repository, gone, table, lock, keeper, label)
            if keeper is not None:
                keeper.say(self._reporter)
        if failed:
            return exit_codes.INCOMPLETE
        return exit_codes.FAILED if self._unknown or repository.unreadable else exit_codes.OK

    def _decide_all(
        self, repository: Repository, policies: Sequence[Applied], label: str
    ) -> tuple[list[str], Mapping[str, Any]]:
        """Which snapshots go, shown; and what the file says of the policy by which any do, of the first that prunes."""
        if self._arguments.names:
            damaged: list[str] = []  # a policy never says that one goes which cannot be read; a user may
            found, self._unknown = chosen(self._context, repository, damaged)
            return list(dict.fromkeys([*(name for name, _ in found), *damaged])), {}
        gone: dict[str, None] = {}
        table: Mapping[str, Any] = {}
        shown: list[Any] = []
        for applied in policies:  # each decides on what those before it have left
            listed = select_snapshots(repository, (), applied.filter)
            groups = self._decide(repository, [one for one in listed if one[0] not in gone], applied, label)
            removed = [name for group in groups for name, _ in group.remove]
            if removed and not (table and self._prunes(table)):
                table = applied.table
            gone |= dict.fromkeys(removed)
            if self._context.json:
                shown += [_as_json(group, doubts=self._context.out.is_one_stream) for group in groups]
            elif self._context.verbosity > 0:
                self._show(groups)
        if shown:
            self._context.out.json({"repository": label, "groups": shown} if label else shown)
        return list(gone), table

    def _refuse_where_append_only(self, repository: Repository) -> None:
        try:
            refuse_where_append_only(repository)
        except Refused as refused:
            if not self._arguments.dry_run:
                raise
            self._context.warn(str(refused))

    def _decide(self, repository: Repository, snapshots: Sequence[Any], applied: Applied, label: str) -> list[Decided]:
        now_ns = repository.surroundings.clock.now_ns()
        arrivals = arrivals_of(repository)
        named = f" {applied.name}" if applied.name else ""
        how = f" (guarded, nothing younger than {applied.detection})" if applied.guarded else ""
        self._reporter.message(f"Applying Policy{named}: {applied.policy.describe()}{how}")
        if applied.guarded:
            policy = guarded_policy(applied.policy, applied.detection, now_ns)
            groups = decide_guarded(snapshots, policy, arrivals, now_ns)
        else:
            groups = decide(snapshots, applied.policy, applied.by, arrivals, now_ns)
        if self._context.json and self._context.out.is_one_stream:
            return groups  # the doubts are said in the groups
        for group in groups:
            if group.doubts:
                self._context.warn(": ".join(filter(None, (label, group_text(group.key), group.doubts.describe()))))
        if not applied.guarded and any(group.doubts for group in groups):
            self._context.warn(
                "Dates may be forged to push good snapshots out; --guarded counts by the time of arrival instead"
            )
        return groups

    def _show(self, groups: Sequence[Decided]) -> None:
        out = self._context.out
        for group in groups:
            if self._context.verbosity > 1 and group_text(group.key):
                out.line(group_heading(group.key))
            for words, snapshots, reasons in (("keep", group.keep, group.reasons), ("remove", group.remove, None)):
                if snapshots:
                    out.line(f"{words} {len(snapshots)} snapshots:")
                    shown = sorted(snapshots, key=lambda listed: listed[1].time_ns)
                    for line in snapshot_table(shown, compact=self._arguments.compact, reasons=reasons):
                        out.line(line)
                    out.line()

    def _prunes(self, table: Mapping[str, Any]) -> bool:
        return bool(self._arguments.prune or table.get("prune"))

    def _say_dry_run(self, gone: Sequence[str]) -> None:
        if gone and not self._context.json:
            names = " ".join(sorted(name[:8] for name in gone))
            self._reporter.message(f"Would have removed the following snapshots:\n{{{names}}}\n")

    def _remove(self, keeper: Keeper, gone: Sequence[str]) -> int:
        """Remove snapshots; how many stay nevertheless."""
        names = [ObjectName(Kind.SNAPSHOT, name) for name in gone]

        def progress(done: int, total: int) -> None:
            self._reporter.count("files deleted", done, total)

        failed = dict(keeper.remover.remove_all(names, progress))
        for name in names:
            if name in failed:
                self._context.warn(f"unable to remove snapshot/{name.name} from the repository: {failed[name]}")
            else:
                self._reporter.message(f"removed snapshot/{name.name}", 3)
        return len(failed)

    def _prune(
        self,
        repository: Repository,
        removed: Sequence[str],
        table: Mapping[str, Any],
        lock: Lock | None,
        keeper: Keeper | None,
        label: str,
    ) -> None:
        """restic's ``prune`` after its ``forget``, where the command line or the file wants it."""
        if not self._prunes(table):
            return
        dry_run = keeper is None
        words = "would be removed, running prune dry run" if dry_run else "have been removed, running prune"
        self._reporter.message(f"{len(removed)} snapshots {words}")
        prune_repository(
            self._context,
            self._reporter,
            repository,
            prune_options(self._context, dry_run=dry_run, table=table),
            lock,
            label,
            removed,
            remover=None if keeper is None else keeper.remover,
            events=False,
        )


def _as_json(group: Decided, *, doubts: bool) -> dict[str, Any]:
    """restic's object of a group. With ``doubts`` what is odd about its dates stands in it: of who reads both streams
    as one, as Backrest does, a line of ours beside the document would be the end."""
    listed = {name: snapshot_json(name, snapshot) for name, snapshot in (*group.keep, *group.remove)}
    key = group.key
    return {
        "tags": list(key.tags) if key.tags else None,
        "host": key.hostname or "",
        "paths": list(key.paths) if key.paths else None,
        "keep": [listed[name] for name, _ in group.keep] or None,
        "remove": [listed[name] for name, _ in group.remove] or None,
        "reasons": [{"snapshot": listed[name], "matches": list(group.reasons[name])} for name, _ in group.keep] or None,
    } | ({"warning": group.doubts.describe()} if doubts and group.doubts else {})
