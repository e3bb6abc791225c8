"""``custody accept``, ``condemn``, ``pin``, ``unpin``: what an operator decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    open_state,
    operator,
    say_decision,
    store_for,
)
from strongroom.cli.custody.two_machines.signing import add_signing, spoken

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.state import Adopted, State


def _arguments(parser: argparse.ArgumentParser, description: str) -> None:
    parser.description = description
    add_repository(parser)
    parser.add_argument("snapshot", nargs="?", metavar="SNAPSHOT", help="the beginning of its ID")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_signing(parser)
    add_state(parser)


def arguments_accept(parser: argparse.ArgumentParser) -> None:
    """A snapshot, a source or a key."""
    _arguments(
        parser,
        "Say that a suspicious snapshot is good after all, that a source may send snapshots, that a key is yours, "
        "or that an object which is missing or damaged is lost for good. "
        "It counts from now on.",
    )
    parser.add_argument("--source", metavar="HOST:PATHS", help="the source, as `custody snapshots` shows it")
    parser.add_argument(
        "--dates",
        choices=("claimed",),
        help="of history that was copied in: let a SNAPSHOT, or all of --source, take slots by the dates they claim",
    )
    parser.add_argument("--gone", metavar="KIND/NAME", help="what is missing or damaged, and will not come back")
    parser.add_argument("--key", metavar="KEY", help="the beginning of the name of a key file")
    parser.add_argument("--drilled", action="store_true", help="the files that the last drill found not right")
    parser.add_argument("--settings", action="store_true", help="the bucket's settings as they are now")
    parser.add_argument(
        "--log-key", metavar="KEY", help="the key of the gateway's log, which is read anew and believed"
    )


def run_accept(context: Context) -> int:
    """Write it down, in the audit trail as well."""
    from strongroom.custody.deciding import accept_gone, accept_key, accept_snapshot, accept_source
    from strongroom.custody.drift.settings import accept_settings
    from strongroom.custody.drills.accepting import accept_drilled
    from strongroom.custody.evidence.pinning import accept_log
    from strongroom.custody.executor.words import ACCEPT

    arguments = context.arguments
    given = [
        arguments.snapshot,
        arguments.source,
        arguments.key,
        arguments.gone,
        arguments.log_key,
        arguments.settings or None,
        arguments.drilled or None,
    ]
    if sum(thing is not None for thing in given) != 1:
        raise UsageError(
            "accept what?", hint="One SNAPSHOT, or --source, --key, --log-key, --settings, --drilled or --gone."
        )
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        if arguments.dates is not None:
            return _accept_dates(context, state, adopted)
        who = spoken(context, adopted, ACCEPT, _thing(arguments, state, adopted))
        if who is None:
            return exit_codes.OPERATOR_AWAITED
        if arguments.source is not None:
            accept_source(state, adopted, arguments.source, who, arguments.why)
            what = f"source {arguments.source}; the next round judges what it has sent"
        elif arguments.gone is not None:
            thing, there = accept_gone(state, adopted, arguments.gone, who, arguments.why)
            thing = thing[: thing.index("/") + 11]
            away = f"; its wrong bytes go by `custody set-aside {adopted.name} {thing}`" if there else ""
            what = f"that {thing} is gone{away}"
        elif arguments.key is not None:
            what = f"key {accept_key(state, adopted, arguments.key, who, arguments.why)[:8]}"
        elif arguments.drilled:
            what = f"{accept_drilled(state, adopted, who, arguments.why)} files as they were saved"
        elif arguments.settings:
            with store_for(context, adopted) as store:
                accept_settings(state, adopted, store, who, arguments.why)
            what = "the bucket's settings"
        elif arguments.log_key is not None:
            accept_log(state, adopted, arguments.log_key, who, arguments.why)
            what = "the log by this key; the next round reads it anew"
        else:
            what = f"snapshot {accept_snapshot(state, adopted, arguments.snapshot, who, arguments.why)[:8]}"
    return say_decision(context, f"accepted {what}")


def _accept_dates(context: Context, state: State, adopted: Adopted) -> int:
    from strongroom.custody.care.dating import accept_dates, datable
    from strongroom.custody.deciding import find_snapshot
    from strongroom.custody.executor.words import ACCEPT

    arguments = context.arguments
    if arguments.snapshot is None and arguments.source is None:
        raise UsageError("the dates of what?", hint="One SNAPSHOT, or --source.")
    name = None if arguments.snapshot is None else find_snapshot(state, adopted, arguments.snapshot).id
    found = datable(state, adopted, source=arguments.source, name=name)
    who = spoken(context, adopted, ACCEPT, found.thing)
    if who is None:
        return exit_codes.OPERATOR_AWAITED
    accept_dates(state, adopted, found.ids, who, arguments.why)
    left = f"; {len(found.others)} others are not good for more than being copied" if found.others else ""
    return say_decision(context, f"accepted the claimed dates of {len(found.ids)} snapshots{left}")


def _thing(arguments: argparse.Namespace, state: State, adopted: Adopted) -> str:
    """What is accepted, as an operator signs it, by its whole name: nobody signs what is not there, and two who type it
    otherwise sign the same."""
    from strongroom.custody.deciding import find_key, find_lost, find_snapshot
    from strongroom.custody.drills.accepting import drilled_thing
    from strongroom.custody.sources import check_source

    if arguments.snapshot is not None:
        return f"snapshots/{find_snapshot(state, adopted, arguments.snapshot).id}"
    if arguments.drilled:
        return drilled_thing(state, adopted)
    if arguments.source is not None:
        check_source(state, adopted, arguments.source)
        return f"source/{arguments.source}"
    if arguments.gone is not None:
        return f"gone/{find_lost(state, adopted, arguments.gone)}"
    if arguments.key is not None:
        return f"keys/{find_key(state, adopted, arguments.key)}"
    return "settings" if arguments.log_key is None else f"log-key/{arguments.log_key}"


def arguments_condemn(parser: argparse.ArgumentParser) -> None:
    """A snapshot."""
    _arguments(parser, "Say that a snapshot may go. It goes by a plan like any other, slowly.")


def run_condemn(context: Context) -> int:
    """Write it down."""
    from strongroom.custody.deciding import condemn_snapshot, find_snapshot
    from strongroom.custody.executor.words import CONDEMN

    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        named = find_snapshot(state, adopted, _snapshot(context)).id
        who = spoken(context, adopted, CONDEMN, f"snapshots/{named}")
        if who is None:
            return exit_codes.OPERATOR_AWAITED
        found = condemn_snapshot(state, adopted, named, who, context.arguments.why)
    return say_decision(context, f"condemned snapshot {found[:8]}")


def arguments_pin(parser: argparse.ArgumentParser) -> None:
    """A snapshot."""
    _arguments(parser, "Keep a snapshot whatever the policy says.")


def run_pin(context: Context) -> int:
    """Write it down."""
    return _pin(context, pinned=True)


def arguments_unpin(parser: argparse.ArgumentParser) -> None:
    """A snapshot."""
    _arguments(parser, "Let the policy decide again on a snapshot that was pinned.")


def run_unpin(context: Context) -> int:
    """Write it down."""
    return _pin(context, pinned=False)


def _pin(context: Context, *, pinned: bool) -> int:
    from strongroom.custody.deciding import find_snapshot, pin_snapshot
    from strongroom.custody.executor.words import UNPIN

    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        named = find_snapshot(state, adopted, _snapshot(context)).id
        who = operator() if pinned else spoken(context, adopted, UNPIN, f"snapshots/{named}")
        if who is None:
            return exit_codes.OPERATOR_AWAITED
        found = pin_snapshot(state, adopted, named, who, context.arguments.why, pinned=pinned)
    return say_decision(context, f"{'pinned' if pinned else 'unpinned'} snapshot {found[:8]}")


def _snapshot(context: Context) -> str:
    name: str | None = context.arguments.snapshot
    if name is None:
        raise UsageError("which snapshot?", hint="Give the beginning of its ID; `custody snapshots` lists them.")
    return name
