"""``tag``: change the tags of snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import StoreError, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments import values
from strongroom.cli.arguments.options import add_snapshot_filter, typed
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.cli.shared.selecting import chosen
from strongroom.maintenance.removing import Remover, refuse_where_append_only
from strongroom.maintenance.replacing import replace_snapshot
from strongroom.maintenance.tag import TagChange

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Change the tags of snapshots: of those given, of those that the filters select, or of all. A snapshot with other tags
is another one, with an ID of its own; it remembers the first. Works on every repository given.

  strongroom tag --add keep 4bba301e
  strongroom tag --host web01 --remove nightly
  strongroom tag --set '' latest                  no tags are left
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``tag``."""
    parser.description = _DESCRIPTION
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="change these alone: IDs or `latest`")
    for name, text in (("set", "the tags in place of all others"), ("add", "add these"), ("remove", "remove these")):
        parser.add_argument(f"--{name}", action="append", type=typed(values.tag_list), metavar="TAG[,TAG…]", help=text)
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Change the tags in each repository; 1 when some could not be changed."""
    change = _change(context.arguments)

    def work(repository: Repository, label: str) -> int:
        refuse_where_append_only(repository)
        if context.verbosity > 0 and not context.json:
            context.out.line(f"repository {label}:" if label else "create exclusive lock for repository")
        return _tag(context, repository, label, change)

    return each_repository(context, work)


def _change(arguments: argparse.Namespace) -> TagChange:
    if arguments.set is None and arguments.add is None and arguments.remove is None:
        raise UsageError("nothing to do!", hint="Say which tags with --set, --add or --remove.")
    if arguments.set is not None and (arguments.add is not None or arguments.remove is not None):
        raise UsageError("--set and --add/--remove cannot be given at the same time")
    flat = {
        name: None if lists is None else tuple(tag for tags in lists for tag in tags)
        for name, lists in (("set", arguments.set), ("add", arguments.add), ("remove", arguments.remove))
    }
    return TagChange(flat["set"], flat["add"] or (), flat["remove"] or ())


def _tag(context: Context, repository: Repository, label: str, change: TagChange) -> int:
    changed = failed = 0
    with locked(context, repository, exclusive=True, writing=True, settle=False) as lock:
        assert lock is not None
        remover = Remover(repository)
        snapshots, unknown = chosen(context, repository)
        for name, snapshot in snapshots:
            new = change.apply(name, snapshot)
            if new is None:
                continue
            try:
                new_name = replace_snapshot(repository, name, new, remover, lock.check)
            except StoreError as error:
                failed += 1
                context.warn(f'unable to modify the tags for snapshot ID "{name}", ignoring: {error}')
                continue
            changed += 1
            _say_changed(context, name, new_name, label)
    if context.json:
        _say(context, {"message_type": "summary", "changed_snapshots": changed}, label)
    elif context.verbosity > 0:
        context.out.line(f"modified {changed} snapshots" if changed else "no snapshots were modified")
    return exit_codes.FAILED if failed or unknown or repository.unreadable else exit_codes.OK


def _say_changed(context: Context, old: str, new: str, label: str) -> None:
    if context.json:
        _say(context, {"message_type": "changed", "old_snapshot_id": old, "new_snapshot_id": new}, label)
    elif context.verbosity > 1:
        context.out.line(f"old snapshot ID: {old} -> new snapshot ID: {new}")


def _say(context: Context, event: dict[str, Any], label: str) -> None:
    context.out.json(event | ({"repository": label} if label else {}))
