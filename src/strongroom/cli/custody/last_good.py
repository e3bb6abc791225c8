"""``custody last-good``: versions of a path, the newest good one first; or the signed list of good snapshots."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from strongroom.cli.custody.shared import (
    add_state,
    identity_of,
    load_sound_indexes,
    open_state,
    store_for,
    target_of,
)
from strongroom.cli.output.table import table
from strongroom.cli.output.text import printable
from strongroom.cli.shared.opening import surroundings
from strongroom.cli.shared.targets import store_options
from strongroom.format import rfc3339
from strongroom.storage.locate import restic_place

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.state import Adopted, State

_DESCRIPTION = """\
Every version of a path over all snapshots of a repository, with what is thought of each, the newest good one first, and
the line that restores it. On the worst day `latest` may be an intruder's.

Without a path: the newest list of good snapshots, which rounds write beside the repository and sign. It is read from
the store alone. Where the custodian's machine is gone, type what the recovery kit says; no state, password or identity
is needed:

  strongroom custody last-good --store s3:https://s3.example.org/vault/web01 --repository ID --judge KEY
"""


def arguments_last_good(parser: argparse.ArgumentParser) -> None:
    """Which repository, which path."""
    parser.description = _DESCRIPTION
    parser.add_argument("name", nargs="?", metavar="NAME", help="a repository's name, or the beginning of its ID")
    parser.add_argument("path", nargs="?", metavar="PATH", help="the absolute path that it had on its host")
    group = parser.add_argument_group("the list, without the custodian's state")
    group.add_argument("--store", metavar="REPOSITORY", help="where the repository is, as after --repo")
    group.add_argument("--repository", metavar="ID", help="the repository's ID, as the kit has it")
    group.add_argument("--judge", metavar="KEY", help="the custodian's key, as the kit has it")
    group.add_argument("--at-least", type=int, default=0, metavar="NUMBER", help="a list's number, as the kit has it")
    add_state(parser, identity=True)


def run_last_good(context: Context) -> int:
    """Print them; 75 where the list may not be the newest."""
    from strongroom.cli.custody.care.good_list import show_list_of, show_list_there

    arguments = context.arguments
    if arguments.store is not None or arguments.name is None:
        return show_list_there(context)
    with open_state(context) as state:
        adopted = state.repository(arguments.name)
        return show_list_of(context, state, adopted) if arguments.path is None else _versions(context, state, adopted)


def _versions(context: Context, state: State, adopted: Adopted) -> int:
    from strongroom.custody.adopting import open_adopted
    from strongroom.custody.drills.last_good import versions_of

    identity = identity_of(context)
    options = store_options(context, target_of(context, adopted))
    with store_for(context, adopted) as store:
        repository = open_adopted(adopted, store, identity, surroundings(context))
        load_sound_indexes(context, repository)
        found = versions_of(state, adopted, repository, os.fsencode(context.arguments.path))
    if context.json:
        context.out.json(
            [
                {
                    "snapshot": one.snapshot,
                    "arrival": rfc3339.format_utc(one.arrival_ns),
                    "verdict": one.verdict,
                    "source": one.source,
                    "type": one.kind,
                    "size": one.size,
                    "mtime": one.mtime,
                    "snapshots": one.snapshots,
                }
                for one in found
            ]
        )
        return 0
    rows = [
        [
            one.snapshot[:8],
            rfc3339.format_utc(one.arrival_ns)[:16],
            one.verdict,
            one.kind,
            "" if one.size is None else str(one.size),
            one.mtime[:19],
            str(one.snapshots),
        ]
        for one in found
    ]
    for line in table(("Snapshot", "Arrival (UTC)", "Verdict", "Type", "Bytes", "Modified", "Snapshots"), rows):
        context.out.line(line)
    best = found[0]
    if best.verdict == "good" and best.kind != "gone":
        place, path = (
            shlex.quote(restic_place(adopted.store, options)),
            shlex.quote(printable(os.fsencode(context.arguments.path))),
        )
        context.out.line(
            f"restic -r {place} restore {best.snapshot[:8]} --include {path} --target /somewhere --no-lock"
        )
        context.out.line(
            f"`strongroom custody kit {adopted.name}` says with which password, and what to do beside junk."
        )
    return 0
