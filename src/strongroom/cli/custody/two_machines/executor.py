"""``custody executor``: an executor on a machine of its own, with a key, a record and rights that the judge has not."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Interrupted, StrongroomError, UsageError
from strongroom.base.own_files import make_own_folder
from strongroom.base.redact import without_login
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import operator, own_records, own_signer, repository_id, say_decision
from strongroom.cli.custody.two_machines.signing import add_signing, approval_signed
from strongroom.cli.output.table import table
from strongroom.cli.shared.opening import say_failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.records import Records
    from strongroom.custody.two_machines.executor_book import ExecutorBook, ExecutorPlace
    from strongroom.custody.two_machines.executor_service import ExecutorService
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store

_DESCRIPTION = """\
The executor on a machine of its own, with credentials that may delete and that the custodian's machine has not. Judge
and executor pass signed messages beside the repository, below `.strongroom/custody/`. The executor decrypts nothing,
counts each hold from its own first sight, and lets nothing go but what it saw named on three days, within bounds of its
own. `init` prints its key: name it in the judge's custody.toml.

  strongroom custody executor init web01 --executor /var/lib/strongroom/executor
      --store s3:https://s3.example/vault/web01 --credentials web01.env --repository ID --judge strongroom-judge+0123...
  strongroom custody executor run --executor /var/lib/strongroom/executor --follow      # as a service
  strongroom custody executor show web01 --executor /var/lib/strongroom/executor
"""
_ACTIONS = ("init", "run", "show", "approve", "cancel")
EVERY = 15.0
"""Seconds between two looks with --follow."""


def arguments_executor(parser: argparse.ArgumentParser) -> None:
    """What to do, and what `init` writes down."""
    parser.description = _DESCRIPTION
    parser.add_argument("action", choices=_ACTIONS, metavar="|".join(_ACTIONS))
    parser.add_argument("name", nargs="?", metavar="NAME", help="a repository; without it `run` and `show` mean all")
    parser.add_argument("number", nargs="?", type=int, metavar="PLAN", help="for `approve` and `cancel`")
    parser.add_argument("--executor", required=True, metavar="FOLDER", help="the executor's folder: its key and record")
    add_signing(parser)
    parser.add_argument("--follow", action="store_true", help="`run` until told to end, looking every 15 seconds")
    group = parser.add_argument_group("init")
    group.add_argument("--store", metavar="REPOSITORY", help="where the repository is, as after --repo")
    group.add_argument("--known-as", metavar="REPOSITORY", help="what the judge calls that place, if otherwise")
    group.add_argument("--judge", metavar="KEY", help="the judge's key: it stands in .strongroom/custodian there")
    group.add_argument("--repository", metavar="ID", help="the repository's ID")
    group.add_argument("--credentials", metavar="FILE", help="variables, NAME=VALUE, for this store alone")
    group.add_argument("--hold", type=int, default=7, metavar="DAYS", help="days that a plan waits (default: 7)")
    group.add_argument(
        "--detection", type=int, default=14, metavar="DAYS", help="as the repository's policy has it (default: 14)"
    )
    group.add_argument("--expiry", type=int, default=90, metavar="DAYS", help="days that what went stays (default: 90)")
    group.add_argument(
        "--operators", type=int, default=0, metavar="N", help="how many operators sign a decision (default: 0)"
    )


def run_executor(context: Context) -> int:
    """Do it; 1 where a store failed."""
    action = context.arguments.action
    if action == "init":
        return _init(context)
    with contextlib.closing(_records(context)) as records:
        from strongroom.custody.two_machines.executor_book import ExecutorBook

        book = ExecutorBook(records)
        if action == "run":
            return _run(context, records, book)
        if action == "show":
            return _show(context, records, book)
        return _decide(context, records, book)


def _init(context: Context) -> int:
    from strongroom.custody.two_machines.executor_book import ExecutorBook, ExecutorPlace
    from strongroom.receipts.log.note import Verifier
    from strongroom.repository.state import pin_url

    arguments = context.arguments
    if not (arguments.name and arguments.store and arguments.judge and arguments.repository):
        raise UsageError("needs NAME, --store, --judge and --repository", subject="executor init")
    if min(arguments.hold, arguments.detection, arguments.expiry) < 1 or arguments.operators not in (0, 1, 2):
        raise UsageError("days are 1 at least, and operators 0, 1 or 2", subject="executor init")
    repository_id(arguments.repository)
    make_own_folder(arguments.executor)
    url = pin_url(arguments.store)
    place = ExecutorPlace(
        arguments.repository,
        arguments.name,
        url,
        pin_url(arguments.known_as) if arguments.known_as else url,
        str(Verifier.parse(arguments.judge)),
        os.path.abspath(arguments.credentials) if arguments.credentials else "",
        arguments.hold,
        arguments.detection,
        arguments.expiry,
        arguments.operators,
    )
    with contextlib.closing(_records(context)) as records:
        book, signer = ExecutorBook(records), _signer(context)
        with _store(context, place) as store:  # before it is written down: what cannot work is said now
            _executor(context, records, place, store).look(())
        book.add(place)
    if context.json:
        context.out.json({"message_type": "custody_executor", "name": place.name, "key": str(signer.verifier)})
        return exit_codes.OK
    context.out.line(f"acts for {place.name} at {without_login(place.store)}. In custody.toml of the judge:")
    context.out.line(f'[repository.{place.name}]\nexecutor = "{signer.verifier}"')
    return exit_codes.OK


def _run(context: Context, records: Records, book: ExecutorBook) -> int:
    from strongroom.cli.shared.interruptible_clock import InterruptibleClock

    arguments = context.arguments
    names = [arguments.name] if arguments.name else []
    clock = InterruptibleClock(context.signals)
    with contextlib.ExitStack() as opened:
        services: dict[str, ExecutorService] = {}
        said: dict[str, str] = {}
        while True:
            failed = False
            for place in book.places(names):
                try:
                    if place.name not in services:
                        store = opened.enter_context(_store(context, place))
                        services[place.name] = _service(context, records, book, place, store)
                    _serve(context, place, services[place.name])
                    said.pop(place.name, None)
                except Interrupted:
                    raise
                except StrongroomError as error:
                    failed = True
                    if said.get(place.name) != str(error):
                        say_failure(context, place.name, error)
                    said[place.name] = str(error)
            if not arguments.follow:
                return exit_codes.FAILED if failed else exit_codes.OK
            try:
                clock.sleep(EVERY)
            except Interrupted:
                return exit_codes.OK


def _serve(context: Context, place: ExecutorPlace, service: ExecutorService) -> None:
    found = service.run()
    refused = [
        f"plan {number}: {words.removeprefix(f'plan {number}: ')}" if number else words
        for number, words in found.refused
    ]
    if context.json:
        if found.messages or not context.arguments.follow:
            context.out.json(
                {
                    "message_type": "custody_executor_run",
                    "name": place.name,
                    "messages": found.messages,
                    "removed": [name for _, name in found.removed],
                    "refused": refused,
                    "wrong": found.wrong,
                }
            )
        return
    for number, count in sorted(Counter(number for number, _ in found.removed).items()):
        context.out.line_now(
            f"{place.name}: plan {number}: {count} objects went; `custody undo` at the judge brings them back"
        )
    for words in (*refused, *found.wrong):
        context.warn(f"{place.name}: {words}")


def _show(context: Context, records: Records, book: ExecutorBook) -> int:
    from strongroom.custody.planned.orders import read_order
    from strongroom.receipts.log.note import Verifier

    rows: list[dict[str, Any]] = []
    for place in book.places([context.arguments.name] if context.arguments.name else []):
        with _store(context, place) as store:
            executor = _executor(context, records, place, store)
            for number, signed in book.plans(place.repository).items():
                order = read_order(signed, Verifier.parse(place.judge))
                rows.append(
                    {
                        "repository": place.name,
                        "number": number,
                        "kind": order.kind,
                        "names": [item.name for item in order.items],
                        "waits": executor.waits(number),
                    }
                )
    if context.json:
        context.out.json(rows)
        return exit_codes.OK
    shown = ("repository", "number", "kind")
    lines = [[*(str(row[one]) for one in shown), str(len(row["names"])), str(row["waits"])] for row in rows]
    for line in table(("Repository", "Plan", "What", "Objects", "Waits"), lines) if lines else ["no plan is open"]:
        context.out.line(line)
    for name in rows[0]["names"] if len(rows) == 1 else ():
        context.out.line(f"  {name}")
    return exit_codes.OK


def _decide(context: Context, records: Records, book: ExecutorBook) -> int:

    arguments = context.arguments
    if arguments.name is None or arguments.number is None:
        raise UsageError("which plan of which repository?", hint="`custody executor show` lists them.")
    (place,) = book.places([arguments.name])
    with _store(context, place) as store:
        executor = _executor(context, records, place, store)
        if arguments.action == "cancel":
            executor.forbid(arguments.number, "cancelled at the executor")
            text = f"plan {arguments.number} never goes; `custody plan cancel` at the judge ends it there as well"
        elif (plan := book.plans(place.repository).get(arguments.number)) is None:
            raise UsageError("is no open plan", subject=f"plan {arguments.number}")
        else:
            about = (place.repository, place.known_as)
            if not approval_signed(context, records, about, arguments.number, plan.digest, place.operators):
                return exit_codes.OPERATOR_AWAITED
            executor.approve(arguments.number, operator())
            text = f"plan {arguments.number} may take more than the bounds of thirty days, once its hold is over"
    say_decision(context, text)
    return exit_codes.OK


def _service(
    context: Context, records: Records, book: ExecutorBook, place: ExecutorPlace, store: Store
) -> ExecutorService:
    from strongroom.custody.executor.ways import NumberedFileRemoval
    from strongroom.custody.two_machines.executor_service import ExecutorService

    executor, tidy = _executor(context, records, place, store), NumberedFileRemoval(store).remove
    follows = bool(context.arguments.follow)
    return ExecutorService(place, book, records, executor, store, _signer(context), tidy, follows=follows)


def _executor(context: Context, records: Records, place: ExecutorPlace, store: Store) -> Executor:
    """Raises ``Unsupported`` where a removal would be final, ``Refused`` for another judge than at first."""
    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.ways import way_of
    from strongroom.custody.mark import read_mark
    from strongroom.receipts.log.note import Verifier

    return Executor(
        records,
        store,
        way_of(store, place.expiry),
        place.repository,
        place.known_as,
        Verifier.parse(place.judge),
        hold_days=place.hold,
        expiry_days=place.expiry,
        detection_days=place.detection,
        operators=place.operators,
        mark=lambda: read_mark(store, place.repository),
        announce=lambda words: context.reporter().message(f"{place.name}: {words}"),
    )


def _signer(context: Context) -> Signer:
    from strongroom.custody.two_machines.mailbox import EXECUTOR

    return own_signer(context.arguments.executor, EXECUTOR)


def _records(context: Context) -> Records:
    return own_records(context.arguments.executor, "executor.db", "is no executor's folder", "custody executor init")


@contextlib.contextmanager
def _store(context: Context, place: ExecutorPlace) -> Iterator[Store]:
    from strongroom.cli.shared.targets import Target, store_options, with_variables
    from strongroom.storage.locate import open_store

    options = store_options(context, Target(place.name, place.store, "the executor's folder", None, None, None))
    with open_store(place.store, with_variables(options, place.credentials or None)) as store:
        yield store
