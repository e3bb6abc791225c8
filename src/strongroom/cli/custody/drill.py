"""``custody drill``: restore a sample, and look at each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    load_sound_indexes,
    open_state,
    say_decision,
    store_for,
    target_of,
)
from strongroom.cli.custody.two_machines.signing import add_signing
from strongroom.cli.shared.opening import surroundings

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Restore a sample of the newest good snapshot and of an older one into a private folder, and look at each file: its size,
its content, whether it begins as its name says, whether SQLite databases and archives are whole. What was restored is
removed again. Weekly is often enough; every other time let stock restic restore (--restic).

Once a quarter a person should open what came back (--keep --folder FOLDER) and say so (--sign).
"""


def arguments_drill(parser: argparse.ArgumentParser) -> None:
    """Which repositories, how much, by which program."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    parser.add_argument("--whole", action="store_true", help="all files of both snapshots")
    parser.add_argument("--budget-bytes", metavar="SIZE", help="how much is restored at most (default: 1G)")
    parser.add_argument("--restic", metavar="PROGRAM", help="stock restic, 0.17 or newer, which restores in our place")
    parser.add_argument("--folder", metavar="FOLDER", help="where to restore (default: the system's temporary folder)")
    parser.add_argument("--keep", action="store_true", help="leave what was restored in --folder, for you to open")
    parser.add_argument("--sign", action="store_true", help="say that you opened what the last drill restored")
    parser.add_argument("--why", metavar="WORDS", default="", help="a reason, for the audit trail")
    add_signing(parser)
    add_state(parser, identity=True)


def run_drill(context: Context) -> int:
    """Drill each; 75 when a file is not right."""
    from strongroom.base.quantities import size
    from strongroom.cli.shared.targets import store_options
    from strongroom.custody.adopting import open_adopted
    from strongroom.custody.drills import run as drilling
    from strongroom.custody.drills.stock_restic import stock_restic

    arguments = context.arguments
    try:
        budget = size(arguments.budget_bytes) if arguments.budget_bytes else drilling.BUDGET
    except ValueError as error:
        raise UsageError(str(error), subject=f"--budget-bytes {arguments.budget_bytes}") from None
    if arguments.sign and not arguments.names:
        raise UsageError("of which repository?", subject="--sign", hint="`strongroom custody drill NAME --sign`.")
    if arguments.sign:
        return _sign(context)
    if arguments.keep and not arguments.folder:
        raise UsageError(
            "where is it to stay?", subject="--keep", hint="Give --folder FOLDER, which only you can read."
        )
    identity = identity_of(context)
    bad = False
    with open_state(context) as state:
        for adopted in chosen(context, state):
            restic = None
            if arguments.restic:
                options = store_options(context, target_of(context, adopted))
                restic = stock_restic(arguments.restic, adopted.store, options)
            with store_for(context, adopted) as store:
                repository = open_adopted(adopted, store, identity, surroundings(context))
                load_sound_indexes(context, repository)
                results = drilling.run_drill(
                    state,
                    adopted,
                    repository,
                    identity,
                    budget=budget,
                    whole=arguments.whole,
                    restic=restic,
                    folder=arguments.folder,
                    keep=arguments.keep,
                )
            for one in results:
                bad = bad or bool(one.faults)
                if context.json:
                    context.out.json(
                        {
                            "message_type": "custody_drill",
                            "name": adopted.name,
                            "snapshot": one.snapshot,
                            "by": one.by,
                            "files": one.files,
                            "bytes": one.bytes,
                            "faults": [list(fault) for fault in one.faults],
                            "folder": one.place or None,
                        }
                    )
                    continue
                context.out.line(
                    f"{adopted.name}: snapshot {one.snapshot[:8]}: {one.files} files, {one.bytes} bytes restored by "
                    f"{one.by}, {len(one.faults)} not right"
                )
                if one.place:
                    context.out.line(f"  kept in {one.place}: remove it when you have looked")
                for path, words in one.faults[:20]:
                    context.out.line(f"  {path}: {words}")
            if any(one.faults for one in results) and not context.json:
                said = f"strongroom custody accept {adopted.name} --drilled"
                context.out.line(f"If they were saved so, and you have looked at them: `{said}`")
    return exit_codes.PROMISE_OF_CUSTODY_BROKEN if bad else exit_codes.OK


def _sign(context: Context) -> int:
    from strongroom.cli.custody.two_machines.signing import spoken
    from strongroom.custody.drills.opened_by import opened_thing, sign_opened
    from strongroom.custody.executor.words import ACCEPT

    with open_state(context) as state:
        for adopted in chosen(context, state):
            who = spoken(context, adopted, ACCEPT, opened_thing(state, adopted))
            if who is None:
                return exit_codes.OPERATOR_AWAITED
            snapshots = sign_opened(state, adopted, who, context.arguments.why)
            named = ", ".join(one[:8] for one in snapshots)
            say_decision(context, f"{adopted.name}: you opened what was drilled of {named}")
    return exit_codes.OK
