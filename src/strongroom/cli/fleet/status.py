"""``fleet status``: a line a watch, worst first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, ago, configuration, ending_files, folder_of, open_state, safe_table
from strongroom.fleet.protocol.fields import visible

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.fleet.server.standing import FleetStanding, StandingWatch


def arguments_status(parser: argparse.ArgumentParser) -> None:
    """Nothing but the state's place."""
    parser.description = (
        "A line for each watch (a host's source in a repository), worst first. A last good backup marked `claimed` is"
        " the host's word alone; the custodian's has none."
    )
    add_state(parser)


def run_status(context: Context) -> int:
    """Print it; 77 when anything is as it should not be."""
    from strongroom.fleet.server.following.silent_channels import working_channels
    from strongroom.fleet.server.standing import standing

    with open_state(context) as state:
        now = state.now()
        found = standing(state, now)
        with state.database.read() as connection:
            channels = working_channels(connection, state.channels_key)
    folder = folder_of(context)
    ending = ending_files(folder, configuration(folder)["server"]).soon(now)
    found = replace(found, wrong=(*found.wrong, *ending))
    if context.json:
        context.out.json(_object(found, now) | {"channels": channels})
    elif not found.watches and not found.wrong:
        context.out.line("No host reports yet: `strongroom fleet invite NAME` lets the first one join.")
    else:
        headings = (
            "Host",
            "Source",
            "Repository",
            "State",
            "Last good",
            "Failed since",
            "Next due",
            "Verified",
            "Drilled",
        )
        for line in safe_table(headings, [_row(one, now) for one in found.watches]):
            context.out.line(line)
        for line in _pauses(found):
            context.out.line(line)
        for wrong in found.wrong:
            severity = "critical" if wrong.critical else "warning"
            context.out.line(visible(f"{severity}: {wrong.subject}: {wrong.words}"))
        if not channels:
            context.warn("no channel works, so nobody is told: `strongroom fleet channels add NAME mail …` makes one")
    return exit_codes.WATCH_ALARMING if found.alarming else exit_codes.OK


def _pauses(found: FleetStanding) -> list[str]:
    """Until when hosts are paused, and why; a host's watches that are paused alike are one line."""
    paused: dict[tuple[str, int, str], list[str]] = {}
    for one in found.watches:
        if one.judgement.state.value == "paused":
            paused.setdefault((one.host, one.paused_until, one.pause_reason), []).append(one.source)
    return [
        visible(f"paused: {host}/{', '.join(sorted(set(sources)))} until {_moment(until)}: {reason}")
        for (host, until, reason), sources in paused.items()
    ]


def _moment(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _row(one: StandingWatch, now: int) -> list[str]:
    good = ago(one.last_good, now)
    return [
        one.host,
        one.source,
        one.repository,
        one.judgement.state.value,
        f"{good} (claimed)" if one.last_good is not None and one.evidence == "claimed" else good,
        "" if one.failed_since is None else ago(one.failed_since, now),
        _due(one.due, now),
        ago(one.verified, now) if one.verified is not None else "-",
        ago(one.drilled, now) if one.drilled is not None else "-",
    ]


def _due(due: int | None, now: int) -> str:
    if due is None:
        return "-"
    minutes = abs(due - now) // 60
    span = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
    return f"in {span}" if due >= now else f"{span} ago"


def _object(found: FleetStanding, now: int) -> dict[str, Any]:
    watches = [
        {
            "host": one.host,
            "source": one.source,
            "repository": one.repository,
            "state": one.judgement.state.value,
            "since": one.judgement.since,
            "last_good": one.last_good,
            "evidence": one.evidence or None,
            "failed_since": one.failed_since,
            "due": one.due,
            "deadline": one.late,
            "verified": one.verified,
            "drilled": one.drilled,
            "bytes_added": one.bytes_added,
            "duration": one.duration,
            "paused_until": one.paused_until if one.paused_until > now else None,
            "pause_reason": one.pause_reason if one.paused_until > now else None,
        }
        for one in found.watches
    ]
    wrong = [
        {"subject": one.subject, "kind": one.kind, "host": one.host, "critical": one.critical, "words": one.words}
        for one in found.wrong
    ]
    return {"now": now, "hosts": found.hosts, "watches": watches, "wrong": wrong}
