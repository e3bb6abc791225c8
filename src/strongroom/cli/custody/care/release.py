"""``custody release`` and ``custody retire``: let a repository, or a source of one, go out of care."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.execute import opened_executor
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    open_state,
    operator,
    say_decision,
    signer_of,
    store_for,
)
from strongroom.cli.custody.two_machines.signing import add_signing, spoken

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context

_RELEASE = """\
Let a repository go out of this custodian's care: its plans end, rounds pass it by, and `.strongroom/custodian` beside
it says that another custodian may take it up. Nothing is removed, what is known of it stays, and `--undo` goes on with
it.

  strongroom custody release web01 --why "it moved to the other machine"
"""
_RETIRE = """\
Say that a source sends nothing more: its host is gone. Without that word nothing of a source goes once its newest good
snapshot is older than `rpo_hours`. The last good snapshots stay as the policy says; a snapshot that comes after all
ends the retirement.

  strongroom custody retire web01 web01:/srv --why "the machine was switched off"
"""


def arguments_release(parser: argparse.ArgumentParser) -> None:
    """Which repository."""
    parser.description = _RELEASE
    add_repository(parser)
    parser.add_argument("--undo", action="store_true", help="take it into care again")
    add_signing(parser)
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_state(parser, identity=True)


def run_release(context: Context) -> int:
    """Let it go, and say what is left to do."""
    from strongroom.base.errors import Unsupported
    from strongroom.custody.care.releasing import release, take_up_again
    from strongroom.custody.executor.words import RELEASE

    arguments = context.arguments
    with open_state(context) as state:
        if arguments.undo:
            adopted = take_up_again(state, arguments.names[0], operator(), arguments.why)
            return _say(context, adopted.name, "in care", (), f"Next: strongroom custody round {adopted.name}")
        (adopted,) = chosen(context, state)
        who = spoken(context, adopted, RELEASE, "repository")
        if who is None:
            return exit_codes.OPERATOR_AWAITED
        signer = signer_of(context)
        holder = f"{os.uname().nodename}:{os.getpid()}"
        words = {"holder": holder, "who": who, "why": arguments.why}
        with store_for(context, adopted) as store:
            try:
                with opened_executor(context, adopted, store, signer) as executor:

                    def forbid(number: int) -> None:
                        executor.forbid(number, "its repository was released")

                    ended = release(state, adopted, store, signer, forbid, **words)
            except Unsupported:  # a place where nothing can be removed has no executor, either
                ended = release(state, adopted, store, signer, lambda _number: None, **words)
    advice = (
        f"Its custody key stays in the repository: `strongroom key remove {adopted.key_name[:8]}` takes it out. "
        f"`strongroom custody release {adopted.name} --undo` goes on with it."
    )
    return _say(context, adopted.name, "released", ended, advice)


def arguments_retire(parser: argparse.ArgumentParser) -> None:
    """Which source."""
    parser.description = _RETIRE
    add_repository(parser)
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="as `custody source` lists it")
    parser.add_argument("--undo", action="store_true", help="it sends snapshots again")
    add_signing(parser)
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_state(parser)


def run_retire(context: Context) -> int:
    """Write it down."""
    from strongroom.custody.executor.words import RETIRE
    from strongroom.custody.sources import change_source, check_source

    arguments = context.arguments
    if arguments.source is None:
        raise UsageError("which source?", hint=f"`strongroom custody source {arguments.names[0]}` lists them.")
    retired = not arguments.undo
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        check_source(state, adopted, arguments.source)
        who = spoken(context, adopted, RETIRE, f"source/{arguments.source}") if retired else operator()
        if who is None:
            return exit_codes.OPERATOR_AWAITED
        change_source(state, adopted, arguments.source, who, retired=retired, why=arguments.why)
    what = f"retired source {arguments.source}" if retired else f"source {arguments.source} sends snapshots again"
    say_decision(context, what)
    if not context.json:
        context.out.line(f"`strongroom custody plan show {adopted.name}` shows what may go after the next round")
    return 0


def _say(context: Context, name: str, what: str, ended: Sequence[int], advice: str) -> int:
    if context.json:
        context.out.json({"message_type": "custody_release", "repository": name, "state": what, "plans": list(ended)})
        return 0
    context.out.line(f"{name} is {'released' if what == 'released' else 'in care again'}")
    for number in ended:
        context.out.line(f"  plan {number} was cancelled")
    context.out.line(advice)
    return 0
