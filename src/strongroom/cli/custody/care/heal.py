"""``custody heal``: bring back now what is missing, altered or damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    opened_replica,
    store_for,
)
from strongroom.cli.output.custody_round import healed_lines
from strongroom.cli.shared.opening import surroundings

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.care.healing_now import HealedNow

_DESCRIPTION = """\
Bring back what is missing, altered or damaged, from the store's older versions and from the replica, as each round does
by itself; and read what came back. Nothing is judged, and nothing goes. What neither has, a host may still have:
`custody wanted NAME`, and `strongroom heal` there.
"""


def arguments_heal(parser: argparse.ArgumentParser) -> None:
    """Which repositories."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    add_state(parser, identity=True)


def run_heal(context: Context) -> int:
    """Heal each; 75 where something is still hurt."""
    from strongroom.custody.care.healing_now import heal_now

    identity = identity_of(context)
    hurt = False
    with open_state(context) as state:
        for adopted in chosen(context, state):
            with store_for(context, adopted) as store, opened_replica(context, state, adopted) as replica:
                holder = f"{os.uname().nodename}:{os.getpid()}"
                done = heal_now(state, adopted, store, replica, identity, surroundings(context), holder=holder)
            hurt = hurt or bool(done.without or done.faults)
            _say(context, adopted.name, done)
    return exit_codes.PROMISE_OF_CUSTODY_BROKEN if hurt else exit_codes.OK


def _say(context: Context, name: str, done: HealedNow) -> None:
    if context.json:
        context.out.json(
            {
                "message_type": "custody_heal",
                "name": name,
                "healed": list(map(str, done.healed)),
                "from_replica": list(map(str, done.from_replica)),
                "made_good": list(done.made_good),
                "without": list(map(str, done.without)),
                "faults": [[str(thing), words] for thing, words in done.faults],
            }
        )
        return
    for line in healed_lines(done.healed, done.from_replica, (), done.made_good):
        context.out.line(f"{name}: {line}")
    for thing, words in done.faults:
        context.out.line(f"{name}: {thing}: {words}")
    for thing in done.without:
        context.out.line(f"{name}: {thing}: neither a version nor the replica has it")
    if done.without:
        context.out.line(
            f"A host may have it: `strongroom custody wanted {name} > list`, then `strongroom heal` there."
        )
    elif not (done.healed or done.from_replica or done.made_good or done.faults):
        context.out.line(f"{name}: nothing is hurt")
