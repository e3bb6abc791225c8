"""``custody keep``: the keeper of a replica, on a machine of its own with a key, a record and rights of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.own_files import make_own_folder
from strongroom.base.redact import redact
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import operator, own_records, own_signer, repository_id, say_decision
from strongroom.cli.custody.two_machines.signing import add_signing, approval_signed
from strongroom.cli.output.table import table
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.records import Records
    from strongroom.custody.keeper.book import KeeperBook, KeptPlan, KeptReplica
    from strongroom.custody.keeper.replica_keeper import ReplicaKeeper
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store

_DESCRIPTION = """\
The keeper of one replica. Run it on another machine than the custodian's, with credentials that may delete at the
replica and that no other machine has. `custody replicate` writes beside the replica, signed, what nothing there needs
any more; the keeper makes plans of it with a key of its own, holds each for days by its own first sight, and lets go
what the custodian's newest word still names. What goes can be brought back with `undo`. It decrypts nothing.

  strongroom custody keep init --keeper /var/lib/strongroom/keeper --store s3:https://s3.elsewhere.example/replica/web01
      --judge strongroom-judge+0123abcd+AbCd... --repository ID
  strongroom custody keep run --keeper /var/lib/strongroom/keeper       # daily, from a timer
  strongroom custody keep show --keeper /var/lib/strongroom/keeper
"""
_ACTIONS = ("init", "run", "show", "approve", "cancel", "undo")


def arguments_keep(parser: argparse.ArgumentParser) -> None:
    """What to do, and what `init` writes down."""
    parser.description = _DESCRIPTION
    parser.add_argument("action", choices=_ACTIONS, metavar="|".join(_ACTIONS))
    parser.add_argument("number", nargs="?", type=int, metavar="PLAN", help="for `approve`, `cancel` and `undo`")
    parser.add_argument("--keeper", required=True, metavar="FOLDER", help="the keeper's own folder: its key and record")
    group = parser.add_argument_group("init")
    group.add_argument("--store", metavar="REPOSITORY", help="the replica, as after --repo")
    group.add_argument("--known-as", metavar="REPOSITORY", help="what the custodian calls that place, if otherwise")
    group.add_argument("--judge", metavar="KEY", help="the custodian's key, as `custody replicate` prints it")
    group.add_argument("--repository", metavar="ID", help="the repository's ID")
    group.add_argument("--hold", type=int, default=14, metavar="DAYS", help="days that a plan waits (default: 14)")
    group.add_argument(
        "--detection", type=int, default=14, metavar="DAYS", help="nothing goes that is here for less (default: 14)"
    )
    group.add_argument("--expiry", type=int, default=90, metavar="DAYS", help="days that a trash keeps (default: 90)")
    group.add_argument(
        "--floor",
        type=int,
        default=3,
        metavar="N",
        help="the newest snapshots that stay, whatever is said (3)",
    )
    group.add_argument(
        "--operators", type=int, default=0, metavar="N", help="how many operators sign an `approve` (default: 0)"
    )
    add_signing(parser)


def run_keep(context: Context) -> int:
    """Do it; 73 where the custodian's word is not to be believed."""
    action = context.arguments.action
    if action == "init":
        return _init(context)
    with _opened(context) as (keeper, executor, book, store):
        if action == "run":
            return _run(context, keeper)
        if action == "show":
            return _show(context, executor, book)
        return _decide(context, executor, book, store)


def _init(context: Context) -> int:
    from strongroom.custody.keeper.book import KeeperBook, KeptReplica
    from strongroom.custody.mark import make_mark, read_mark
    from strongroom.receipts.log.note import Verifier
    from strongroom.repository.state import pin_url

    arguments = context.arguments
    if not (arguments.store and arguments.judge and arguments.repository):
        raise UsageError("needs --store, --judge and --repository", subject="keep init")
    if min(arguments.hold, arguments.detection, arguments.expiry, arguments.floor) < 1:
        raise UsageError("days and the floor are 1 at least", subject="keep init")
    if arguments.operators not in (0, 1, 2):
        raise UsageError("operators are 0, 1 or 2", subject="keep init")
    repository_id(arguments.repository)
    make_own_folder(arguments.keeper)
    signer = _signer(context)
    store_url = pin_url(arguments.store)
    known_as = pin_url(arguments.known_as) if arguments.known_as else store_url
    judge = str(Verifier.parse(arguments.judge))
    with _store(context, store_url) as store, contextlib.closing(_records(context)) as records:
        book = KeeperBook(records)
        book.must_be_new()
        make_mark(store, arguments.repository, str(signer.verifier))
        if read_mark(store, arguments.repository) != str(signer.verifier):
            raise UsageError("another may delete there", subject=store.location, hint="A replica has one keeper.")
        days = (arguments.hold, arguments.detection, arguments.expiry)
        floor, operators = arguments.floor, arguments.operators
        book.begin(KeptReplica(arguments.repository, store_url, known_as, judge, *days, floor, operators=operators))
    return say_decision(context, f"{signer.verifier} keeps {redact(store_url)}; `custody keep run` from a timer, daily")


def _run(context: Context, keeper: ReplicaKeeper) -> int:
    found = keeper.run()
    if context.json:
        waits = [f"plan {number}: {words}" if number else words for number, words in found.waits]
        context.out.json(
            {
                "message_type": "custody_keep",
                "removed": [name for _, name in found.removed],
                "waits": waits,
                "doubt": found.doubt or None,
            }
        )
    else:
        for number in sorted({number for number, _ in found.removed}):
            count = sum(one == number for one, _ in found.removed)
            context.out.line(f"plan {number}: {count} objects went; `custody keep undo {number}` brings them back")
        for number, words in () if context.arguments.quiet else found.waits:
            context.out.line(f"plan {number}: {words}" if number else words)
        if found.doubt:
            context.warn(f"nothing is planned: {found.doubt}")
    return exit_codes.OPERATOR_AWAITED if found.doubt else exit_codes.OK


def _show(context: Context, executor: Executor, book: KeeperBook) -> int:
    judge = _signer(context).verifier
    rows: list[dict[str, Any]] = [
        {
            "number": plan.number,
            "kind": plan.kind,
            "state": plan.state,
            "made": rfc3339.format_utc(plan.made_ns),
            "names": [item.name for item in plan.order(judge).items],
            "waits": executor.waits(plan.number) if plan.state == "held" else "",
        }
        for plan in book.plans(all_states=True)
    ]
    number: int | None = context.arguments.number
    rows = [row for row in rows if number in (None, row["number"])]
    if context.json:
        context.out.json(rows)
        return exit_codes.OK
    lines = [
        [*(str(row[name]) for name in ("number", "kind", "state")), str(row["made"])[:16], str(row["waits"])]
        for row in rows
    ]
    for line in table(("Plan", "What", "State", "Made (UTC)", "Waits"), lines) if lines else ["no plan was made yet"]:
        context.out.line(line)
    if number is not None:
        for row in rows:
            for name in row["names"]:
                context.out.line(f"  {name}")
    return exit_codes.OK


def _decide(context: Context, executor: Executor, book: KeeperBook, store: Store) -> int:
    from strongroom.base.objects import Kind, ObjectName
    from strongroom.custody.deletion.bringing_back import bring_back
    from strongroom.custody.keeper.book import CANCELLED, HELD, UNDONE
    from strongroom.custody.planned.orders import PURGE

    action, number = context.arguments.action, context.arguments.number
    if number is None:
        raise UsageError("which plan?", hint="Give its number; `custody keep show` lists them.")
    plan = book.plan(number)
    if action == "approve":
        if plan.state != HELD:
            raise UsageError(f"is {plan.state}", subject=f"plan {number}")
        if not _is_signed(context, book.replica(), plan):
            return exit_codes.OPERATOR_AWAITED
        executor.approve(number, operator())
        return say_decision(
            context, f"plan {number} may take more than the bounds of thirty days, once its hold is over"
        )
    if action == "cancel":
        executor.forbid(number, "cancelled by an operator")
        book.set_state(number, CANCELLED)
        return say_decision(
            context, f"cancelled plan {number}; what is named tomorrow gets a plan with a hold of its own"
        )
    if plan.kind == PURGE:
        raise UsageError("what was purged is gone", subject=f"plan {number}")
    executor.forbid(number, "undone by an operator")
    book.set_state(number, UNDONE)
    names = [item.name for item in plan.order(_signer(context).verifier).items]
    for name in names:
        kind, _, rest = name.partition("/")
        bring_back(store, ObjectName(Kind(kind), rest))
    return say_decision(context, f"brought back what plan {number} took, {len(names)} objects")


def _is_signed(context: Context, kept: KeptReplica, plan: KeptPlan) -> bool:
    """Whether as many operators as it takes have signed that a plan may go."""
    with contextlib.closing(_records(context)) as records:
        return approval_signed(context, records, (kept.id, kept.store), plan.number, plan.signed.digest, kept.operators)


@contextlib.contextmanager
def _opened(context: Context) -> Iterator[tuple[ReplicaKeeper, Executor, KeeperBook, Store]]:
    """The keeper with what it works on. Raises ``ConfigurationError`` before `init`, ``Unsupported``."""
    from strongroom.base.steady import since_boot_ns
    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.ways import NumberedFileRemoval, way_of
    from strongroom.custody.keeper.book import KeeperBook
    from strongroom.custody.keeper.replica_keeper import ReplicaKeeper
    from strongroom.custody.mark import read_mark
    from strongroom.receipts.commit.committer import boot_id
    from strongroom.receipts.log.note import Verifier

    with contextlib.closing(_records(context)) as records:
        book = KeeperBook(records)
        kept = book.replica()
        signer = _signer(context)
        with _store(context, kept.store) as store:
            way = way_of(store, kept.expiry)
            executor = Executor(
                records,
                store,
                way,
                kept.id,
                kept.store,
                signer.verifier,
                hold_days=kept.hold,
                expiry_days=kept.expiry,
                detection_days=kept.detection,
                operators=kept.operators,
                mark=lambda: read_mark(store, kept.id),
                announce=lambda words: context.reporter().message(words),
            )
            keeper = ReplicaKeeper(
                book,
                records,
                executor,
                store,
                signer,
                Verifier.parse(kept.judge),
                lambda: (boot_id(), since_boot_ns()),
                purges=way.purges,
                tidy=NumberedFileRemoval(store).remove,
            )
            yield keeper, executor, book, store


def _signer(context: Context) -> Signer:
    from strongroom.custody.mark import KEEPER

    return own_signer(context.arguments.keeper, KEEPER)


def _records(context: Context) -> Records:
    return own_records(context.arguments.keeper, "keeper.db", "keeps no replica yet", "custody keep init")


def _store(context: Context, url: str) -> Store:
    from strongroom.cli.shared.opening import store_of
    from strongroom.cli.shared.targets import Target

    return store_of(context, Target("the replica", url, "the keeper's folder", None, None, None))
