"""``snapshots``: what was saved, when, from where."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter, typed
from strongroom.cli.arguments.values import any_number
from strongroom.cli.output.snapshot_table import group_heading, snapshot_json, snapshot_table
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.cli.shared.selecting import chosen, grouping
from strongroom.repository.selection import GroupKey, Listed, as_shown, group_snapshots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``snapshots``."""
    parser.description = "List the snapshots, oldest first. Works on every repository given."
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="list only these: IDs or `latest`")
    add_snapshot_filter(parser, latest_only=False)
    parser.add_argument("-c", "--compact", action="store_true", help="leave out the paths")
    parser.add_argument("--last", action="store_true", help=argparse.SUPPRESS)  # restic's old name of --latest 1
    parser.add_argument(
        "--latest", type=typed(any_number), metavar="N", help="list only the last N of each host and set of paths"
    )
    parser.add_argument(
        "-g",
        "--group-by",
        metavar="GROUP",
        default="",
        help="put them in groups by host, paths or tags (several with commas)",
    )


def run(context: Context) -> int:
    """List the snapshots of each repository."""
    collected: list[Any] = []
    labelled = False

    def work(repository: Repository, label: str) -> int:
        nonlocal labelled
        with locked(context, repository):
            snapshots, unknown = chosen(context, repository)
        code = exit_codes.FAILED if unknown or repository.unreadable else exit_codes.OK
        latest = context.arguments.latest or (1 if context.arguments.last else 0)
        if latest > 0:
            snapshots = _latest(snapshots, latest)
        by = grouping(context.arguments.group_by)
        snapshots = as_shown(snapshots, by)
        groups = group_snapshots(snapshots, by) if by else [(GroupKey(None, None, None), snapshots)]
        if context.json:
            labelled = labelled or bool(label)
            listed = _as_json(groups, bool(by))
            collected.append({"repository": label, "groups" if by else "snapshots": listed} if label else listed)
            return code
        if label:
            context.out.line(f"repository {label}:")
        _print(context, groups, bool(by))
        return code

    code = each_repository(context, work)
    if context.json:
        context.out.json(collected if labelled else collected[0] if collected else [])
    return code


def _latest(snapshots: list[Listed], count: int) -> list[Listed]:
    kept: list[Listed] = []
    for _, group in group_snapshots(snapshots, ("host", "paths")):
        kept += group[-count:]
    chosen = {name for name, _ in kept}
    return [listed for listed in snapshots if listed[0] in chosen]


def _as_json(groups: list[tuple[GroupKey, list[Listed]]], grouped: bool) -> list[Any]:
    listed = [[snapshot_json(name, snapshot) for name, snapshot in snapshots] for _, snapshots in groups]
    if not grouped:
        return listed[0]
    return [
        {
            "group_key": {
                "hostname": key.hostname or "",
                "paths": _list(key.paths),
                "tags": _list(key.tags),
            },
            "snapshots": snapshots,
        }
        for (key, _), snapshots in zip(groups, listed, strict=True)
    ]


def _list(values: Iterable[str] | None) -> list[str] | None:
    return list(values) or None if values is not None else None


def _print(context: Context, groups: list[tuple[GroupKey, list[Listed]]], grouped: bool) -> None:
    for key, snapshots in groups:
        if grouped:
            context.out.line(group_heading(key))
        if snapshots:
            for line in snapshot_table(snapshots, compact=context.arguments.compact):
                context.out.line(line)
