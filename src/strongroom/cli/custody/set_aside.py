"""``custody set-aside``: take what a host planted out of its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.custody.execute import handover_of, opened_executor
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    operator,
    signer_of,
    store_for,
)
from strongroom.cli.custody.two_machines.remote import say_where_bounds_are_lifted
from strongroom.cli.custody.two_machines.signing import add_signing, spoken

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Take planted objects out of their place at once, so that clients work again: a key that nobody announced, an index that
lies, whatever was never what its name says. Rounds do it by themselves for indexes and malformed keys, ten a day; a
well-formed key waits for you. Each can be brought back with `custody undo`.

  strongroom custody set-aside web01 keys/3f9a12bc
"""


def arguments_set_aside(parser: argparse.ArgumentParser) -> None:
    """Which objects."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    parser.add_argument("objects", nargs="+", metavar="KIND/ID", help="as `custody incidents` shows it")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_signing(parser)
    add_state(parser, identity=True)


def run_set_aside(context: Context) -> int:
    """Set them aside, and say how they come back."""
    from strongroom.custody.executor.words import APPROVE, plan_thing
    from strongroom.custody.handover.by_word import set_aside

    arguments = context.arguments
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        with store_for(context, adopted) as store:
            signer = signer_of(context)
            with opened_executor(context, adopted, store, signer) as executor:
                handover = handover_of(context, state, adopted, store, identity_of(context), signer)

                def by_word(number: int, digest: str) -> str | None:
                    return spoken(context, adopted, APPROVE, plan_thing(number, digest))

                said = (arguments.objects, operator(), arguments.why, by_word)
                went = set_aside(state, adopted, handover, executor, signer, *said)
    if context.json:
        context.out.json(
            {
                "message_type": "custody_set_aside",
                "repository": adopted.name,
                "plan": went.number,
                "removed": went.removed,
                "left": list(went.waits),
            }
        )
    else:
        for name in went.removed:
            context.out.line(f"set aside {name}")
        for words in went.waits:
            context.out.line(words)
        if went.removed:
            context.out.line(f"`strongroom custody undo {adopted.name} {went.number}` brings them back")
        else:
            say_where_bounds_are_lifted(context, adopted, went.number)
    return exit_codes.FAILED if went.waits else exit_codes.OK
