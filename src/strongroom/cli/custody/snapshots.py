"""``custody snapshots`` and ``custody explain``: verdicts, arrivals, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.cli.custody.shared import add_repository, add_state, chosen, open_state
from strongroom.cli.output.table import table
from strongroom.custody.judging.verdicts import spoken
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.evidence.words import ArrivalEvidence


def arguments_snapshots(parser: argparse.ArgumentParser) -> None:
    """Which repositories."""
    parser.description = "Snapshots with their arrival, which no host sets, and their verdict."
    add_repository(parser, several=True)
    add_state(parser)


def run_snapshots(context: Context) -> int:
    """Print them in the order of their arrival."""
    from strongroom.custody.deciding import snapshots_of
    from strongroom.custody.evidence.words import arrival_evidence

    with open_state(context) as state:
        found = [
            (adopted, row, arrival_evidence(state, adopted, "snapshots", row.id))
            for adopted in chosen(context, state)
            for row in snapshots_of(state, adopted)
        ]
    if context.json:
        context.out.json([_object(adopted.name, row, how) for adopted, row, how in found])
        return 0
    rows = [
        [
            row.id[:8],
            adopted.name,
            rfc3339.format_utc(row.arrival_ns)[:16],
            how.code,
            _claimed(row)[:16],
            spoken(row.verdict, row.operator),
            row.source,
            "; ".join(reason[3] for reason in json.loads(row.reasons)),
        ]
        for adopted, row, how in found
    ]
    for line in table(
        ("ID", "Repository", "Arrival (UTC)", "By", "Claims (UTC)", "Verdict", "Source", "Reasons"), rows
    ):
        context.out.line(line)
    return 0


def arguments_explain(parser: argparse.ArgumentParser) -> None:
    """Which snapshot."""
    parser.description = "Why a snapshot has its verdict, beside what was usual, and what the policy makes of it."
    add_repository(parser)
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="the beginning of its ID, or latest: what arrived last")
    add_state(parser)


def run_explain(context: Context) -> int:
    """Each measure beside its history, each reason, and the decision of the policy."""
    from statistics import median

    from strongroom.custody.deciding import find_snapshot, newest_snapshot, snapshots_of
    from strongroom.custody.evidence.words import arrival_evidence
    from strongroom.custody.planning import decisions

    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        asked = context.arguments.snapshot
        row = find_snapshot(state, adopted, newest_snapshot(state, adopted) if asked == "latest" else asked)
        earlier = [
            json.loads(one.measures)
            for one in snapshots_of(state, adopted)
            if one.source == row.source and one.verdict == "good" and one.arrival_ns < row.arrival_ns
        ]
        how = arrival_evidence(state, adopted, "snapshots", row.id)
        decision = next((one for one in decisions(state, adopted, state.clock.now_ns()) if one.id == row.id), None)
    measures = json.loads(row.measures)
    usual = {name: median([one.get(name, 0) for one in earlier]) for name in measures} if earlier else {}
    if context.json:
        context.out.json(
            _object(adopted.name, row, how)
            | {
                "measures": measures,
                "usual": usual,
                "keep": None if decision is None else decision.keep,
                "keep_reasons": [] if decision is None else list(decision.reasons),
            }
        )
        return 0
    context.out.line(f"snapshot {row.id[:8]} of {row.source} is {spoken(row.verdict, row.operator)}")
    context.out.line(f"  arrived {rfc3339.format_utc(row.arrival_ns)}, claims {_claimed(row)}")
    sent = f", sent by principal {how.principal}" if how.principal else ""
    context.out.line(f"  arrival: {how.words}{sent}")
    for code, _, _, words in json.loads(row.reasons):
        context.out.line(f"  {code}: {words}")
    for name, value in measures.items():
        beside = f", usual are {_number(usual[name])}" if name in usual else ""
        context.out.line(f"  {_label(name)}: {_number(value)}{beside}")
    if decision is not None:
        context.out.line(f"  {'stays' if decision.keep else 'may go'}: {'; '.join(decision.reasons)}")
    return 0


def _claimed(row: Any) -> str:
    """The time that a snapshot claims, in UTC. The state keeps it within 146 years of 1970, the document as it is."""
    text: str = json.loads(row.document)["time"]
    try:
        return rfc3339.format_utc(rfc3339.parse(text))
    except (ValueError, OverflowError):
        return text


def _label(name: str) -> str:
    """The name of a measure: ``compress:docx`` is what is left of new content in .docx once it is compressed."""
    kind, colon, extension = name.partition(":")
    words = {"compress": "left when compressed", "fresh": "new bytes"}.get(kind, kind.replace("_", " "))
    return f"{words} in .{extension}" if colon else words


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _object(name: str, row: Any, how: ArrivalEvidence) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(row.document)
    return document | {
        "id": row.id,
        "short_id": row.id[:8],
        "repository": name,
        "arrival": rfc3339.format_utc(row.arrival_ns),
        "evidence": {"by": how.code, "words": how.words, "principal": how.principal or None, "receipt": how.sequence},
        "verdict": spoken(row.verdict, row.operator),
        "pinned": bool(row.pinned),
        "reasons": [
            {"code": code, "value": value, "threshold": threshold, "words": words}
            for code, value, threshold, words in json.loads(row.reasons)
        ],
    }
