"""``custody execute``: let go what was held for long enough, after looking again."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Locked, StrongroomError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    executor_url,
    identity_of,
    open_state,
    replica_for,
    signer_of,
    store_for,
)
from strongroom.cli.shared.opening import say_failure, surroundings
from strongroom.custody.planned.orders import ASIDE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.contract import Executing, Handed
    from strongroom.custody.executor.records import Records
    from strongroom.custody.handover.handover import Handover
    from strongroom.custody.identity import Identity
    from strongroom.custody.spending.budget import Spending
    from strongroom.custody.state import Adopted, State
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store

_DESCRIPTION = """\
Execute the plans that are due: each is computed anew, only what both say goes, and what goes can be brought back with
`custody undo`. The executor keeps a record of its own, believes only what it saw itself, and decrypts nothing. Rounds
do this as well; here it stands alone. Killed anywhere, run it again.
"""


def arguments_execute(parser: argparse.ArgumentParser) -> None:
    """Which repositories."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    add_state(parser, identity=True)


def run_execute(context: Context) -> int:
    """Show the plans to the executor, and let go what may."""
    identity, signer = identity_of(context), signer_of(context)
    failed = False
    with open_state(context) as state:
        for adopted in chosen(context, state):
            try:
                with store_for(context, adopted) as store:
                    hand_over(context, state, adopted, store, identity, signer)
            except Locked as error:
                context.warn(f"{adopted.name}: {error}")
            except StrongroomError as error:
                failed = True
                say_failure(context, adopted.name, error)
    return exit_codes.FAILED if failed else exit_codes.OK


def hand_over(
    context: Context,
    state: State,
    adopted: Adopted,
    store: Store,
    identity: Identity,
    signer: Signer,
    *,
    only_show: bool = False,
    spending: Spending | None = None,
    records: OpenRecords | None = None,
) -> None:
    """Let the executor see the plans of one repository, and unless ``only_show`` execute what is due; say what went."""
    from strongroom.base.errors import Unsupported
    from strongroom.custody.care.naming import note_naming

    opened = records or OpenRecords(context)
    try:
        with opened_executor(context, adopted, store, signer, opened) as executor:
            if opened.is_open:  # not where the executor stands elsewhere, and has a roster of its own
                note_naming(state, adopted, opened.get())
            handover = handover_of(context, state, adopted, store, identity, signer, spending)
            if only_show:
                for words in handover.show(executor):
                    context.warn(f"{adopted.name}: {words}")
            else:
                _mend(context, state, adopted, store, executor)
                _say(context, adopted.name, handover.hand_over(executor))
                if opened.is_open:
                    _tidy(state, adopted, store)
    except Unsupported as error:  # a place where a removal is final: plans stay plans
        context.reporter().message(f"{adopted.name}: {error.what}")
    finally:
        if records is None:
            opened.close()


def _mend(context: Context, state: State, adopted: Adopted, store: Store, executor: Executing) -> None:
    from strongroom.custody.healing.wrong_bytes import replace_wrong

    replica = replica_for(context, state, adopted)
    if replica is None:
        return
    holder = f"{os.uname().nodename}:{os.getpid()}"
    with replica:
        for name in replace_wrong(state, adopted, store, replica, executor.set_aside, holder=holder):
            if not context.json:
                context.out.line(f"{adopted.name}: {name}: wrong bytes were set aside for those of the replica")


def _tidy(state: State, adopted: Adopted, store: Store) -> None:
    """Remove older lists of good snapshots; where that is not to be, they stay."""
    from strongroom.base.errors import StoreError, Unsupported
    from strongroom.custody.executor.ways import NumberedFileRemoval
    from strongroom.custody.good.writing import tidy_lists

    with contextlib.suppress(StoreError, Unsupported):
        tidy_lists(state, adopted.id, NumberedFileRemoval(store).remove)


def handover_of(
    context: Context,
    state: State,
    adopted: Adopted,
    store: Store,
    identity: Identity,
    signer: Signer,
    spending: Spending | None = None,
) -> Handover:
    """What stands between judge and executor."""
    from strongroom.custody.evidence.clocks import clock_doubt
    from strongroom.custody.handover.handover import Handover

    holder = f"{os.uname().nodename}:{os.getpid()}"
    return Handover(
        state,
        adopted,
        store,
        identity,
        signer,
        surroundings(context),
        context.reporter(),
        holder=holder,
        doubt=lambda: clock_doubt(state, adopted),
        spending=spending,
    )


class OpenRecords:
    """The executor's record, opened when it is first asked for and shared by many repositories. Close it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._records: Records | None = None
        self._guard = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether anybody asked for it."""
        return self._records is not None

    def get(self) -> Records:
        """The record. Raises ``ConfigurationError``, ``Unavailable``, ``Unsupported``."""
        from strongroom.base.clock import SYSTEM
        from strongroom.custody.executor.records import Records

        with self._guard:
            if self._records is None:
                self._records = Records(executor_url(self._context), SYSTEM)
            return self._records

    def close(self) -> None:
        """Close it, if it was opened."""
        if self._records is not None:
            self._records.close()


@contextlib.contextmanager
def opened_executor(
    context: Context, adopted: Adopted, store: Store, signer: Signer, records: OpenRecords | None = None
) -> Iterator[Executing]:
    """The executor of one repository, with its own record, or one that is open; or who speaks to one elsewhere, where
    custody.toml names it. Raises ``Unsupported`` where a removal would be final."""
    from strongroom.cli.custody.two_machines.remote import remote_executor
    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.ways import way_of
    from strongroom.custody.mark import has_place, read_mark

    remote = remote_executor(context, adopted, store, signer)
    if remote is not None:
        yield remote
        return
    way = way_of(store, adopted.policy.expiry)
    opened = records or OpenRecords(context)
    judge = signer.verifier
    try:
        yield Executor(
            opened.get(),
            store,
            way,
            adopted.id,
            adopted.place,
            judge,
            hold_days=adopted.policy.hold,
            expiry_days=adopted.policy.expiry,
            detection_days=adopted.policy.detection,
            operators=adopted.policy.operators,
            mark=lambda: read_mark(store, adopted.id) if has_place(store) else str(judge),
            announce=lambda words: context.reporter().message(f"{adopted.name}: {words}"),
        )
    finally:
        if records is None:
            opened.close()


def _say(context: Context, name: str, handed: Handed) -> None:
    for words in handed.wrong:
        context.warn(f"{name}: {words}")
    if context.json:
        context.out.json(
            {
                "message_type": "custody_execute",
                "name": name,
                "wrong": handed.wrong,
                "plans": [
                    {
                        "number": one.number,
                        "kind": one.kind,
                        "removed": one.removed,
                        "waits": list(one.waits),
                        "done": one.done,
                    }
                    for one in handed.plans
                ],
            }
        )
        return
    for one in handed.plans:
        if one.removed:
            what = "planted objects were set aside" if one.kind == ASIDE else f"{one.kind} went"
            context.out.line(
                f"{name}: plan {one.number}: {len(one.removed)} {what}; "
                f"`strongroom custody undo {name} {one.number}` brings them back"
            )
        for why in () if context.arguments.quiet else one.waits:
            context.out.line(f"{name}: plan {one.number} ({one.kind}): {why}")
