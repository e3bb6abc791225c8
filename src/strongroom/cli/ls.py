"""``ls``: the entries of a snapshot."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from strongroom.archive.view import Entry, SnapshotView
from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.output.nodes import long_line, ls_json
from strongroom.cli.output.text import printable
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.cli.shared.options import add_snapshot_filter
from strongroom.cli.shared.selecting import filter_of, of_snapshot
from strongroom.cli.snapshots import snapshot_json
from strongroom.repository.selection import find_snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.repository.selection import Found


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``ls``."""
    parser.description = (
        "List the entries of a snapshot: all, or what is in some folders. `latest` is the newest snapshot,\n"
        "`latest~1` the one before it, and SNAPSHOT:FOLDER looks at the snapshot from one of its folders."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="an ID, or `latest`")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="only what is in this folder (an absolute path)")
    parser.add_argument("-l", "--long", action="store_true", help="with mode, owner, size and time")
    parser.add_argument("--recursive", action="store_true", help="also what is in the folders' folders")
    parser.add_argument("--human-readable", action="store_true", help="sizes with units (with --long)")
    add_snapshot_filter(parser, latest_only=True)


def run(context: Context) -> int:
    """Print the entries. Entries that cannot be read are reported, and the exit code is 1."""
    folders = [_folder(text) for text in context.arguments.folders]
    reporter = context.reporter()
    with one_repository(context) as repository, locked(context, repository):
        found = find_snapshot(repository, context.arguments.snapshot, filter_of(context))
        repository.load_index()
        view = SnapshotView(repository, found.snapshot.tree, reporter).below(os.fsencode(found.subfolder))
        _heading(context, found)
        for entry in view.walk(enter=lambda entry: _enter(entry.path, folders, context.arguments.recursive)):
            if not folders or any(_within(entry.path, folder) for folder in folders):
                _print(context, entry)
    return exit_codes.FAILED if view.problems else exit_codes.OK


def _folder(text: str) -> bytes:
    if not text.startswith("/"):
        raise UsageError("a folder is named by its absolute path", subject=text, hint=f"Perhaps /{text}?")
    return os.fsencode(posixpath.normpath(text))


def _within(path: bytes, folder: bytes) -> bool:
    """Whether a path is a folder or lies in it, however deep."""
    return folder in (b"/", path) or path.startswith(folder + b"/")


def _enter(path: bytes, folders: Sequence[bytes], recursive: bool) -> bool:
    """restic's rule: into what leads to a folder, into the folder, and further with ``--recursive``."""
    if not folders:
        return True
    if recursive and any(_within(path, folder) for folder in folders):
        return True
    return any(_within(folder, path) for folder in folders)


def _heading(context: Context, found: Found) -> None:
    if context.json:
        members = snapshot_json(found.id, found.snapshot)
        context.out.json(members | {"message_type": "snapshot", "struct_type": "snapshot"}, flush=False)
    elif context.verbosity > 0:
        folders = " ".join(printable(folder) for folder in context.arguments.folders)
        context.out.line(f"{of_snapshot(found.id, found.snapshot)} filtered by [{folders}]:")


def _print(context: Context, entry: Entry) -> None:
    if context.json:
        context.out.json(ls_json(entry.node, entry.path), flush=False)
    elif context.arguments.long:
        context.out.line(long_line(entry.node, entry.path, human=context.arguments.human_readable))
    else:
        context.out.line(printable(entry.path))
