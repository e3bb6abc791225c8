"""``fleet alerts``: what is open, and that somebody has seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, ago, open_state, safe_table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_alerts(parser: argparse.ArgumentParser) -> None:
    """Which, and what to do."""
    parser.description = (
        "List open alerts. With --acknowledge somebody has seen one, and is reminded no more. With --believe an"
        " operator has looked at what was suspicious of a host, and it counts for settled; so does a schedule by which"
        " it is backed up less often than before. A gateway's name there has its log read anew from its beginning."
    )
    add_state(parser)
    parser.add_argument("--acknowledge", metavar="SUBJECT", help="as the list has it, such as web01/home/offsite")
    parser.add_argument("--believe", metavar="HOST", help="settle what is suspicious of this host, or gateway")


def run_alerts(context: Context) -> int:
    """List, or do it."""
    import sqlalchemy as sa

    from strongroom.fleet.server.alerting.book import acknowledge
    from strongroom.fleet.server.following.follower import believe_log
    from strongroom.fleet.server.operating import believe
    from strongroom.fleet.server.schemas import alerting as schema

    arguments = context.arguments
    with open_state(context) as state:
        if arguments.acknowledge:
            with state.database.write() as connection:
                acknowledge(connection, arguments.acknowledge)
            return exit_codes.OK
        if arguments.believe:
            count = 1 if believe_log(state, arguments.believe) else believe(state, arguments.believe)
            if not context.json:
                context.out.line(f"{count} {'thing is' if count == 1 else 'things are'} settled")
            return exit_codes.OK
        now = state.now()
        with state.database.read() as connection:
            rows = connection.execute(sa.select(schema.alert).order_by(schema.alert.c.opened)).all()
    if context.json:
        names = ("subject", "kind", "host", "words", "opened")
        found = [{name: row._mapping[name] for name in names} for row in rows]
        flags = ("critical", "acknowledged", "grouped")
        context.out.json(
            [one | {flag: bool(row._mapping[flag]) for flag in flags} for one, row in zip(found, rows, strict=True)]
        )
        return exit_codes.OK
    if not rows:
        context.out.line("no alerts are open")
        return exit_codes.OK
    lines = [
        [
            "critical" if row.critical else "warning",
            row.subject,
            row.kind,
            ago(row.opened, now),
            "seen" if row.acknowledged else "part of an outage" if row.grouped else "",
            row.words,
        ]
        for row in rows
    ]
    for line in safe_table(("Severity", "Subject", "Kind", "Opened", "", "What"), lines):
        context.out.line(line)
    return exit_codes.OK
