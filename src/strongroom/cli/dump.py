"""``dump``: a file of a snapshot on standard output, or a folder as an archive."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.archive.dump import ARCHIVES, dump
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.output.files import writing
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.cli.shared.selecting import filter_of
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import find_snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.archive.dump import Sink
    from strongroom.cli.output.out import Out
    from strongroom.cli.shared.context import Context


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``dump``."""
    parser.description = (
        "Print a file of a snapshot to standard output, or a folder as a tar or zip archive; / is all of it.\n\n"
        "  strongroom dump latest /etc/fstab\n"
        "  strongroom dump latest /home -a zip --target home.zip"
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="an ID, or `latest`")
    parser.add_argument("path", metavar="FILE/FOLDER", help="what to print, as `ls` shows it")
    parser.add_argument(
        "-a", "--archive", choices=ARCHIVES, default="tar", help="how a folder is packed (default: tar)"
    )
    parser.add_argument("-t", "--target", metavar="FILE", help="write to this file")
    add_snapshot_filter(parser, latest_only=True)


def run(context: Context) -> int:
    """Write the file or the archive. What is missing of an archive is reported, and the exit code is 1."""
    reporter = context.reporter()
    path = os.fsencode(context.arguments.path)
    with one_repository(context) as repository, locked(context, repository):
        found = find_snapshot(repository, context.arguments.snapshot, filter_of(context))
        load_to_read(repository)
        view = SnapshotView(repository, found.snapshot.tree, reporter, "dump").below(os.fsencode(found.subfolder))
        entry = view.find(path)
        if context.out.is_terminal and not context.arguments.target and (entry is None or entry.is_dir):
            hint = "Redirect it, or name a file with --target."
            raise UsageError("an archive is not for a terminal", subject=context.arguments.path, hint=hint)
        with _sink(context.out, context.arguments.target, view) as sink:
            dump(view, path, sink, archive=context.arguments.archive)
    return exit_codes.FAILED if view.problems or repository.unreadable else exit_codes.OK


class _Standard:
    """Standard output as a place for bytes."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def write(self, data: bytes, /) -> None:
        """Write all of them."""
        self._out.raw(data)


@contextlib.contextmanager
def _sink(out: Out, target: str | None, view: SnapshotView) -> Iterator[Sink]:
    if target is None:
        yield _Standard(out)
        return

    def whole() -> bool:
        if view.problems:
            out.warn(f"{target}: the file that is there stays, since the archive would lack what is named above")
        return not view.problems

    with writing(target, whole) as file:
        yield file
