"""A table of snapshots as restic prints it, and a snapshot as its JSON has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.quantities import format_bytes
from strongroom.cli.arguments.times import local_text, zone_text
from strongroom.cli.output.table import table
from strongroom.cli.output.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.selection import GroupKey, Listed


def snapshot_json(name: str, snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as restic's commands print it: the stored object with ``id`` and ``short_id`` behind."""
    return snapshot.members() | {"id": name, "short_id": name[:8]}


def snapshot_table(
    snapshots: Sequence[Listed], *, compact: bool = False, reasons: Mapping[str, Sequence[str]] | None = None
) -> Iterator[str]:
    """The lines of a table, in the order given; ``reasons`` to keep each, by its ID, unless the table is compact."""
    sizes = any(snapshot.summary is not None for _, snapshot in snapshots)
    headings = ["ID", "Time", "Host" if compact else "Host      ", "Tags  " if compact else "Tags      "]
    if not compact:
        headings += ["Reasons"] * bool(reasons) + ["Paths"]
    headings += ["Size"] * sizes
    rows = [_row(name, snapshot, compact, sizes, reasons) for name, snapshot in snapshots]
    apart = not compact and any(len(snapshot.paths) > 1 for _, snapshot in snapshots)
    return table(headings, rows, f"Timestamps shown in {zone_text()}\n{len(snapshots)} snapshots", apart=apart)


def _row(
    name: str, snapshot: Snapshot, compact: bool, sizes: bool, reasons: Mapping[str, Sequence[str]] | None
) -> list[str]:
    tags = [printable(tag) for tag in snapshot.tags]
    row = [name[:8], local_text(snapshot.time_ns), printable(snapshot.hostname)]
    if compact:
        row.append("\n".join(tags))
    else:
        row.append(",".join(tags))
        row += ["\n".join(map(printable, reasons[name]))] if reasons else []
        row.append("\n".join(printable(path) for path in snapshot.paths))
    if sizes:
        processed = bytes_processed(snapshot)
        row.append(format_bytes(processed) if processed is not None else "")
    return row


def bytes_processed(snapshot: Snapshot) -> int | None:
    """The bytes of the source, in a snapshot that says so."""
    processed = (snapshot.summary or {}).get("total_bytes_processed")
    return processed if isinstance(processed, int) else None


def group_heading(key: GroupKey) -> str:
    """What the snapshots of a group have in common, as restic says it; empty where they were not grouped."""
    parts = []
    if key.hostname:
        parts.append(f"host [{printable(key.hostname)}]")
    if key.tags:
        parts.append(f"tags [{', '.join(map(printable, key.tags))}]")
    if key.paths:
        parts.append(f"paths [{', '.join(map(printable, key.paths))}]")
    return f"snapshots for ({', '.join(parts)}):"
