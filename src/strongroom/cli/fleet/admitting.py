"""``fleet pending``, ``approve`` and ``deny``: hosts beyond what a token lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, ago, open_state
from strongroom.cli.output.table import table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_KEY_HELP = "the eight words that the host shows, where several wait under one name"


def arguments_pending(parser: argparse.ArgumentParser) -> None:
    """Nothing but where the server is."""
    parser.description = (
        "List hosts that wait to be let in: their token was for several hosts, and has let in as many as it may. A\n"
        "host shows its key as eight words; compare them, since whoever has the token may take any name."
    )
    add_state(parser)


def run_pending(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.protocol.fields import visible
    from strongroom.fleet.protocol.fingerprint_words import words_of
    from strongroom.fleet.server.admitting.deciding import list_pending

    with open_state(context) as state:
        found, now = list_pending(state), state.now()
    if context.json:
        names = ("name", "ticket", "pattern", "network", "asked", "heard")
        rows = [{"key": words_of(row.id)} | {name: row._mapping[name] for name in names} for row in found]
        context.out.json(rows)
        return exit_codes.OK
    if not found:
        context.out.line("no host waits to be let in")
        return exit_codes.OK
    shown = [
        [row.name, words_of(row.id), visible(row.network), ago(row.asked, now), ago(row.heard, now), row.ticket]
        for row in found
    ]
    for line in table(("Name", "Key", "From", "Since", "Asked last", "Token"), shown):
        context.out.line(line)
    return exit_codes.OK


def arguments_approve(parser: argparse.ArgumentParser) -> None:
    """Which host."""
    parser.description = (
        "Let in a host that waits; it goes on by itself. With --key no other can have taken its name: the words are\n"
        "those that the host itself shows."
    )
    add_state(parser)
    parser.add_argument("name", metavar="NAME", help="the host's name")
    parser.add_argument("--key", metavar="WORDS", default="", help=_KEY_HELP)


def run_approve(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.protocol.fingerprint_words import parse_words, words_of
    from strongroom.fleet.server.admitting.deciding import approve

    arguments = context.arguments
    key = parse_words(arguments.key) if arguments.key else ""
    with open_state(context) as state:
        host = approve(state, arguments.name, key)
    if context.json:
        context.out.json({"name": arguments.name, "key": words_of(host)})
    else:
        context.out.line(f"{arguments.name} is let in when it asks next; its key is {words_of(host)}")
    return exit_codes.OK


def arguments_deny(parser: argparse.ArgumentParser) -> None:
    """Which hosts."""
    parser.description = (
        "Say no to hosts that wait: they are told so. With --token to all that came by that token, which lets nobody\n"
        "in any more. Hosts that have joined by it stay."
    )
    add_state(parser)
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="the host's name, or a pattern")
    parser.add_argument("--key", metavar="WORDS", default="", help=_KEY_HELP)
    parser.add_argument("--token", metavar="ID", default="", help="end this token, as `fleet pending` names it")


def run_deny(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.protocol.fingerprint_words import parse_words
    from strongroom.fleet.server.admitting.deciding import deny

    arguments = context.arguments
    if not arguments.name and not arguments.token:
        raise UsageError("deny whom?", hint="strongroom fleet deny NAME, or --token ID.")
    key = parse_words(arguments.key) if arguments.key else ""
    with open_state(context) as state:
        count = deny(state, arguments.name, key, arguments.token)
    if context.json:
        context.out.json({"denied": count})
    else:
        ended = ", and the token has ended" if arguments.token else ""
        context.out.line(f"{count} {'host is' if count == 1 else 'hosts are'} denied{ended}")
    return exit_codes.OK
