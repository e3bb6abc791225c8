"""``custody status``: a line a repository, worst first, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.cli import exit_codes
from strongroom.cli.custody.care.telling import add_telling, tell
from strongroom.cli.custody.shared import add_state, open_state
from strongroom.cli.output.table import table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.standing import Standing
    from strongroom.fleet.custodian.telling import ToldServer


def arguments_status(parser: argparse.ArgumentParser) -> None:
    """Nothing but the state's place."""
    parser.description = "A line for each repository in care, worst first, with what to do next."
    add_telling(parser)
    add_state(parser)


def run_status(context: Context) -> int:
    """Print it; the exit code is that of the worst."""
    from strongroom.custody.standing import standings
    from strongroom.fleet.custodian.telling import told_server

    with open_state(context) as state:
        now_ns = state.clock.now_ns()
        found = standings(state, now_ns)
        tell(context, state, found, failed=False)
        server = told_server(state)
    if context.json:
        context.out.json([_object(one) for one in found])
    elif not found:
        context.out.line("No repository is in care yet: `strongroom custody adopt NAME --store REPOSITORY`.")
    else:
        for line in table(
            ("Repository", "State", "Last good", "Last round", "Objects", "Unread", "Next"), _rows(found, now_ns)
        ):
            context.out.line(line)
        for one in found:
            for what, words in _words(one):
                if words:
                    context.out.line(f"{one.name}: {what}: {words}")
    _say_fleet(context, server, now_ns)
    return exit_codes.of_standings([one.state for one in found])


def _words(one: Standing) -> tuple[tuple[str, str], ...]:
    failed = f"the newest did not go through: {one.failure}" if one.failure else ""
    return (
        ("round", failed),
        ("round", one.running),
        ("round", one.left),
        ("replica", one.replica),
        ("policy", one.policy),
        ("drill", one.opened),
        ("log", one.log),
        ("clocks", one.clocks),
        ("reading", one.reading),
    )


def _say_fleet(context: Context, server: ToldServer | None, now_ns: int) -> None:
    """A fleet's server that takes nothing any more shows old news, or none: look at it from here."""
    if server is None or context.json:
        return
    if server.trouble:
        taken = _ago(server.taken_ns, now_ns)
        context.warn(f"the fleet's server {server.url} last took a statement {taken}: {server.trouble}")


def _rows(found: list[Standing], now_ns: int) -> list[list[str]]:
    return [
        [
            one.name,
            one.state,
            _ago(one.last_good_ns, now_ns),
            _ago(one.last_round_ns, now_ns),
            str(one.objects),
            str(one.unread),
            one.advice,
        ]
        for one in found
    ]


def _ago(ns: int | None, now_ns: int) -> str:
    if ns is None:
        return "never"
    minutes = max(0, now_ns - ns) // (60 * 10**9)
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"


def _object(one: Standing) -> dict[str, Any]:
    return {
        "name": one.name,
        "id": one.id,
        "state": one.state,
        "last_good_ns": one.last_good_ns,
        "last_round_ns": one.last_round_ns,
        "objects": one.objects,
        "unread": one.unread,
        "oldest_reading_ns": one.oldest_reading_ns,
        "incidents": [
            {"code": thing.code.value, "object": thing.object, "opened_ns": thing.opened_ns, "words": thing.words}
            for thing in one.incidents
        ],
        "plans": [
            {
                "number": plan.number,
                "state": plan.state,
                "made_ns": plan.made_ns,
                "due_ns": plan.due_ns,
                "remove": list(plan.remove),
                "breakers": list(plan.breakers),
            }
            for plan in one.plans
        ],
        "next": one.advice,
        "log": one.log or None,
        "clocks": one.clocks or None,
        "reading": one.reading or None,
        "failure": one.failure or None,
        "running": one.running or None,
        "left": one.left or None,
        "replica": one.replica or None,
        "policy": one.policy or None,
        "drill": one.opened or None,
    }
