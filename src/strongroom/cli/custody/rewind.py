"""``custody rewind``: a repository as it was at a moment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.values import local_time, nanoseconds
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    open_state,
    opened_replica,
    operator,
    store_for,
)
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.healing.rewind import Rewound

_DESCRIPTION = """\
Make a repository hold again what it held at a moment, as the custodian's state and the versions of the bucket prove it:
from versions, from the trash, from the replica, and only bytes that are what their name promises. Nothing is deleted;
what came later is listed. Pin the snapshots that are to stay, since the policy has not changed.

  strongroom custody rewind web01 --to "2027-03-01 12:00" --dry-run
"""


def arguments_rewind(parser: argparse.ArgumentParser) -> None:
    """Which repository, and when."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    parser.add_argument("--to", metavar="TIME", help="the moment, such as 2027-03-01 or `2027-03-01 12:00:00`")
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would come back, and change nothing")
    add_state(parser)


def run_rewind(context: Context) -> int:
    """Rewind it; 75 where something of then is lost."""
    from strongroom.custody.healing.rewind import Rewinding

    text: str | None = context.arguments.to
    if not text:
        raise UsageError("to which moment?", hint="Say --to TIME.")
    to_ns = _moment(text)
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        if to_ns > state.clock.now_ns():
            raise UsageError("lies in the future", subject=f"--to {text}")
        lease = state.claim(adopted.id, f"{os.uname().nodename}:{os.getpid()}")
        try:
            with store_for(context, adopted) as store, opened_replica(context, state, adopted) as replica:
                only_look: bool = context.arguments.dry_run
                done = Rewinding(state, lease, adopted, store, replica, to_ns, only_look=only_look).run(operator())
        finally:
            state.release(lease)
    _say(context, adopted.name, to_ns, done)
    return exit_codes.PROMISE_OF_CUSTODY_BROKEN if done.lost else exit_codes.OK


def _moment(text: str) -> int:
    try:
        return nanoseconds(local_time(text))
    except ValueError as error:
        raise UsageError(str(error), subject=f"--to {text}") from None


def _say(context: Context, name: str, to_ns: int, done: Rewound) -> None:
    if context.json:
        context.out.json(
            {
                "message_type": "custody_rewind",
                "name": name,
                "to": rfc3339.format_utc(to_ns),
                "there": done.there,
                "back": list(map(str, done.back)),
                "lost": list(map(str, done.lost)),
                "unsure": list(map(str, done.unsure)),
                "later": list(map(str, done.later)),
                "dry_run": bool(context.arguments.dry_run),
            }
        )
        return
    came = "would come back" if context.arguments.dry_run else "came back"
    context.out.line(
        f"{name}: of {rfc3339.format_utc(to_ns)[:19]}Z: {done.there} objects are there, {len(done.back)} {came}, "
        f"{len(done.lost)} are lost; {len(done.later)} came later and stay"
    )
    unsure = "comes back if the gateway's trash has it"
    for words, names in ((came, done.back), ("lost", done.lost), (unsure, done.unsure), ("later", done.later)):
        for one in names:
            context.out.line(f"  {words}: {one}")
    if done.back and not context.arguments.dry_run:
        context.out.line(f"Next: strongroom custody round {name}")
