"""What a prune finds and does, as restic prints it, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.quantities import format_bytes
from strongroom.base.record import as_dict
from strongroom.cli.output.text import format_percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.maintenance.prune_stats import PruneStats


def prune_lines(stats: PruneStats) -> Iterator[tuple[int, str]]:
    """restic's lines, each with the verbosity from which on it is shown."""
    blobs, size, packs = stats.blobs, stats.size, stats.packs
    total_blobs = blobs.used + blobs.unused + blobs.duplicate
    total_size = size.used + size.duplicate + size.unused + size.unref
    unused = size.duplicate + size.unused
    pruned = size.remove + size.repackrm + size.unref
    remaining = total_size - pruned
    after = unused - size.remove - size.repackrm
    yield 2, ""
    yield 2, f"used:         {blobs.used:10d} blobs / {format_bytes(size.used)}"
    if blobs.duplicate:
        yield 2, f"duplicates:   {blobs.duplicate:10d} blobs / {format_bytes(size.duplicate)}"
    yield 2, f"unused:       {blobs.unused:10d} blobs / {format_bytes(size.unused)}"
    if size.unref:
        yield 2, f"unreferenced:                    {format_bytes(size.unref)}"
    yield 2, f"total:        {total_blobs:10d} blobs / {format_bytes(total_size)}"
    yield 2, f"unused size: {format_percent(unused, total_size)} of total size"
    yield 1, ""
    yield 1, f"to repack:    {blobs.repack:10d} blobs / {format_bytes(size.repack)}"
    yield 1, f"this removes: {blobs.repackrm:10d} blobs / {format_bytes(size.repackrm)}"
    yield 1, f"to delete:    {blobs.remove:10d} blobs / {format_bytes(size.remove + size.unref)}"
    yield 1, f"total prune:  {blobs.remove + blobs.repackrm:10d} blobs / {format_bytes(pruned)}"
    if size.uncompressed > 0:
        yield 1, f"not yet compressed:              {format_bytes(size.uncompressed)}"
    left = total_blobs - blobs.remove - blobs.repackrm
    yield 1, f"remaining:    {left:10d} blobs / {format_bytes(remaining)}"
    share = format_percent(after, remaining)
    yield 1, f"unused size after prune: {format_bytes(after)} ({share} of remaining size)"
    yield 1, ""
    yield 2, f"totally used packs: {packs.used:10d}"
    yield 2, f"partly used packs:  {packs.partly_used:10d}"
    yield 2, f"unused packs:       {packs.unused:10d}"
    yield 2, ""
    yield 2, f"to keep:      {packs.keep:10d} packs"
    yield 2, f"to repack:    {packs.repack:10d} packs"
    yield 2, f"to delete:    {packs.remove:10d} packs"
    if packs.unref:
        yield 2, f"to delete:    {packs.unref:10d} unreferenced packs"


def prune_json(stats: PruneStats, *, dry_run: bool) -> dict[str, Any]:
    """One event: restic's counters by their names in its source, in three groups."""
    return {
        "message_type": "summary",
        "dry_run": dry_run,
        "blobs": as_dict(stats.blobs),
        "size": as_dict(stats.size),
        "packs": as_dict(stats.packs),
    }
