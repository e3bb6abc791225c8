"""``custody round``: look, read what is new, judge, plan, and execute what is due."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING, Any

from strongroom.base.as_they_open import as_they_open
from strongroom.base.errors import Interrupted, Locked, StrongroomError, UsageError
from strongroom.base.objects import CONFIG
from strongroom.base.side_by_side import side_by_side
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
from strongroom.cli.custody.spending.budget import add_budget, limits_of
from strongroom.cli.custody.spending.dry_run import run_dry
from strongroom.cli.output.custody_round import round_lines, round_object
from strongroom.cli.shared.opening import say_failure, surroundings
from strongroom.cli.shared.targets import store_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.evidence.web_clocks import WebClocks
    from strongroom.custody.rounds_made.outcome import Outcome
    from strongroom.custody.spending.budget import Limits
    from strongroom.custody.state import Adopted, State

_DESCRIPTION = """\
One round over repositories in care: see what is there, read whole and check all that is new, compare indexes with what
packs hold, judge new snapshots, plan what may go, read again what has waited longest, and let go what was held for long
enough. From cron or a timer, hourly or daily. A round that is killed is simply run again. A repository that fails, or
takes long, does not stop the others.
"""


def arguments_round(parser: argparse.ArgumentParser) -> None:
    """Which repositories, and how much may be read."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    parser.add_argument("--all", action="store_true", help="all repositories in care")
    parser.add_argument("--no-execute", action="store_true", help="plan, and leave what is due to `custody execute`")
    parser.add_argument("--dry-run", action="store_true", help="say what it would do and cost, and write nothing")
    add_budget(parser)
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
    from strongroom.custody.evidence.web_clocks import WebClocks
    from strongroom.custody.rounds_made.memory import MEMORY, memory_of

    arguments = context.arguments
    if not arguments.names and not arguments.all:
        raise UsageError("which repositories?", hint="Name them, or say --all.")
    settings = file_of(context).get("round", {})
    for name in ("metrics", "ping"):  # a look at the status tells nobody, unless it is asked to
        setattr(arguments, name, getattr(arguments, name) or settings.get(name))
    limits = limits_of(context, settings)
    if arguments.dry_run:
        return run_dry(context, limits)
    urls = tuple(arguments.clock or settings.get("clocks", ()))
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise UsageError("is no URL of a web server", subject=f"--clock {url}", hint="It begins with https://.")
    with open_state(context) as state, contextlib.closing(_rounds(context, state, limits, WebClocks(urls))) as rounds:
        context.signals.locks()  # a thread hears the signals from now on
        repositories = chosen(context, state)
        if len(repositories) == 1:
            rounds.of(state, repositories[0])
        else:
            in_turn = _those_that_answer_first(context, repositories)
            cost = functools.partial(memory_of, state)
            side_by_side(in_turn, lambda adopted: rounds.of(state, adopted), cost, most=MEMORY)
        rounds.reporter.close()
        failed = bool(rounds.failures)
        standings = _standings(state)
        code = _code(context, standings, rounds.failures)
        tell(context, state, standings, failed=failed)
        tell_after_round(context, state)
        if arguments.quiet and not context.json:
            for one in filter(lambda one: _is_meant(context, one) and one.advice, standings):
                context.out.line(f"{one.name}: {one.state}: {one.advice}")
    return exit_codes.FAILED if failed and code == exit_codes.OK else code


def _rounds(context: Context, state: State, limits: Limits, clocks: WebClocks) -> _Rounds:
    """Without identity or judge's key there is no round, which is remembered of each that was to have one."""
    from strongroom.custody.rounds_made.newest import note_failure

    try:
        return _Rounds(context, limits, clocks)
    except StrongroomError as error:
        for adopted in chosen(context, state):
            note_failure(state, adopted, str(error), _holder())
        raise


def _holder() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


class _Rounds:
    """Rounds over repositories of one state, maybe several at once. Close it."""

    def __init__(self, context: Context, limits: Limits, clocks: WebClocks) -> None:
        from strongroom.cli.custody.execute import OpenRecords

        self._context = context
        self._limits = limits
        self._clocks = clocks
        self._identity = identity_of(context)
        self._signer = signer_of(context)
        self._records = OpenRecords(context)
        self._saying = threading.Lock()
        self.reporter = context.reporter()
        self.failures: set[str] = set()
        """The IDs of those whose round could not be made."""

    def close(self) -> None:
        """Close the executor's record."""
        self._records.close()

    def of(self, state: State, adopted: Adopted) -> None:
        """The round of one, and what the executor then does. Raises ``Interrupted``; what else fails is said, and
        remembered at once: another's round may never end."""
        from strongroom.custody.rounds_made.newest import note_failure

        try:
            self._round(state, adopted)
        except Interrupted:
            raise
        except Locked as error:
            self._context.warn(f"{adopted.name}: {error}")
        except StrongroomError as error:
            self.failures.add(adopted.id)
            note_failure(state, adopted, str(error), _holder())
            say_failure(self._context, adopted.name, error)

    def _round(self, state: State, adopted: Adopted) -> None:
        from strongroom.cli.custody.execute import hand_over
        from strongroom.custody.evidence.outside import Outside
        from strongroom.custody.rounds import run_round
        from strongroom.custody.spending.budget import Spending

        context = self._context
        spending = Spending(self._limits, state.clock)
        outside = Outside(store_options(context, target_of(context, adopted)), self._clocks)
        with store_for(context, adopted) as store, opened_replica(context, state, adopted) as replica:
            outcome = run_round(
                state,
                adopted,
                store,
                self._identity,
                surroundings(context),
                self.reporter,
                holder=_holder(),
                spending=spending,
                signer=self._signer,
                outside=outside,
                replica=replica,
            )
            with self._saying:
                _say(context, outcome)
            if not outcome.failure:
                hand_over(
                    context,
                    state,
                    adopted,
                    store,
                    self._identity,
                    self._signer,
                    only_show=bool(context.arguments.no_execute),
                    spending=spending,
                    records=self._records,
                )


def _say(context: Context, outcome: Outcome) -> None:
    """What a round found, in lines for people, or as one JSON object."""
    if context.json:
        context.out.json(round_object(outcome))
        return
    if outcome.failure:
        context.warn(f"{outcome.name}: the round ended early: {outcome.failure}")
    for line in round_lines(outcome, quiet=context.arguments.quiet):
        context.out.line(line)


def _those_that_answer_first(context: Context, repositories: list[Adopted]) -> Iterator[Adopted]:
    """In their order, but whoever says nothing has its round when the others had theirs: it may take all day."""
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


def _code(context: Context, standings: list[Any], failed: set[str]) -> int:
    """Of those that just failed the code says what is wrong with them beside that."""
    from strongroom.custody.standing import state_by_incidents

    return exit_codes.of_standings(
        [
            state_by_incidents(one.incidents) if one.id in failed else one.state
            for one in standings
            if _is_meant(context, one)
        ]
    )


def _standings(state: Any) -> list[Any]:
    from strongroom.custody.standing import standings

    return list(standings(state, state.clock.now_ns()))


def _is_meant(context: Context, one: Any) -> bool:
    names = context.arguments.names
    return not names or one.name in names or any(len(name) >= 8 and one.id.startswith(name) for name in names)
