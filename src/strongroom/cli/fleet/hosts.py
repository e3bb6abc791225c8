"""``fleet tag``, ``pause``, ``retire`` and ``revoke``: what an operator decides about a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError, UsageError
from strongroom.base.quantities import duration
from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, configuration, folder_of, gateways_of, open_state

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def _which(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("name", metavar="HOST", help="the host's name")
    parser.add_argument("--source", default="", metavar="NAME", help="this source of it alone")
    parser.add_argument("--repository", default="", metavar="NAME", help="this repository of it alone")


def arguments_pause(parser: argparse.ArgumentParser) -> None:
    """Which watches, how long and why."""
    parser.description = "Alarm about nothing but suspicion, for 30 days at most. A pause ends by itself."
    _which(parser)
    parser.add_argument("--for", dest="span", default="24h", metavar="TIME", help="such as 8h or 720h (default: 24h)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; others will read it")
    parser.add_argument("--end", action="store_true", help="end the pause now")


def run_pause(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.server.operating import pause

    arguments = context.arguments
    try:
        seconds = 0 if arguments.end else int(duration(arguments.span))
    except ValueError as error:
        raise UsageError(str(error), subject="--for") from None
    with open_state(context) as state:
        count = pause(state, arguments.name, arguments.source, arguments.repository, seconds, arguments.reason)
    _say(context, count, "no longer paused" if not seconds else f"paused for {arguments.span}")
    return exit_codes.OK


def arguments_expect(parser: argparse.ArgumentParser) -> None:
    """Which host, and how often."""
    parser.description = (
        "Say how often a host backs up that has stock restic and no agent: it is watched by the receipts of its\n"
        "gateway, and a backup a day is expected until somebody says otherwise.\n\n"
        "A host that joined says itself how often it backs up. With --late alone it may be later than usual (1.5\n"
        "intervals, the jitter and an hour), as far as its own `late_after` says so, too."
    )
    add_state(parser)
    parser.add_argument("name", metavar="HOST", help="the host's name")
    parser.add_argument("--source", default="", metavar="NAME", help="this source of a host that joined alone")
    parser.add_argument("--repository", default="", metavar="PATH", help="this repository of it alone")
    parser.add_argument("--every", metavar="TIME", help="such as 1h, 24h or 168h")
    parser.add_argument(
        "--late", metavar="TIME", help="so long after the last it is late (default: 1.5 intervals and an hour)"
    )


def run_expect(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.server.operating import expect

    arguments = context.arguments
    spans = []
    for option, text in (("--every", arguments.every), ("--late", arguments.late)):
        try:
            spans.append(None if text is None else int(duration(text)))
        except ValueError as error:
            raise UsageError(str(error), subject=option) from None
    every, late = spans
    if every is None and late is None:
        raise UsageError("neither --every nor --late is given", hint="Such as --every 24h, or --late 72h.")
    with open_state(context) as state:
        count = expect(state, arguments.name, arguments.repository, every, late, arguments.source)
    words = f"late after {arguments.late}, as far as its own late_after says so" if every is None else ""
    _say(context, count, words or f"expected every {arguments.every}")
    return exit_codes.OK


def arguments_tag(parser: argparse.ArgumentParser) -> None:
    """Which host, and which tags."""
    parser.description = (
        "Give a host tags, or take them away, and print those that it has. Channels (`tags=TAG,TAG`) and tokens"
        " (`--tags`) choose hosts that have one of theirs."
    )
    add_state(parser)
    parser.add_argument("name", metavar="HOST", help="the host's name")
    parser.add_argument("tags", nargs="*", metavar="TAG", help="such as database or production")
    parser.add_argument("--remove", action="append", default=[], metavar="TAG", help="take this tag away")


def run_tag(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.server.alerting.tagging import tag_host

    arguments = context.arguments
    with open_state(context) as state:
        tags = tag_host(state, arguments.name, arguments.tags, arguments.remove)
    if context.json:
        context.out.json({"message_type": "fleet_tags", "host": arguments.name, "tags": tags})
    else:
        context.out.line(f"{arguments.name}: {' '.join(tags) or 'no tags'}")
    return exit_codes.OK


def arguments_retire(parser: argparse.ArgumentParser) -> None:
    """Which watches."""
    parser.description = "Watch no longer what is backed up no longer. Nothing is deleted."
    _which(parser)
    parser.add_argument("--back", action="store_true", help="watch it again")


def run_retire(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.server.operating import retire

    arguments = context.arguments
    with open_state(context) as state:
        count = retire(state, arguments.name, arguments.source, arguments.repository, back=arguments.back)
    _say(context, count, "watched again" if arguments.back else "retired")
    return exit_codes.OK


def arguments_revoke(parser: argparse.ArgumentParser) -> None:
    """Which host."""
    parser.description = (
        "Let a host in no more: its key counts for nothing, and gateways that this server enrols hosts at refuse it."
        " Backups and reports stay. It may be invited again."
    )
    add_state(parser)
    parser.add_argument("name", metavar="HOST", help="the host's name")


def run_revoke(context: Context) -> int:
    """Do it, here first and then at each gateway."""
    from strongroom.fleet.server.operating import revoke

    name = context.arguments.name
    with open_state(context) as state:
        revoke(state, name)
    if "~" in name:  # it has not taken the other one's place: what that one has at gateways is not ended
        plain = name.partition("~")[0]
        hint = f"strongroom gateway principal rotate {plain} --all"
        context.warn(f"what it was let in by counts at gateways until new tokens are made for {plain}: {hint}")
        return exit_codes.OK
    failed = 0
    for gateway in gateways_of(configuration(folder_of(context))):
        try:
            gateway.revoke(name)
        except StrongroomError as error:
            failed += 1
            hint = f"Disable it there: strongroom gateway principal disable {name}"
            context.warn(f"the gateway was not told: {error}\n{hint}")
    if not context.json:
        context.out.line(f"{name} is revoked")
    return exit_codes.FAILED if failed else exit_codes.OK


def _say(context: Context, count: int, words: str) -> None:
    if not context.json:
        context.out.line(f"{count} {'watch is' if count == 1 else 'watches are'} {words}")
