"""``diff``: what came, went and changed between two snapshots."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.archive.diff import Comparison, Difference, compare
from strongroom.archive.diff_live import LiveFolder, compare_with_live
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import UsageError
from strongroom.base.quantities import format_bytes
from strongroom.base.record import as_dict
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.output.text import as_text
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.cli.shared.selecting import filter_of
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import find_snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Found

_DESCRIPTION = """\
Show what differs between two snapshots, or between a snapshot and the files as they are now.

  strongroom diff latest~1 latest
  strongroom diff latest /home/ann                  the folder now, against what the snapshot has of it
  strongroom diff latest:/home/ann /mnt/old-disk    against another folder

The sign before a path says how:

  +  it came           M  its content is another one
  -  it went           T  it is of another type (a file became a link)
  U  only its metadata is another one (with --metadata)
  ?  after M: content changed but no time did, which can mean damage
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``diff``."""
    parser.description = _DESCRIPTION
    parser.add_argument("old", metavar="OLD", help="a snapshot: an ID or `latest`, perhaps with :FOLDER behind it")
    parser.add_argument(
        "new", metavar="NEW", help="the snapshot to compare it with, or a folder of this machine: a path with a slash"
    )
    parser.add_argument("--metadata", action="store_true", help="also show paths whose metadata alone differs")
    parser.add_argument(
        "--read-all", action="store_true", help="with a folder: read all files, also where size and times are the same"
    )
    add_snapshot_filter(parser, latest_only=True)


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
        old, *new = _snapshots(context, repository)
        heading = f"comparing snapshot {old.id[:8]} to {new[0].id[:8] if new else context.arguments.new}:\n"
        if not context.json and context.verbosity > 0:
            context.out.line(heading)
        load_to_read(repository)
        view = SnapshotView(repository, old.snapshot.tree, reporter, "diff")
        if new:
            other = SnapshotView(repository, new[0].snapshot.tree, reporter, "diff")
            views = view.below(os.fsencode(old.subfolder)), other.below(os.fsencode(new[0].subfolder))
            sums = compare(*views, show, metadata=context.arguments.metadata)
        else:
            sums = _with_live(context, view, old, show)
    if context.json:
        names = {"source_snapshot": context.arguments.old, "target_snapshot": context.arguments.new}
        event = {"message_type": "statistics"} | names | {"changed_files": sums.changed_files}
        context.out.json(event | {"added": as_dict(sums.added), "removed": as_dict(sums.removed)})
    elif context.verbosity > 0:
        for line in _sums(sums, blobs=bool(new)):
            context.out.line(line)
    return exit_codes.FAILED if sums.problems else exit_codes.OK


def _snapshots(context: Context, repository: Repository) -> list[Found]:
    """The snapshot, and the second one unless a folder of this machine was named."""
    arguments = context.arguments
    if _is_path(arguments.old):
        raise UsageError(
            "the snapshot stands before the folder", hint=f"strongroom diff {arguments.new} {arguments.old}"
        )
    if arguments.read_all and not _is_path(arguments.new):
        raise UsageError("--read-all is for a folder of this machine", hint="Leave it out for two snapshots.")
    found = [find_snapshot(repository, arguments.old, filter_of(context))]
    if _is_path(arguments.new):
        return found
    try:
        return [*found, find_snapshot(repository, arguments.new, filter_of(context))]
    except UsageError as problem:
        if not os.path.isdir(arguments.new):
            raise
        hint = f"For the folder of this machine write it with a slash: ./{arguments.new}"
        raise UsageError(problem.what, subject=problem.subject, hint=hint) from None


def _is_path(text: str) -> bool:
    """Whether a slash says so; one behind a colon belongs to a snapshot."""
    return "/" in text.partition(":")[0] or text in (".", "..", "~")


def _with_live(context: Context, view: SnapshotView, old: Found, show: Callable[[Difference], None]) -> Comparison:
    path = os.fsencode(os.path.abspath(os.path.expanduser(context.arguments.new)))
    given = ":" in context.arguments.old
    inside = os.fsencode("/" + old.subfolder) if given else _as_backed_up(view, old.snapshot.paths, path)
    same = inside == path or not given  # what a backup left out is named by where it was
    excludes = old.snapshot.excludes if same else ()
    live = LiveFolder(path, excludes=excludes, reads_all=context.arguments.read_all)
    try:
        view.find(inside)
    except UsageError as problem:
        hint = (
            f"`strongroom ls {old.id[:8]}` shows what is; strongroom diff {old.id[:8]}:/FOLDER {context.arguments.new}"
        )
        raise UsageError(problem.what, subject=problem.subject, hint=hint) from None
    return compare_with_live(view, inside, live, show, metadata=context.arguments.metadata)


def _as_backed_up(view: SnapshotView, sources: Sequence[str], path: bytes) -> bytes:
    """Where a snapshot has a folder of this machine; the path itself where it has it nowhere.

    A backup of `docs`, named from where it stood, has it as /docs, and says which path that was.
    """
    for source in map(os.fsencode, sources):
        if path != source and not path.startswith(source.rstrip(b"/") + b"/"):
            continue
        parts = path.split(b"/")
        for above in range(1, source.count(b"/") + 1):
            inside = b"/" + b"/".join(parts[above:])
            with contextlib.suppress(UsageError):
                view.find(inside)
                return inside
    return path


def _sums(sums: Comparison, *, blobs: bool) -> Iterator[str]:
    new, gone = sums.added, sums.removed
    yield ""
    yield f"Files:       {new.files:5d} new, {gone.files:5d} removed, {sums.changed_files:5d} changed"
    yield f"Dirs:        {new.dirs:5d} new, {gone.dirs:5d} removed"
    yield f"Others:      {new.others:5d} new, {gone.others:5d} removed"
    if blobs:
        yield f"Data Blobs:  {new.data_blobs:5d} new, {gone.data_blobs:5d} removed"
        yield f"Tree Blobs:  {new.tree_blobs:5d} new, {gone.tree_blobs:5d} removed"
    yield f"  Added:   {format_bytes(new.bytes):<5}"
    yield f"  Removed: {format_bytes(gone.bytes):<5}"
