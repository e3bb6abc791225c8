"""``snapshots``: what was saved, when, from where."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter, typed
from strongroom.cli.arguments.times import local_text
from strongroom.cli.arguments.values import any_number
from strongroom.cli.output.table import table
from strongroom.cli.output.text import format_bytes, printable
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.cli.shared.selecting import filter_of, grouping
from strongroom.repository.selection import GroupKey, Listed, group_snapshots, select_snapshots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.cli.shared.context import Context
    from strongroom.format.snapshot import Snapshot
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
        unknown: list[str] = []
        with locked(context, repository):
            snapshots = select_snapshots(repository, context.arguments.names, filter_of(context), unknown)
        code = exit_codes.FAILED if unknown or repository.unreadable else exit_codes.OK
        latest = context.arguments.latest or (1 if context.arguments.last else 0)
        if latest > 0:
            snapshots = _latest(snapshots, latest)
        by = grouping(context.arguments.group_by)
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


def snapshot_json(name: str, snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as restic's commands print it: the stored object with ``id`` and ``short_id`` behind."""
    return snapshot.members() | {"id": name, "short_id": name[:8]}


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
            context.out.line(_heading(key))
        if not snapshots:
            continue
        sizes = any(snapshot.summary for _, snapshot in snapshots)
        compact = context.arguments.compact
        headings = ["ID", "Time", "Host" if compact else "Host      ", "Tags  " if compact else "Tags      "]
        headings += ([] if compact else ["Paths"]) + (["Size"] if sizes else [])
        rows = [_row(name, snapshot, compact, sizes) for name, snapshot in snapshots]
        for line in table(headings, rows, f"Timestamps shown in local time\n{len(snapshots)} snapshots"):
            context.out.line(line)


def _row(name: str, snapshot: Snapshot, compact: bool, sizes: bool) -> list[str]:
    tags = [printable(tag) for tag in snapshot.tags]
    row = [name[:8], local_text(snapshot.time_ns), printable(snapshot.hostname)]
    if compact:
        row.append("\n".join(tags))
    else:
        row += [",".join(tags), "\n".join(printable(path) for path in snapshot.paths)]
    if sizes:
        row.append(format_bytes(processed) if (processed := _bytes_processed(snapshot)) is not None else "")
    return row


def _bytes_processed(snapshot: Snapshot) -> int | None:
    processed = (snapshot.summary or {}).get("total_bytes_processed")
    return processed if isinstance(processed, int) else None


def _heading(key: GroupKey) -> str:
    parts = []
    if key.hostname:
        parts.append(f"host [{printable(key.hostname)}]")
    if key.tags:
        parts.append(f"tags [{', '.join(map(printable, key.tags))}]")
    if key.paths:
        parts.append(f"paths [{', '.join(map(printable, key.paths))}]")
    return f"snapshots for ({', '.join(parts)}):"
