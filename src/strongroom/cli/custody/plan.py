"""``custody plan`` and ``custody undo``: what may go, what an operator thinks of it, and bringing it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.execute import handover_of, opened_executor
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    operator,
    say_decision,
    signer_of,
    store_for,
)
from strongroom.cli.custody.two_machines.remote import say_where_bounds_are_lifted
from strongroom.cli.custody.two_machines.signing import add_signing, plan_spoken
from strongroom.cli.output.table import table
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
What may go, and what you think of it. A plan is held for days before anything goes; `cancel` ends it at any time.
`approve` lets one go that is held back for its size alone; nothing else that stands against it is lifted.

  strongroom custody plan show web01
  strongroom custody plan cancel web01 4 --why "it is the year's end"
"""


def arguments_plan(parser: argparse.ArgumentParser) -> None:
    """What to do with which plan."""
    parser.description = _DESCRIPTION
    parser.add_argument("action", choices=("show", "cancel", "approve"), metavar="show|cancel|approve")
    add_repository(parser)
    parser.add_argument("number", nargs="?", type=int, metavar="PLAN", help="its number; without one `show` lists all")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_signing(parser)
    add_state(parser, identity=True)


def run_plan(context: Context) -> int:
    """Show plans, or decide on one."""
    arguments = context.arguments
    if arguments.action == "show":
        return _show(context)
    number = _number(context)
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        with store_for(context, adopted) as store:
            signer = signer_of(context)
            with opened_executor(context, adopted, store, signer) as executor:
                if arguments.action == "approve":
                    from strongroom.custody.planned.plans import approve

                    who = plan_spoken(context, state, adopted, number)
                    if who is None:
                        return exit_codes.OPERATOR_AWAITED
                    approve(state, adopted, number, who, arguments.why)
                    executor.approve(number, who)
                    say_where_bounds_are_lifted(context, adopted, number)
                else:
                    handover = handover_of(context, state, adopted, store, identity_of(context), signer)
                    handover.cancel(executor, number, operator(), arguments.why)
    return say_decision(context, f"{arguments.action}{'d' if arguments.action == 'approve' else 'led'} plan {number}")


def arguments_undo(parser: argparse.ArgumentParser) -> None:
    """Which plan."""
    parser.description = (
        "Bring back everything that a plan removed, index entries too, while the trash or the versions have it. "
        "Pin the snapshots that are to stay: the policy has not changed."
    )
    add_repository(parser)
    parser.add_argument("number", type=int, metavar="PLAN", help="its number, as `custody plan show` has it")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_state(parser, identity=True)


def run_undo(context: Context) -> int:
    """Bring it back."""
    number = _number(context)
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        with store_for(context, adopted) as store:
            signer = signer_of(context)
            with opened_executor(context, adopted, store, signer) as executor:
                handover = handover_of(context, state, adopted, store, identity_of(context), signer)
                count = handover.undo(executor, number, operator(), context.arguments.why)
    return say_decision(context, f"brought back {count} objects of plan {number}; pin the snapshots that are to stay")


def _number(context: Context) -> int:
    number: int | None = context.arguments.number
    if number is None:
        raise UsageError("which plan?", hint="Give its number; `custody plan show NAME` lists them.")
    return number


def _show(context: Context) -> int:
    from strongroom.custody.planned.plans import plan_row, plan_rows

    number: int | None = context.arguments.number
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        if number is None:
            rows = plan_rows(state, adopted.id, ("held", "frozen", "done", "undone", "cancelled"))
        else:
            row = plan_row(state, adopted.id, number)
            if row is None:
                raise UsageError("there is no such plan", subject=f"plan {number}")
            rows = [row]
    if context.json:
        context.out.json([_object(row) for row in rows])
        return 0
    if number is not None:
        _show_one(context, rows[0])
        return 0
    if not rows:
        context.out.line("no plan was made yet")
        return 0
    lines = [
        [
            str(row.number),
            row.kind,
            row.state,
            rfc3339.format_utc(row.made_ns)[:16],
            rfc3339.format_utc(row.due_ns)[:16],
            str(len(json.loads(row.body)["remove"])),
            "; ".join(json.loads(row.body)["breakers"]),
        ]
        for row in rows
    ]
    for line in table(("Plan", "What", "State", "Made (UTC)", "Due (UTC)", "Objects", "Held back, since"), lines):
        context.out.line(line)
    return 0


def _show_one(context: Context, row: Any) -> None:
    body = json.loads(row.body)
    context.out.line(
        f"plan {row.number} is {row.state}: {len(body['remove'])} {row.kind}, made {rfc3339.format_utc(row.made_ns)}, "
        f"due {rfc3339.format_utc(row.due_ns)} at the earliest"
    )
    if row.approved:
        context.out.line(f"  approved by {row.approved}")
    for words in body["breakers"]:
        context.out.line(f"  held back: {words}")
    for name in body["remove"]:
        context.out.line(f"  {name}")


def _object(row: Any) -> dict[str, Any]:
    body = json.loads(row.body)
    return {
        "number": row.number,
        "kind": row.kind,
        "state": row.state,
        "made": rfc3339.format_utc(row.made_ns),
        "due": rfc3339.format_utc(row.due_ns),
        "approved": row.approved,
        "remove": body["remove"],
        "breakers": body["breakers"],
    }
