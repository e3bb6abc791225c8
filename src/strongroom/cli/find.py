"""``find``: search snapshots for names, or for blobs, trees and packs by ID."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.archive.find import FoundObject, NameQuery, NameSearch, ObjectQuery, ObjectSearch, blobs_of_packs
from strongroom.archive.vfs import SnapshotEntry, SnapshotView
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter, typed
from strongroom.cli.arguments.times import local_text
from strongroom.cli.arguments.values import local_time, nanoseconds
from strongroom.cli.output.nodes import find_json, long_line
from strongroom.cli.output.text import as_text
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.cli.shared.selecting import chosen
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import complete_prefix, is_beginning

if TYPE_CHECKING:
    import argparse

    from strongroom.base.progress import Reporter
    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Listed

_DESCRIPTION = """\
Search the snapshots for files and folders by name, or for objects by ID. Works on every repository given.

  strongroom find fstab
  strongroom find '*.odt' --newest '2026-01-31 00:00:00'
  strongroom find --blob 420f620f
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``find``."""
    parser.description = _DESCRIPTION
    parser.add_argument("patterns", nargs="+", metavar="PATTERN", help="a name with * and ?, or an ID")
    parser.add_argument("-i", "--ignore-case", action="store_true", help="take capital and small letters for the same")
    parser.add_argument("-l", "--long", action="store_true", help="show mode, owner, size and time, too")
    parser.add_argument("--human-readable", action="store_true", help="show sizes with units (with --long)")
    parser.add_argument(
        "-O", "--oldest", type=typed(local_time), metavar="TIME", help="find only what was modified then or later"
    )
    parser.add_argument(
        "-N", "--newest", type=typed(local_time), metavar="TIME", help="find only what was modified then or earlier"
    )
    parser.add_argument(
        "-s", "--snapshot", dest="names", action="append", metavar="ID", help="search only this snapshot (repeatable)"
    )
    parser.add_argument("-R", "--reverse", action="store_true", help="search the oldest snapshot first")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--blob", action="store_true", help="the patterns are IDs of blobs")
    kind.add_argument("--tree", action="store_true", help="the patterns are IDs of trees")
    kind.add_argument(
        "--pack", action="store_true", help="the patterns are IDs of packs: find what their blobs belong to"
    )
    parser.add_argument("--show-pack-id", action="store_true", help="with --blob or --tree: say in which pack it lies")
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Search each repository."""
    arguments = context.arguments
    reporter = context.reporter()
    collected: list[dict[str, Any]] = []

    def work(repository: Repository, label: str) -> int:
        reporter.repository = label
        with locked(context, repository):
            snapshots, unknown = chosen(context, repository)
            load_to_read(repository)
            if not arguments.reverse:
                snapshots.reverse()
            if label and not context.json:
                context.out.line(f"repository {label}:")
            by_id = arguments.blob or arguments.tree or arguments.pack
            search = _objects if by_id else _names
            problems, found = search(context, repository, snapshots, reporter)
        collected.extend(({"repository": label} if label else {}) | one for one in found)
        return exit_codes.FAILED if problems or unknown or repository.unreadable else exit_codes.OK

    code = each_repository(context, work)
    if context.json:
        context.out.json(collected)
    return code


def _names(
    context: Context, repository: Repository, snapshots: list[Listed], reporter: Reporter
) -> tuple[int, list[dict[str, Any]]]:
    """Search for names. Prints matches for people as they come; returns problems, and matches for programs."""
    arguments = context.arguments
    oldest, newest = arguments.oldest, arguments.newest
    query = NameQuery(
        tuple(arguments.patterns),
        arguments.ignore_case,
        nanoseconds(oldest) if oldest else None,
        nanoseconds(newest) if newest else None,
    )
    search, name_of = NameSearch(query), context.out.name
    problems, collected, printed = 0, [], False
    for name, snapshot in snapshots:
        matches: list[dict[str, Any]] = []
        hits = 0

        def show(
            entry: SnapshotEntry, name: str = name, time_ns: int = snapshot.time_ns, matches: list[Any] = matches
        ) -> None:
            nonlocal hits, printed
            hits += 1
            if context.json:
                matches.append(find_json(entry.node, entry.path))
                return
            if hits == 1:
                blank = "\n" if printed else ""
                context.out.line(f"{blank}Found matching entries in snapshot {name[:8]} from {local_text(time_ns)}")
            printed = True
            line = (
                long_line(entry.node, entry.path, name_of, human=arguments.human_readable) if arguments.long else None
            )
            context.out.line(line or name_of(entry.path))

        view = SnapshotView(repository, snapshot.tree, reporter, "find")
        search.search(view, show)
        problems += view.problems
        if hits:
            collected.append({"matches": matches, "hits": hits, "snapshot": name})
    return problems, collected


def _objects(
    context: Context, repository: Repository, snapshots: list[Listed], reporter: Reporter
) -> tuple[int, list[dict[str, Any]]]:
    """Search for objects; as ``_names``."""
    query = _query(context, repository)
    search = ObjectSearch(query)
    problems, collected = 0, []
    for name, snapshot in snapshots:

        def show(
            found: FoundObject, name: str = name, time_ns: int = snapshot.time_ns, time: str = str(snapshot.time)
        ) -> None:
            if context.json:
                one = {"object_type": found.kind, "id": found.id, "path": as_text(found.path)}
                parent = {"parent_tree": found.parent_tree} if found.parent_tree else {}
                collected.append(one | parent | {"snapshot": name, "time": time})
                return
            context.out.line(f"Found {found.kind} {found.id}")
            if found.kind == "blob":
                context.out.line(f" ... in file {context.out.name(found.path)}\n     (tree {found.parent_tree})")
            else:
                context.out.line(f" ... path {context.out.name(found.path)}")
            context.out.line(f" ... in snapshot {name[:8]} ({local_text(time_ns)})")

        view = SnapshotView(repository, snapshot.tree, reporter, "find")
        search.search(view, show)
        problems += view.problems
    if context.arguments.show_pack_id and not context.json:
        _packs(context, repository, query)
    return problems, collected


def _query(context: Context, repository: Repository) -> ObjectQuery:
    """Whole IDs from what the user gave; as in restic a blob or tree that is nowhere is found nowhere, a pack is.

    Raises ``UsageError`` for a pack that nothing begins with, and for any beginning that several have.
    """
    arguments, index = context.arguments, repository.index
    if arguments.pack:
        packs = index.packs()
        return blobs_of_packs(repository, [complete_prefix(text, packs, "pack") for text in arguments.patterns])
    kind, other = ("data", "tree") if arguments.blob else ("tree", "data")
    whole: set[str] = set()
    for text in arguments.patterns:
        if not is_beginning(text):
            continue
        found = index.ids(kind, text)
        if len(text) == 64 or found:
            whole.add(complete_prefix(text, found or [text], kind))
        if not found and index.ids(other, text):
            hint = "--tree finds it" if other == "tree" else "--blob finds it"
            context.warn(f"no {kind} blob begins with {text[:8]}, but a {other} blob does: {hint}")
    return ObjectQuery(data=frozenset(whole)) if arguments.blob else ObjectQuery(trees=frozenset(whole))


def _packs(context: Context, repository: Repository, query: ObjectQuery) -> None:
    for kind, ids in (("data", query.data), ("tree", query.trees)):
        for blob in sorted(ids):
            if not repository.locations(kind, blob):  # in restic's words
                context.out.line(f"Object {kind} with type {blob[:8]} not found in the index")
            for place in repository.locations(kind, blob):
                plain = f", uncompressed length {place.uncompressed_length}" if place.uncompressed_length else ""
                what = f"<Blob ({kind}) {blob[:8]}, offset {place.offset}, length {place.length}{plain}>"
                context.out.line(f"Object belongs to pack {place.pack}\n ... Pack {place.pack[:8]}: {what}")
