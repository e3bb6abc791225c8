"""Writing verdicts down: a new one, or another one for a snapshot that has one. What an operator said stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.schemas.main import snapshot, stored, tree_total
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.custody.judging.terms import Reason
    from strongroom.custody.state import Lease, State
    from strongroom.format.snapshot import Snapshot

SUSPICIOUS, PENDING, BAD = "suspicious", "pending", "bad"
INCOMPLETE = "incomplete"
UNLOGGED = "unlogged"
NEW_SOURCE = "new-source"
ACCEPTED, CONDEMNED = "accepted", "condemned"
_LATEST = 1 << 62
"""No claimed time is beyond, in nanoseconds before or after 1970: a snapshot may claim any (threat R-2)."""
_AT_ONCE = 5000
_LONGEST_DOCUMENT, _LONGEST_TEXT, _MOST_PATHS = 64 << 10, 300, 20


def spoken(verdict: str, operator: str) -> str:
    """One word for a snapshot: an operator's where it holds; nobody makes good what is not whole."""
    return operator if operator == CONDEMNED or (operator and verdict == GOOD) else verdict


def write_verdict(
    connection: sa.Connection,
    repository: str,
    snapshot_id: str,
    *,
    source: str,
    found: Snapshot,
    arrival_ns: int,
    verdict: str,
    reasons: Sequence[Reason],
    measures: Mapping[str, float],
    generation: int,
    whole: int,
    now_ns: int,
) -> None:
    """Write down a verdict, and open or close what it means. A verdict that stays keeps the time of its making."""
    here = sa.and_(snapshot.c.repository == repository, snapshot.c.id == snapshot_id)
    before = connection.execute(
        sa.select(snapshot.c.verdict, snapshot.c.judged_ns, snapshot.c.operator).where(here)
    ).one_or_none()
    judged_ns = before.judged_ns if before is not None and before.verdict == verdict else now_ns
    values = {
        "verdict": verdict,
        "judged_ns": judged_ns,
        "reasons": encode_reasons(reasons),
        "measures": json.dumps(dict(measures)),
        "generation": generation,
        "whole": whole,
    }
    if before is not None:
        connection.execute(snapshot.update().where(here).values(values))
    else:
        connection.execute(
            snapshot.insert().values(
                repository=repository,
                id=snapshot_id,
                source=source,
                claimed_ns=max(-_LATEST, min(found.time_ns, _LATEST)),
                arrival_ns=arrival_ns,
                document=_document(found),
                operator="",
                pinned=0,
                **values,
            )
        )
    thing = f"snapshots/{snapshot_id}"
    words = "; ".join(reason.words for reason in reasons)
    if verdict == SUSPICIOUS and (before is None or before.operator != CONDEMNED):
        open_incident(connection, repository, Code.SUSPICIOUS, thing, words, now_ns)
    elif verdict == GOOD:
        close_incident(connection, repository, Code.SUSPICIOUS, thing, now_ns)
    if verdict in (SUSPICIOUS, GOOD):
        close_incident(connection, repository, Code.LOST, thing, now_ns)


def looked_at(state: State, lease: Lease, repository: str, names: Sequence[str], generation: int) -> None:
    """These snapshots lack what they lacked before, by this generation of the catalogue: their verdicts stay."""
    for start in range(0, len(names), _AT_ONCE):
        some = sa.and_(snapshot.c.repository == repository, snapshot.c.id.in_(names[start : start + _AT_ONCE]))
        with state.writing(lease) as connection:
            connection.execute(snapshot.update().where(some).values(generation=generation))


def judge_source_again(connection: sa.Connection, repository: str, source: str) -> int:
    """Have what a source sent before it was accepted judged by the next round, by all other rules; how many these are.
    What an operator said of one stays."""
    found = connection.execute(
        snapshot.update()
        .where(
            snapshot.c.repository == repository,
            snapshot.c.source == source,
            snapshot.c.verdict == SUSPICIOUS,
            snapshot.c.operator == "",
            snapshot.c.reasons.contains(f'"{NEW_SOURCE}"', autoescape=True),
        )
        .values(verdict=PENDING)
    )
    return found.rowcount


def _document(found: Snapshot) -> str:
    """A snapshot's fields as JSON; of one that is larger than any honest one what is needed, each cut. A few hundred
    bytes may spell a million paths, and the state keeps this for good (threat B-1)."""
    whole = json.dumps(found.members())
    if len(whole) <= _LONGEST_DOCUMENT:
        return whole
    texts = ("parent", "tree", "hostname", "username", "program_version")
    kept: dict[str, object] = {"time": str(found.time)}
    kept |= {name: str(getattr(found, name))[:_LONGEST_TEXT] for name in texts if getattr(found, name)}
    kept["paths"] = [path[:_LONGEST_TEXT] for path in found.paths[:_MOST_PATHS]]
    return json.dumps(kept)


def is_any_incomplete(connection: sa.Connection, repository: str) -> bool:
    """Whether a snapshot that is listed, and that nobody condemned, lacks something as far as was read."""
    same = sa.and_(
        stored.c.repository == snapshot.c.repository,
        stored.c.kind == Kind.SNAPSHOT.value,
        stored.c.name == snapshot.c.id,
    )
    query = (
        sa.select(snapshot.c.id)
        .select_from(snapshot.join(stored, same))
        .where(
            snapshot.c.repository == repository,
            snapshot.c.whole < 0,
            snapshot.c.operator != CONDEMNED,
            stored.c.gone_ns.is_(None),
        )
        .limit(1)
    )
    return connection.execute(query).one_or_none() is not None


def encode_reasons(reasons: Sequence[Reason]) -> str:
    """As the state keeps them."""
    return json.dumps([[reason.code, reason.value, reason.threshold, reason.words] for reason in reasons])


def keep_trees(state: State, lease: Lease, repository: str, trees: Mapping[str, tuple[int, int]]) -> None:
    """Trees that are whole from now on, until something is lost."""
    rows = [
        {"repository": repository, "id": bytes.fromhex(tree), "files": files, "bytes": size}
        for tree, (files, size) in trees.items()
    ]
    for start in range(0, len(rows), _AT_ONCE):
        with state.writing(lease) as connection:
            connection.execute(tree_total.insert(), rows[start : start + _AT_ONCE])
