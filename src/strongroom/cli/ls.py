"""``ls``: the entries of a snapshot."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Any

from strongroom.archive.vfs import SnapshotEntry, SnapshotView
from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.output.ncdu import Ncdu
from strongroom.cli.output.nodes import long_line, ls_json
from strongroom.cli.output.snapshot_table import snapshot_json
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.cli.shared.selecting import filter_of, of_snapshot
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import find_snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.repository.selection import Found


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``ls``."""
    parser.description = (
        "List the entries of a snapshot: all, or what is in some folders. `latest` is the newest snapshot,\n"
        "`latest~1` the one before it, and SNAPSHOT:FOLDER looks at the snapshot from one of its folders."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="which snapshot: an ID, or `latest`")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="list only this folder (an absolute path)")
    parser.add_argument("-l", "--long", action="store_true", help="show mode, owner, size and time, too")
    parser.add_argument("--recursive", action="store_true", help="also list what lies in the folders of these folders")
    parser.add_argument("--human-readable", action="store_true", help="show sizes with units (with --long)")
    parser.add_argument(
        "-s",
        "--sort",
        choices=sorted(_ORDERS),
        default="name",
        metavar="MODE",
        help="sort by name, size, time (or mtime), atime, ctime or extension (default: name)",
    )
    parser.add_argument("--reverse", action="store_true", help="sort the other way round")
    parser.add_argument(
        "--ncdu",
        action="store_true",
        help="print what `ncdu -f -` reads, which shows the sizes of folders at the terminal",
    )
    add_snapshot_filter(parser, latest_only=True)


def run(context: Context) -> int:
    """Print the entries. Entries that cannot be read are reported, and the exit code is 1."""
    _check(context.arguments)
    folders = [_folder(text) for text in context.arguments.folders]
    reporter = context.reporter()
    with one_repository(context) as repository, locked(context, repository):
        found = find_snapshot(repository, context.arguments.snapshot, filter_of(context))
        load_to_read(repository)
        view = SnapshotView(repository, found.snapshot.tree, reporter, "ls").below(os.fsencode(found.subfolder))
        recursive = context.arguments.recursive
        entries = view.walk(enter=lambda entry: _enter(entry.path, folders, recursive))
        if context.arguments.ncdu:
            _ncdu(context, found, entries, folders)
        else:
            _heading(context, found)
            wanted = (entry for entry in entries if not folders or any(_within(entry.path, one) for one in folders))
            for entry in _sorted(wanted, context.arguments.sort, context.arguments.reverse):
                _print(context, entry)
    return exit_codes.FAILED if view.problems or repository.unreadable else exit_codes.OK


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what restic refuses."""
    if arguments.ncdu:
        for flag, given in (("--json", arguments.json), ("--sort", arguments.sort != "name")):
            if given:
                raise UsageError(f"only one of {flag} and --ncdu can be given", hint="Leave out one of them.")
        if arguments.reverse:
            raise UsageError("only one of --reverse and --ncdu can be given", hint="Leave out one of them.")


def _extension(entry: SnapshotEntry) -> bytes:
    """What stands behind the last dot, as Go's ``path.Ext``; a name such as ``.profile`` is all extension."""
    _, dot, after = entry.node.name.rpartition(b".")
    return after if dot else b""


_ORDERS: dict[str, Callable[[SnapshotEntry], Any]] = {
    "name": lambda entry: entry.path,
    "size": lambda entry: entry.node.size,
    "time": lambda entry: entry.node.mtime.ns,
    "mtime": lambda entry: entry.node.mtime.ns,
    "atime": lambda entry: entry.node.atime.ns,
    "ctime": lambda entry: entry.node.ctime.ns,
    "extension": _extension,
}


def _sorted(entries: Iterable[SnapshotEntry], order: str, reverse: bool) -> Iterable[SnapshotEntry]:
    """restic's orders: equal ones by path, ``name`` as they stand in the snapshot. By name nothing waits in memory."""
    if order == "name" and not reverse:
        return entries
    listed = list(entries)
    if order != "name":
        key = _ORDERS[order]
        listed.sort(key=lambda entry: (key(entry), entry.path))
    return reversed(listed) if reverse else listed


def _ncdu(context: Context, found: Found, entries: Iterable[SnapshotEntry], folders: Sequence[bytes]) -> None:
    """All entries, and of those outside the folders asked for the ones that lead there, which ncdu needs."""
    ncdu = Ncdu(context.out, found.snapshot.members())
    for entry in entries:
        leads = entry.is_dir and any(_within(folder, entry.path) for folder in folders)
        if not folders or leads or any(_within(entry.path, folder) for folder in folders):
            ncdu.entry(entry)
    ncdu.close()


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
        folders = " ".join(context.out.name(os.fsencode(folder)) for folder in context.arguments.folders)
        context.out.line(f"{of_snapshot(found.id, found.snapshot)} filtered by [{folders}]:")


def _print(context: Context, entry: SnapshotEntry) -> None:
    if context.json:
        context.out.json(ls_json(entry.node, entry.path), flush=False)
    elif context.arguments.long:
        context.out.line(long_line(entry.node, entry.path, context.out.name, human=context.arguments.human_readable))
    else:
        context.out.line(context.out.name(entry.path))
