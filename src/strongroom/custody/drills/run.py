"""A drill: a sample is restored into a private folder, by us or by stock restic, and each file is looked at."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from random import Random
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.archive.restore.run import RestoreOptions, restore
from strongroom.base.errors import StrongroomError, UsageError
from strongroom.base.progress import Reporter
from strongroom.base.record import record
from strongroom.custody.drills.checks import check_file
from strongroom.custody.drills.sample import Sampled, choose
from strongroom.custody.incidents import Code
from strongroom.custody.judging.measures import extension_of
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.schemas.main import drill, snapshot
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.custody.drills.stock_restic import StockRestic
    from strongroom.custody.identity import Identity
    from strongroom.custody.state import Adopted, State
    from strongroom.repository.opened import Repository

BUDGET = 1 << 30
"""How much a drill restores unless it is told otherwise, in bytes."""

PARTS = 3
"""Of a fault as it is kept: path, words, and the hash of the content. Older ones have two."""


@record
class Drilled:
    """What a drill of one snapshot found; ``faults`` are paths with words. ``by``: the program that restored.

    ``looked_at``: each of them with the hash of the file's content, empty where it was not restored. ``place``: the
    folder that was kept for a person; empty where it is gone again.
    """

    snapshot: str
    by: str
    files: int
    bytes: int
    faults: tuple[tuple[str, str], ...]
    looked_at: tuple[tuple[str, str, str], ...]
    place: str = ""


class _Quiet(Reporter):
    """Keeps what the restore complains about."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[tuple[str, str]] = []

    def error(self, item: bytes | str, message: str, during: str) -> None:  # noqa: ARG002
        name = item if isinstance(item, str) else item.decode("utf-8", "backslashreplace")
        self.complaints.append((name, message))


def due_snapshots(state: State, adopted: Adopted) -> list[sa.Row[Any]]:
    """What a drill restores from: the newest good snapshot, and one good one from the middle of the history."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(snapshot)
            .where(snapshot.c.repository == adopted.id, snapshot.c.verdict == GOOD, snapshot.c.operator != CONDEMNED)
            .order_by(snapshot.c.arrival_ns, snapshot.c.id)
        ).all()
    return [rows[-1], rows[len(rows) // 2]][: min(2, len(rows))] if rows else []


def run_drill(
    state: State,
    adopted: Adopted,
    repository: Repository,
    identity: Identity,
    *,
    budget: int = BUDGET,
    whole: bool = False,
    restic: StockRestic | None = None,
    folder: str | None = None,
    keep: bool = False,
    seed: int | None = None,
) -> list[Drilled]:
    """Drill a repository, write down what came of it, and return that. The index must be loaded.

    ``restic``: who restores in our place. ``folder``: where, the system's temporary one by default; what
    is restored goes when it has been looked at, unless somebody wants to ``keep`` it. Raises ``UsageError``
    when there is no good snapshot.
    """
    rows = due_snapshots(state, adopted)
    if not rows:
        raise UsageError(
            "has no good snapshot to restore from", subject=adopted.name, hint="`custody status` says why."
        )
    random = Random(seed)
    before, accepted = _known(state, adopted)
    results: list[Drilled] = []
    for row in dict.fromkeys(rows):
        tree = json.loads(row.document)["tree"]
        chosen = choose(repository, tree, budget, random, Reporter(), whole=whole, first=before)
        with _folder(folder, keep=keep) as place:
            if restic is None:
                complaints = _by_us(repository, tree, chosen, place, whole=whole)
            else:
                password = identity.unseal(adopted.sealed_password, f"password of {adopted.name}")
                patterns = None if whole else [_pattern(one.path) for one in chosen]
                complaints = restic.restore(adopted.key_name, password, row.id, patterns, place)
            looked_at = [(path, words, "") for path, words in complaints]
            looked_at += [one for one in _look(place, chosen) if (one[0], one[2]) not in accepted]
        size = sum(one.size for one in chosen)
        by = "strongroom" if restic is None else restic.program
        faults = tuple((path, words) for path, words, _ in looked_at)
        results.append(Drilled(row.id, by, len(chosen), size, faults, tuple(looked_at), place if keep else ""))
    _write_down(state, adopted, results)
    return results


@contextlib.contextmanager
def _folder(parent: str | None, *, keep: bool) -> Iterator[str]:
    if keep:
        yield tempfile.mkdtemp(prefix="strongroom-drill-", dir=parent)
        return
    with tempfile.TemporaryDirectory(prefix="strongroom-drill-", dir=parent, ignore_cleanup_errors=True) as place:
        yield place


def _by_us(
    repository: Repository, tree: str, chosen: Sequence[Sampled], place: str, *, whole: bool
) -> list[tuple[str, str]]:
    reporter = _Quiet()
    includes = () if whole else tuple(_pattern(one.path) for one in chosen)
    options = RestoreOptions(target=place, includes=includes, safe=True, verify=True)
    try:
        restore(repository, tree, options, reporter)
    except StrongroomError as problem:
        reporter.complaints.append((problem.subject, problem.what))
    return reporter.complaints


def _pattern(path: bytes) -> str:
    """A pattern that means this path alone."""
    text = os.fsdecode(path)
    return "".join("\\" + sign if sign in "\\*?[" else sign for sign in text)


def _known(state: State, adopted: Adopted) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The paths that were not right in the last drill, which are looked at again; and paths with their contents of
    which an operator said that they were saved so."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(drill.c.at_ns, drill.c.faults, drill.c.signed).where(drill.c.repository == adopted.id)
        ).all()
    last = max((row.at_ns for row in rows), default=0)
    found = [(row, fault) for row in rows for fault in json.loads(row.faults)]
    accepted = frozenset((fault[0], fault[2]) for row, fault in found if row.signed and len(fault) == PARTS)
    return frozenset(fault[0] for row, fault in found if row.at_ns == last), accepted


def _look(place: str, chosen: Sequence[Sampled]) -> list[tuple[str, str, str]]:
    faults = []
    for one in chosen:
        words = check_file(os.fsencode(place) + one.path, one.size, extension_of(one.path))
        if words:
            content = hashlib.sha256("".join(one.content).encode()).hexdigest()
            faults.append((one.path.decode("utf-8", "backslashreplace"), words, content))
    return faults


def _write_down(state: State, adopted: Adopted, results: Sequence[Drilled]) -> None:
    now_ns = state.clock.now_ns()
    with state.database.write() as connection:
        last = connection.execute(
            sa.select(sa.func.coalesce(sa.func.max(drill.c.number), 0)).where(drill.c.repository == adopted.id)
        ).scalar_one()
        for number, one in enumerate(results, last + 1):
            connection.execute(
                drill.insert().values(
                    repository=adopted.id,
                    number=number,
                    at_ns=now_ns,
                    snapshot=one.snapshot,
                    program=one.by,
                    files=one.files,
                    bytes=one.bytes,
                    faults=json.dumps(one.looked_at[:100]),
                    signed="",
                )
            )
        faults = [fault for one in results for fault in one.faults]
        if faults:
            words = f"{len(faults)} files of a drill are not right, {faults[0][0]} first: {faults[0][1]}"
            open_incident(connection, adopted.id, Code.DRILL, adopted.name, words, now_ns)
        else:
            close_incident(connection, adopted.id, Code.DRILL, adopted.name, now_ns)
