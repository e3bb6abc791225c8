"""``custody incidents``: what an operator must see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_repository, add_state, chosen, open_state
from strongroom.cli.output.table import table
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


_WIDEST = 160
"""Letters of an incident's words in a table."""


def arguments_incidents(parser: argparse.ArgumentParser) -> None:
    """Which repositories; with ``--closed`` those that are over, too."""
    parser.description = "Incidents: what was found wrong, since when, and what to do about it."
    add_repository(parser, several=True)
    parser.add_argument("--closed", action="store_true", help="those that are over, too")
    add_state(parser)


def run_incidents(context: Context) -> int:
    """Print them, the newest last."""
    from strongroom.custody.incidents import ADVICE
    from strongroom.custody.ledger import incidents

    with open_state(context) as state:
        names = {adopted.id: adopted.name for adopted in chosen(context, state)}
        found = [one for one in incidents(state, closed=context.arguments.closed) if one.repository in names]
    if context.json:
        context.out.json(
            [
                {
                    "repository": names[one.repository],
                    "code": one.code.value,
                    "object": one.object,
                    "opened": rfc3339.format_utc(one.opened_ns),
                    "closed": rfc3339.format_utc(one.closed_ns) if one.closed_ns is not None else None,
                    "words": one.words,
                }
                for one in found
            ]
        )
        return exit_codes.OK
    if not found:
        context.out.line("no incidents are open")
        return exit_codes.OK
    rows = [
        [
            rfc3339.format_utc(one.opened_ns)[:16],
            names[one.repository],
            one.code.value,
            _short(one.object),
            _cut(one.words),
        ]
        for one in found
    ]
    for line in table(("Since (UTC)", "Repository", "Code", "Object", "What"), rows):
        context.out.line(line)
    for code in dict.fromkeys(one.code for one in found if one.closed_ns is None):
        context.out.line(f"{code.value}: {ADVICE[code]}")
    return exit_codes.OK


def _cut(words: str) -> str:
    return words if len(words) <= _WIDEST else f"{words[:_WIDEST]}… (all of it with --json)"


def _short(thing: str) -> str:
    kind, slash, name = thing.partition("/")
    return f"{kind}/{name[:10]}" if slash and len(name) == 64 else thing
