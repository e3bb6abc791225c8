"""``fleet ask``: a wish to a host, which its own file must allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, ago, open_state
from strongroom.fleet.protocol.fields import visible

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_ask(parser: argparse.ArgumentParser) -> None:
    """Which host, and for what."""
    parser.description = (
        "Ask a host for a report, or for a run of one of its sources, when it reports next. It does so where its own"
        " fleet.toml allows it (`requests`), one request an hour, and says what became of it: without a wish, that is"
        " shown."
    )
    add_state(parser)
    parser.add_argument("name", metavar="HOST", help="the host's name")
    parser.add_argument("wish", nargs="?", choices=("report", "run"), help="what it is asked for")
    parser.add_argument("source", nargs="?", default="", metavar="SOURCE", help="the source to run")


def run_ask(context: Context) -> int:
    """Ask, or show what became of it."""
    from strongroom.fleet.server.requests import ask_host, asked_of

    arguments = context.arguments
    with open_state(context) as state:
        if arguments.wish:
            made = ask_host(state, arguments.name, arguments.wish, arguments.source)
            if context.json:
                context.out.json({"id": made})
            else:
                context.out.line(f"{arguments.name} is asked when it reports next, within the hour")
            return exit_codes.OK
        row, now = asked_of(state, arguments.name), state.now()
    if context.json:
        names = ("id", "wish", "source", "made", "outcome", "words", "at")
        context.out.json({} if row is None else {name: row._mapping[name] for name in names})
    elif row is None:
        context.out.line(f"{arguments.name} was never asked")
    else:
        words = f": {row.words}" if row.words else ""
        wish = f"{row.wish} {row.source}".strip()
        context.out.line(visible(f"{wish}, asked {ago(row.made, now)}: {row.outcome}{words}"))
    return exit_codes.OK
