"""``custody round``: look, read what is new, judge, plan, and execute what is due."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from strongroom.base.as_they_open import as_they_open
from strongroom.base.errors import Interrupted, Locked, StrongroomError, UsageError
from strongroom.base.objects import CONFIG
from strongroom.cli import exit_codes
from strongroom.cli.custody.care.follow import tell_after_round
from strongroom.cli.custody.care.telling import add_telling, tell
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    file_of,
    identity_of,
    open_state,
    opened_replica,
    signer_of,
    store_for,
    target_of,
)
from strongroom.cli.shared.opening import say_failure, surroundings
from strongroom.cli.shared.targets import store_options
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.rounds import Outcome
    from strongroom.custody.state import Adopted

_DESCRIPTION = """\
One round over repositories in care: see what is there, read whole and check all that is new, compare indexes with what
packs hold, judge new snapshots, plan what may go, read again what has waited longest, and let go what was held for long
enough. From cron or a timer, hourly or daily. A round that is killed is simply run again. A repository that fails does
not stop the others.
"""


def arguments_round(parser: argparse.ArgumentParser) -> None:
    """Which repositories, and how much may be read."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    parser.add_argument("--all", action="store_true", help="all repositories in care")
    parser.add_argument("--no-execute", action="store_true", help="plan, and leave what is due to `custody execute`")
    parser.add_argument("--budget-bytes", metavar="SIZE", help="how much is read at most, such as 50G")
    parser.add_argument(
        "--clock",
        action="append",
        default=[],
        metavar="URL",
        help="a web server on another machine whose clock counts: two must agree before anything goes by itself",
    )
    add_telling(parser)
    add_state(parser, identity=True)


def run_round(context: Context) -> int:
    """A round each; 75 when a promise is broken, 74 when deleting is frozen, 73 when an operator is awaited."""
    from strongroom.base.quantities import size
    from strongroom.cli.custody.execute import OpenRecords, hand_over
    from strongroom.custody.evidence.outside import Outside
    from strongroom.custody.evidence.web_clocks import WebClocks
    from strongroom.custody.rounds import run_round

    arguments = context.arguments
    if not arguments.names and not arguments.all:
        raise UsageError("which repositories?", hint="Name them, or say --all.")
    settings = file_of(context).get("round", {})
    for name in ("metrics", "ping"):  # a look at the status tells nobody, unless it is asked to
        setattr(arguments, name, getattr(arguments, name) or settings.get(name))
    budget_text = arguments.budget_bytes or settings.get("budget_bytes")
    try:
        budget = size(budget_text) if budget_text else None
    except ValueError as error:
        raise UsageError(str(error), subject=f"--budget-bytes {arguments.budget_bytes}") from None
    urls = tuple(arguments.clock or settings.get("clocks", ()))
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise UsageError("is no URL of a web server", subject=f"--clock {url}", hint="It begins with https://.")
    identity = identity_of(context)
    signer = signer_of(context)
    failed = False
    reporter = context.reporter()
    clocks = WebClocks(urls)
    with open_state(context) as state, contextlib.closing(OpenRecords(context)) as records:
        for adopted in _those_that_answer_first(context, chosen(context, state)):
            try:
                outside = Outside(store_options(context, target_of(context, adopted)), clocks)
                with store_for(context, adopted) as store, opened_replica(context, state, adopted) as replica:
                    outcome = run_round(
                        state,
                        adopted,
                        store,
                        identity,
                        surroundings(context),
                        reporter,
                        holder=f"{os.uname().nodename}:{os.getpid()}",
                        budget_bytes=budget,
                        signer=signer,
                        outside=outside,
                        replica=replica,
                    )
                    _say(context, outcome)
                    if not outcome.failure:
                        hand_over(
                            context,
                            state,
                            adopted,
                            store,
                            identity,
                            signer,
                            only_show=bool(arguments.no_execute),
                            budget_bytes=budget,
                            records=records,
                        )
            except Interrupted:
                raise
            except Locked as error:
                context.warn(f"{adopted.name}: {error}")
                continue
            except StrongroomError as error:
                failed = True
                say_failure(context, adopted.name, error)
                continue
        reporter.close()
        standings = _standings(state)
        code = exit_codes.of_standings([one.state for one in standings if _is_meant(context, one)])
        tell(context, state, standings, failed=failed)
        tell_after_round(context, state)
        if arguments.quiet and not context.json:
            for one in filter(lambda one: _is_meant(context, one) and one.advice, standings):
                context.out.line(f"{one.name}: {one.state}: {one.advice}")
    return exit_codes.FAILED if failed and code == exit_codes.OK else code


def _those_that_answer_first(context: Context, repositories: list[Adopted]) -> Iterator[Adopted]:
    """In their order, but whoever says nothing has its round when the others had theirs: it may take all day."""
    if len(repositories) < 2:
        yield from repositories
        return
    for adopted, _ in as_they_open(repositories, lambda one: _answers(context, one), lambda _: None):
        yield adopted


def _answers(context: Context, adopted: Adopted) -> bool:
    """Whether the store does; what is wrong with it is for the round to say."""
    try:
        with store_for(context, adopted) as store:
            store.stat(CONFIG)
    except Interrupted:
        raise
    except StrongroomError:
        return False
    return True


def _standings(state: Any) -> list[Any]:
    from strongroom.custody.standing import standings

    return list(standings(state, state.clock.now_ns()))


def _is_meant(context: Context, one: Any) -> bool:
    names = context.arguments.names
    return not names or one.name in names or any(len(name) >= 8 and one.id.startswith(name) for name in names)


def _is_news(outcome: Outcome) -> bool:
    """Whether somebody who asked for silence would want to know: what is wrong, not what is new and well."""
    seen = outcome.seen
    log = bool(outcome.log.doubt or outcome.log.unlogged or outcome.log.only_in_log)
    wrong = log or seen.missing or seen.altered or outcome.read.faults or outcome.read_again.faults or outcome.liars
    return bool(
        wrong or outcome.indexed or outcome.failure or outcome.read.left or any(one.reasons for one in outcome.judged)
    )


def _say(context: Context, outcome: Outcome) -> None:
    if context.json:
        context.out.json(_object(outcome))
    else:
        _print(context, outcome)


def _object(outcome: Outcome) -> dict[str, Any]:
    judged = dict.fromkeys(("good", "suspicious", "pending", "bad"), 0)
    for one in outcome.judged:
        judged[one.verdict] += 1
    return {
        "message_type": "custody_round",
        "name": outcome.name,
        "id": outcome.repository,
        "number": outcome.number,
        "objects": outcome.seen.objects,
        "new": len(outcome.seen.new),
        "missing": list(map(str, outcome.seen.missing)),
        "altered": list(map(str, outcome.seen.altered)),
        "log": {
            "receipts": outcome.log.receipts,
            "failure": outcome.log.failure or None,
            "doubt": outcome.log.doubt or None,
            "unlogged": outcome.log.unlogged,
            "only_in_log": outcome.log.only_in_log,
        },
        "read": outcome.read.objects,
        "read_bytes": outcome.read.bytes,
        "read_again": outcome.read_again.objects,
        "unread": outcome.read.left,
        "healed": list(map(str, outcome.promoted.healed)),
        "from_replica": list(map(str, outcome.promoted.from_replica)),
        "made_good": outcome.made_good,
        "faults": [[str(name), fault] for name, fault in outcome.read.faults + outcome.read_again.faults],
        "lying_indexes": [name for name, _ in outcome.liars],
        "judged": judged,
        "would_remove": sorted(name for plan in outcome.plans for name in plan.remove),
        "condemned_packs": outcome.prepared.condemned,
        "repacked": outcome.prepared.repacked,
        "indexed": outcome.indexed,
        "obstacle": outcome.obstacle or None,
        "failure": outcome.failure or None,
    }


def _log_lines(outcome: Outcome) -> Iterator[str]:
    log = outcome.log
    if log.failure:
        yield f"the gateway's log could not be asked: {log.failure}"
    if log.doubt:
        yield f"the gateway's log is not believed: {log.doubt}"
    for thing in log.unlogged:
        yield f"{thing}: the gateway's log has no receipt for it"
    for thing in log.only_in_log:
        yield f"{thing}: the gateway's log has it, the store has not"


def _found_lines(outcome: Outcome) -> Iterator[str]:
    for healed in outcome.promoted.healed:
        yield f"{healed}: its good version is the current one again"
    for healed in outcome.promoted.from_replica:
        yield f"{healed}: was given back from the replica"
    for pack in outcome.made_good:
        yield f"data/{pack}: what it held lies in other packs now"
    faults = [(str(name), fault) for name, fault in outcome.read.faults + outcome.read_again.faults]
    for thing, words in [*faults, *((f"index/{name}", lie) for name, lie in outcome.liars)]:
        yield f"{thing}: {words}"
    for name in outcome.indexed:
        yield f"index/{name}: was written, since no listed index named packs that snapshots need"
    if outcome.obstacle:
        yield outcome.obstacle


def _print(context: Context, outcome: Outcome) -> None:
    if outcome.failure:
        context.warn(f"{outcome.name}: the round ended early: {outcome.failure}")
    if context.arguments.quiet and not _is_news(outcome):
        return
    context.out.line(
        f"{outcome.name}: round {outcome.number}: {outcome.seen.objects} objects, {len(outcome.seen.new)} new, "
        f"{len(outcome.seen.missing)} missing, {len(outcome.seen.altered)} changed"
    )
    if outcome.read.objects or outcome.read_again.objects or outcome.read.left:
        left = f", {outcome.read.left} left for want of budget" if outcome.read.left else ""
        context.out.line(f"  read {outcome.read.objects} new and {outcome.read_again.objects} again{left}")
    for line in (*_log_lines(outcome), *_found_lines(outcome)):
        context.out.line(f"  {line}")
    for one in outcome.judged:
        if context.arguments.quiet and not one.reasons:
            continue
        words = "; ".join(reason.words for reason in one.reasons)
        context.out.line(f"  snapshot {one.id[:8]} is {one.verdict}{': ' + words if words else ''}")
    for plan in outcome.plans:
        held = "; ".join(plan.breakers) or f"held until {rfc3339.format_utc(plan.due_ns)[:10]}"
        context.out.line(f"  plan {plan.number}: {len(plan.remove)} snapshots would go ({held})")
    if outcome.prepared.condemned:
        context.out.line(f"  {len(outcome.prepared.condemned)} packs are needed by no snapshot and leave the index")
    if outcome.prepared.repacked:
        context.out.line(f"  wrote {len(outcome.prepared.repacked)} packs anew, since much of the old ones is waste")
