"""``custody change``: another policy, or another log, for a repository in care."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.record import replace
from strongroom.base.redact import redact
from strongroom.cli import exit_codes
from strongroom.cli.custody.adopt import add_log, add_policy, log_pins, names_log, settings_of
from strongroom.cli.custody.shared import add_repository, add_state, chosen, open_state, say_decision, target_of
from strongroom.cli.custody.two_machines.signing import add_signing, spoken

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.state import Adopted, State

_DESCRIPTION = """\
Change the policy of a repository in care, or say where its receipts are. What keeps more counts from now on. What lets
more go, or sooner, waits for as long as the old policy's hold or detection window, the longer; `custody status` shows
it; --withdraw, or another change, takes it back. Plans that wait let go what the policy that counts lets go as well. A
log with the same key at another URL, or by another token, goes on; one with another key is read anew. What is not
given of log and witness stays.

  strongroom custody change web01 --policy daily=30 --policy hold=14
  strongroom custody change web01 --gateway https://care:TOKEN@backup.example/web01/ --log-key KEY
  strongroom custody change web01 --witness https://witness.example/ --witness-key KEY
"""


def arguments_change(parser: argparse.ArgumentParser) -> None:
    """What, and why."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    add_policy(parser)
    parser.add_argument("--withdraw", action="store_true", help="take back the change of the policy that waits")
    add_log(parser)
    parser.add_argument("--no-witness", action="store_true", help="nobody countersigns that log any more")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_signing(parser)
    add_state(parser)


def run_change(context: Context) -> int:
    """Change one of the two, and say what it is now."""
    arguments = context.arguments
    log = names_log(arguments) or arguments.no_witness
    if sum(map(bool, (arguments.policy, log, arguments.withdraw))) != 1:
        hint = "Give --policy SETTING=NUMBER, --withdraw, or what of --gateway, --log-key and --witness changes."
        raise UsageError("change what?", hint=hint)
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        if arguments.withdraw:
            said: str | None = _withdraw(context, state, adopted)
        else:
            said = _log(context, state, adopted) if log else _policy(context, state, adopted)
    if said is None:
        return exit_codes.OPERATOR_AWAITED
    say_decision(context, said)
    return exit_codes.OK


def _policy(context: Context, state: State, adopted: Adopted) -> str | None:
    from strongroom.custody.care.changing import changed_policy
    from strongroom.custody.changes.waiting import change_policy
    from strongroom.custody.executor.words import ACCEPT

    changes = settings_of(context)
    policy = changed_policy(adopted, changes)
    words = " ".join(f"{name}={changes[name]}" for name in sorted(changes))
    who = spoken(context, adopted, ACCEPT, f"policy/{words}")
    if who is None:
        return None
    waits = change_policy(state, adopted, policy, who, f"changed the policy: {words}", context.arguments.why)
    said = f"changed the policy of {adopted.name}: {words}"
    return said if waits is None else f"{said}; of that waits: {waits.words(state.repository(adopted.id))}"


def _withdraw(context: Context, state: State, adopted: Adopted) -> str:
    from strongroom.cli.custody.shared import operator
    from strongroom.custody.changes.waiting import withdraw

    found = withdraw(state, adopted, operator(), context.arguments.why)
    return f"the policy of {adopted.name} stays as it is{'' if found else ': no change of it waited'}"


def _log(context: Context, state: State, adopted: Adopted) -> str | None:
    from strongroom.cli.shared.targets import store_options
    from strongroom.custody.care.changing import change_log
    from strongroom.custody.evidence.pinning import LogPins, held_pins
    from strongroom.custody.executor.words import ACCEPT

    held = held_pins(state, adopted.id) or LogPins(adopted.store, "")
    if context.arguments.no_witness:
        held = replace(held, witness="", witness_key="")
    pins = log_pins(context, held, store_options(context, target_of(context, adopted)))
    who = spoken(context, adopted, ACCEPT, f"log-key/{pins.key} {redact(pins.url)} {pins.witness_key}".strip())
    if who is None:
        return None
    change_log(state, adopted, pins, who, context.arguments.why)
    by = f", countersigned by {redact(pins.witness)}" if pins.witness else ""
    return f"the receipts of {adopted.name} are at {redact(pins.url)}{by}; the next round reads them"
