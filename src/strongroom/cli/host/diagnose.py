"""``host diagnose``, ``host status`` and ``host report``."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strongroom.base.clock import SYSTEM
from strongroom.base.durable import replace_file
from strongroom.base.errors import StrongroomError, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.output.table import table
from strongroom.cli.schedule.fleet_state import member_of, must_be_member
from strongroom.cli.schedule.heeding import Heeding
from strongroom.cli.schedule.shared import file_of, machine_schedules, memory
from strongroom.cli.shared.opening import open_target
from strongroom.cli.shared.targets import find_targets, store_options
from strongroom.fleet.host.diagnosis import DiagnosisRow, ask_for_a_delete, ask_server
from strongroom.fleet.host.reporting.sending import REPLACING
from strongroom.fleet.host.reporting.textfile import host_metrics

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.fleet.host.reporting.member import FleetMember

_NANO = 1_000_000_000


def arguments_diagnose(parser: argparse.ArgumentParser) -> None:
    """Nothing."""
    parser.description = (
        "Ask everything that this host hangs on: whether the fleet's server takes reports, how far the clocks differ,\n"
        "whether each repository opens, and whether its gateway refuses a delete, as it must. Exit code 1: an answer\n"
        "is not as it should be."
    )


def run_diagnose(context: Context) -> int:
    """Print an answer a line. Raises ``UsageError`` where this host is in no fleet."""
    rows = diagnosis(context, must_be_member(context))
    print_rows(context, rows)
    return exit_codes.OK if all(row.good for row in rows) else exit_codes.FAILED


def diagnosis(context: Context, member: FleetMember) -> list[DiagnosisRow]:
    """All answers. Raises OSError."""
    file = file_of(context)
    with contextlib.suppress(StrongroomError):  # its trouble is told by the next question
        member.report("hourly", [one.terms() for one in machine_schedules(file)], None, good=True)
    rows = ask_server(member)
    for target in find_targets(context.settings):
        try:
            with contextlib.closing(open_target(context, target)) as repository:
                rows.append(DiagnosisRow(f"{target.label}: reach", True, f"opens, {repository.id[:10]}"))
        except StrongroomError as error:
            rows.append(DiagnosisRow(f"{target.label}: reach", False, str(error).splitlines()[0]))
            continue
        if target.url.startswith("rest:"):
            rows.append(ask_for_a_delete(target.label, target.url, store_options(context, target)))
    return rows


def print_rows(context: Context, rows: list[DiagnosisRow]) -> None:
    """For people, or as JSON."""
    if context.json:
        context.out.json([{"question": row.question, "good": row.good, "answer": row.words} for row in rows])
        return
    for line in table(
        ("", "Question", "Answer"), [("ok" if row.good else "NO", row.question, row.words) for row in rows]
    ):
        context.out.line(line)


def arguments_status(parser: argparse.ArgumentParser) -> None:
    """Nothing."""
    parser.description = "Show what this host is in its fleet, when the server last answered, and what waits for it."


def run_status(context: Context) -> int:
    """Print it; nothing is contacted. Raises ``UsageError`` where this host is in no fleet."""
    member = must_be_member(context)
    state, waiting = member.outbox.state(), member.outbox.waiting()
    document = {
        "name": member.file.name,
        "host": member.file.host,
        "server": member.file.url,
        "answered": state.answered or None,
        "reports": state.sequence,
        "waiting": len(waiting),
        "dropped": sum(last - first + 1 for first, last in state.dropped),
        "trouble": state.trouble,
        "replacing": state.replacing,
        "sources": [
            {"source": one.source, "last_good": memory().of(one.source).last_good or None}
            for one in machine_schedules(file_of(context))
        ],
    }
    if context.json:
        context.out.json(document)
        return exit_codes.OK
    context.out.line(f"{member.file.name} ({member.file.host}) of {member.file.url}")
    context.out.line(f"the server last answered {_ago(state.answered)}; {state.sequence} reports made")
    waits = f"{len(waiting)} reports wait" if waiting else "no report waits"
    context.out.line(f"{waits}{f': {state.trouble}' if state.trouble else ''}")
    if state.replacing:
        context.out.line(REPLACING)
    for one in machine_schedules(file_of(context)):
        context.out.line(f"{one.source}: last good {_ago(memory().of(one.source).last_good)}")
    return exit_codes.OK


def _ago(moment: int) -> str:
    if not moment:
        return "never"
    minutes = max(0, SYSTEM.now_ns() // _NANO - moment) // 60
    when = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{when} ({minutes // 1440} d {minutes // 60 % 24} h {minutes % 60} min ago)"


def _write_metrics(context: Context, path: str, waiting: int) -> None:
    sources = [(one, memory().of(one.source)) for one in machine_schedules(file_of(context))]
    try:
        replace_file(path, host_metrics(sources, waiting).encode(), mode=0o644)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", subject=path) from None


def arguments_report(parser: argparse.ArgumentParser) -> None:
    """Nothing."""
    parser.description = (
        "Say to the fleet's server that this host is there, and send what waits. A timer does so each hour;\n"
        "a server that is away is asked again later, by itself."
    )
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        help="write metrics of this host there, for node_exporter's textfile collector; in a fleet or not",
    )


def run_report(context: Context) -> int:
    """0 when nothing waits any more, 80 where they wait for a server that is away.

    Raises ``UsageError`` where this host is in no fleet."""
    path: str | None = context.arguments.metrics
    member = member_of(context) if path else must_be_member(context)
    if member is None:
        assert path is not None
        _write_metrics(context, path, 0)
        return exit_codes.OK
    member.report("hourly", [one.terms() for one in machine_schedules(file_of(context))], None, good=True)
    sent = member.send(at_once=True)
    heeding = Heeding(member, file_of(context), context.warn)
    heeding.heed(sent)
    heeding.ended(wait=True)
    if path:
        _write_metrics(context, path, sent.waiting)
    if sent.trouble or sent.waiting:
        context.warn(f"{sent.waiting} reports wait for the server: {sent.trouble}")
        return exit_codes.REPORTS_WAIT if sent.away else exit_codes.FAILED
    if not context.json:
        context.out.line(f"{sent.sent} reports sent")
    return exit_codes.OK
