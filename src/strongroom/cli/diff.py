"""``diff``: what came, went and changed between two snapshots."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.archive.diff import Comparison, Difference, compare
from strongroom.archive.vfs import SnapshotView
from strongroom.base.record import as_dict
from strongroom.cli import exit_codes
from strongroom.cli.output.text import as_text, format_bytes
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.repository.selection import find_snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Show what differs between two snapshots. The sign before a path says how:

  +  it came           M  its content is another one
  -  it went           T  it is of another type (a file became a link)
  U  only its metadata is another one (with --metadata)
  ?  after M: content changed but no time did, which can mean damage
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``diff``."""
    parser.description = _DESCRIPTION
    parser.add_argument("old", metavar="OLD", help="a snapshot: an ID, perhaps with :FOLDER behind it")
    parser.add_argument("new", metavar="NEW", help="the snapshot to compare it with")
    parser.add_argument("--metadata", action="store_true", help="also show paths whose metadata alone differs")


def run(context: Context) -> int:
    """Print the differences and their sums."""
    reporter = context.reporter()

    def show(difference: Difference) -> None:
        if context.json:
            event = {"message_type": "change", "path": as_text(difference.path), "modifier": difference.modifier}
            context.out.json(event, flush=False)
        else:
            context.out.line(f"{difference.modifier:<5}{context.out.name(difference.path)}")

    with one_repository(context) as repository, locked(context, repository):
        both = [find_snapshot(repository, name, by_id=True) for name in (context.arguments.old, context.arguments.new)]
        if not context.json and context.verbosity > 0:
            context.out.line(f"comparing snapshot {both[0].id[:8]} to {both[1].id[:8]}:\n")
        repository.load_index()
        old, new = (
            SnapshotView(repository, found.snapshot.tree, reporter, "diff").below(os.fsencode(found.subfolder))
            for found in both
        )
        sums = compare(old, new, show, metadata=context.arguments.metadata)
    if context.json:
        names = {"source_snapshot": context.arguments.old, "target_snapshot": context.arguments.new}
        event = {"message_type": "statistics"} | names | {"changed_files": sums.changed_files}
        context.out.json(event | {"added": as_dict(sums.added), "removed": as_dict(sums.removed)})
    elif context.verbosity > 0:
        for line in _sums(sums):
            context.out.line(line)
    return exit_codes.FAILED if sums.problems else exit_codes.OK


def _sums(sums: Comparison) -> Iterator[str]:
    new, gone = sums.added, sums.removed
    yield ""
    yield f"Files:       {new.files:5d} new, {gone.files:5d} removed, {sums.changed_files:5d} changed"
    yield f"Dirs:        {new.dirs:5d} new, {gone.dirs:5d} removed"
    yield f"Others:      {new.others:5d} new, {gone.others:5d} removed"
    yield f"Data Blobs:  {new.data_blobs:5d} new, {gone.data_blobs:5d} removed"
    yield f"Tree Blobs:  {new.tree_blobs:5d} new, {gone.tree_blobs:5d} removed"
    yield f"  Added:   {format_bytes(new.bytes):<5}"
    yield f"  Removed: {format_bytes(gone.bytes):<5}"
