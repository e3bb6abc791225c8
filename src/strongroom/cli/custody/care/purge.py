"""``custody purge``: what lies in the trash, and planning that it goes for good."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from strongroom.base.quantities import format_bytes
from strongroom.cli import exit_codes
from strongroom.cli.custody.execute import handover_of, opened_executor
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    signer_of,
    store_for,
)
from strongroom.cli.output.table import table
from strongroom.format import rfc3339
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.custody.deletion.purging import PutAway, TrashContents
    from strongroom.custody.state import Adopted, State

_DESCRIPTION = """\
Show what lies in the trash of a folder, or of a bucket without versions: since when, until when, and how much. What has
lain there for `expiry` days is planned to go for good; rounds do the same. Nothing goes now: the plan is held for
`hold` days as any other, and the executor looks again whether it has seen each object lie there for that long.

  strongroom custody purge web01 --dry-run
"""


def arguments_purge(parser: argparse.ArgumentParser) -> None:
    """Which repositories."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    parser.add_argument("--dry-run", action="store_true", help="only show; plan nothing")
    add_state(parser, identity=True)


def run_purge(context: Context) -> int:
    """Show, and plan what is due; 74 where an incident freezes deleting."""
    frozen = False
    with open_state(context) as state:
        for adopted in chosen(context, state):
            frozen |= _purge(context, state, adopted)
    return exit_codes.DELETING_FROZEN if frozen else exit_codes.OK


def _purge(context: Context, state: State, adopted: Adopted) -> bool:
    """Whether nothing can be planned there, for an incident."""
    from strongroom.custody.deletion.purging import contents_of_trash, plan_purge
    from strongroom.custody.ledger import is_frozen

    with store_for(context, adopted) as store:
        found = contents_of_trash(state, adopted, store)
        planned = None
        if found is not None and not context.arguments.dry_run:
            signer = signer_of(context)
            lease = state.claim(adopted.id, f"{os.uname().nodename}:{os.getpid()}")
            try:
                planned = plan_purge(state, lease, adopted, store, signer)
            finally:
                state.release(lease)
            if planned is not None:  # the executor's hold counts from its own first sight
                with opened_executor(context, adopted, store, signer) as executor:
                    handover = handover_of(context, state, adopted, store, identity_of(context), signer)
                    for words in handover.show(executor):
                        context.warn(f"{adopted.name}: {words}")
                found = contents_of_trash(state, adopted, store)
    with state.database.read() as connection:
        frozen = is_frozen(connection, adopted.id)
    _say(context, state, adopted, found, planned, frozen=frozen)
    return frozen


def _say(
    context: Context, state: State, adopted: Adopted, found: TrashContents | None, planned: int | None, *, frozen: bool
) -> None:
    days = _by_day(() if found is None else found.ours)
    due_ns = {number: _due_ns(state, adopted, number) for one in days if (number := one["plan"]) is not None}
    if context.json:
        context.out.json(
            {
                "message_type": "custody_purge",
                "name": adopted.name,
                "kept_by": "trash" if found is not None else "store",
                "trash": [one | {"goes": _time(due_ns.get(one["plan"]))} for one in days],
                "others": 0 if found is None else found.others,
                "gone": [] if found is None else list(found.gone),
                "planned": planned,
                "frozen": frozen,
            }
        )
        return
    for line in _lines(adopted, found, days, due_ns, planned, frozen=frozen):
        context.out.line(f"{adopted.name}: {line}")


def _lines(
    adopted: Adopted,
    found: TrashContents | None,
    days: Sequence[dict[str, Any]],
    due_ns: dict[int, int],
    planned: int | None,
    *,
    frozen: bool,
) -> Iterator[str]:
    if found is None:
        yield "what goes here ends by the store's own rule, or in the gateway's trash; there is nothing to purge"
        return
    if not days:
        yield "nothing that this custodian put away lies in the trash"
    rows = [
        [one["put"], one["until"], str(one["objects"]), format_bytes(one["bytes"]), str(one["plan"] or "")]
        for one in days
    ]
    if rows:
        yield from table(("Put away", "Kept until", "Objects", "Size", "Plan"), rows)
    if found.others:
        yield f"{found.others} files in the trash are none that this custodian put there; nothing touches them"
    if found.gone:
        yield f"{len(found.gone)} objects that it put there are not there any more: who can delete there?"
    for number, when_ns in sorted(due_ns.items()):
        told = "made now" if number == planned else "open"
        yield (
            f"plan {number}, {told}: goes for good in the first round after {_time(when_ns)}, by an executor that has "
            f"seen it on three days; until then `strongroom custody plan cancel {adopted.name} {number}` stops it"
        )
    if frozen:
        yield "an incident is open that freezes all deleting, so nothing is planned, and nothing goes"


def _by_day(ours: Sequence[PutAway]) -> list[dict[str, Any]]:
    """One row for what was put away on one day, and is in one plan or none."""
    rows: dict[tuple[str, int | None], dict[str, Any]] = {}
    for one in sorted(ours, key=lambda one: (one.put_ns, one.name)):
        put, until = (rfc3339.format_utc(ns)[:10] for ns in (one.put_ns, one.until_ns + DAY - 1))
        row = rows.setdefault((put, one.plan), {"put": put, "until": until, "objects": 0, "bytes": 0, "plan": one.plan})
        row["objects"] += 1
        row["bytes"] += one.size
    return list(rows.values())


def _due_ns(state: State, adopted: Adopted, number: int) -> int:
    from strongroom.custody.planned.plans import plan_row

    row = plan_row(state, adopted.id, number)
    return 0 if row is None else int(row.due_ns)


def _time(ns: int | None) -> str | None:
    return None if ns is None else f"{rfc3339.format_utc(ns)[:16]}Z"
