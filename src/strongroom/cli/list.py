"""``list``: the names of the objects of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind
from strongroom.cli.shared.opening import locked, one_repository

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_KINDS = {
    "packs": Kind.DATA,
    "index": Kind.INDEX,
    "snapshots": Kind.SNAPSHOT,
    "keys": Kind.KEY,
    "locks": Kind.LOCK,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The kind."""
    parser.description = "List the IDs of all objects of a kind, one a line."
    parser.add_argument("kind", choices=("blobs", *_KINDS), help="what to list")


def run(context: Context) -> int:
    """Print the IDs; blobs with their type before them, as restic does."""
    kind = context.arguments.kind
    with one_repository(context) as repository:
        if kind == "locks":  # taking one would list it
            for info in repository.store.list(Kind.LOCK):
                context.out.line(info.name.name)
            return 0
        with locked(context, repository):
            if kind == "blobs":
                index = repository.load_index()
                for pack in index.packs():
                    for entry in index.pack_entries(pack):
                        context.out.line(f"{entry.kind} {entry.id}")
            else:
                for info in repository.store.list(_KINDS[kind]):
                    context.out.line(info.name.name)
    return 0
