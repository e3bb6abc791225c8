"""``undo``: bring back what ``forget`` or ``prune`` removed and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.objects import Kind
from strongroom.base.quantities import format_bytes
from strongroom.cli import exit_codes
from strongroom.cli.arguments.times import local_text
from strongroom.cli.maintenance.exclusive import exclusive_to_make_room
from strongroom.cli.maintenance.keep_removed import naming_what_is_kept
from strongroom.cli.output.table import table
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.maintenance.trash import Trash, incomplete

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.maintenance.trash import KeptRun
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Bring back what `forget` and `prune` removed from a repository in a folder and kept (--keep-removed, or keep_removed in
the configuration file): what the last run removed, or with --all everything that is kept. Works on every repository
given.

  strongroom undo --list
  strongroom undo
  strongroom undo --empty                         free the space now; then nothing can be brought back
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with what is kept."""
    parser.description = _DESCRIPTION
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="show what is kept, and change nothing")
    what.add_argument("--all", action="store_true", help="bring back what all runs removed, the last one first")
    what.add_argument("--empty", action="store_true", help="remove for good all that is kept, and free its space")


def run(context: Context) -> int:
    """Undo in each repository; 1 when there is nothing to undo, or a snapshot came back without its data."""
    arguments = context.arguments

    def work(repository: Repository, label: str) -> int:
        trash = Trash(repository)
        if arguments.list:
            _show(context, trash.runs(), label)  # without a lock, which a full disk has no room for
            return exit_codes.OK
        if arguments.empty:
            with exclusive_to_make_room(context, repository):
                runs = _newest_first(trash, repository)
                for one in reversed(runs):  # what was removed first may be what later ones need
                    trash.purge(one)
            _say(context, "emptied", runs, label)
            return exit_codes.OK
        with naming_what_is_kept(repository), locked(context, repository, exclusive=True, writing=True):
            runs = _newest_first(trash, repository)
            chosen = runs if arguments.all else runs[:1]
            before = set(repository.snapshot_names())
            for one in chosen:
                trash.bring_back(one)
            _say(context, "undone", chosen, label)
            return _look(context, repository, set(repository.snapshot_names()) - before)

    return each_repository(context, work)


def _newest_first(trash: Trash, repository: Repository) -> list[KeptRun]:
    runs = trash.runs()[::-1]
    if not runs:
        raise UsageError(
            "nothing is kept here that could be brought back",
            subject=repository.location,
            hint="`forget` and `prune` keep what they remove with --keep-removed alone.",
        )
    return runs


def _look(context: Context, repository: Repository, back: set[str]) -> int:
    """Whether the snapshots that came back have all they need: a prune that kept nothing may have been there since."""
    if not back:
        return exit_codes.OK
    repository.load_index()
    reporter = context.reporter()
    try:
        lacking = incomplete(repository, sorted(back), reporter)
    finally:
        reporter.close()
    for name in lacking:
        context.warn(
            f"snapshot {name[:8]} came back, but data of it is gone or damaged: a prune that kept nothing may have "
            "removed it, and `strongroom check` says more"
        )
    return exit_codes.FAILED if lacking else exit_codes.OK


def _show(context: Context, runs: Sequence[KeptRun], label: str) -> None:
    if context.json:
        event: dict[str, Any] = {"runs": [_as_json(one) for one in runs]}
        context.out.json(event | ({"repository": label} if label else {}))
        return
    if label:
        context.out.line(f"repository {label}:")
    rows = [
        (
            local_text(one.time_ns),
            one.verb,
            *(str(one.objects[kind]) for kind in (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA)),
            format_bytes(one.bytes),
        )
        for one in runs
    ]
    total = format_bytes(sum(one.bytes for one in runs))
    for line in table(
        ("Removed", "By", "Snapshots", "Index files", "Packs", "Size"), rows, f"{total} are not free yet"
    ):
        context.out.line(line)


def _say(context: Context, what: str, runs: Sequence[KeptRun], label: str) -> None:
    if context.json:
        event: dict[str, Any] = {"message_type": "summary", "action": what, "runs": [_as_json(one) for one in runs]}
        context.out.json(event | ({"repository": label} if label else {}))
        return
    if context.verbosity == 0:
        return
    for one in runs:
        counts = ((Kind.SNAPSHOT, "snapshots"), (Kind.INDEX, "index files"), (Kind.DATA, "packs"))
        said = ", ".join(f"{one.objects[kind]} {words}" for kind, words in counts if one.objects[kind])
        where = f"{label}: " if label else ""
        size = format_bytes(one.bytes)
        ending = f"brought back; {size} are in use again" if what == "undone" else f"gone for good; {size} are free"
        context.out.line(f"{where}{one.verb} of {local_text(one.time_ns)}: {said or 'nothing'} {ending}")


def _as_json(one: KeptRun) -> dict[str, Any]:
    return {
        "time": local_text(one.time_ns),
        "verb": one.verb,
        "snapshots": one.objects[Kind.SNAPSHOT],
        "index_files": one.objects[Kind.INDEX],
        "packs": one.objects[Kind.DATA],
        "bytes": one.bytes,
    }
