"""What is known of a source: its good snapshots, how often it sends, which endings its files have."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.judging.measures import changes
from strongroom.custody.judging.settings import SourceSettings, parse_settings
from strongroom.custody.judging.terms import Before, History
from strongroom.custody.judging.verdicts import ACCEPTED, CONDEMNED
from strongroom.custody.schemas.main import snapshot, source, stored
from strongroom.retention.guarded import DAY, GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository


@record
class KnownSource:
    """A source as the state has it. ``accepted``: it may send snapshots."""

    name: str
    accepted: bool
    settings: SourceSettings


@record
class GoodOne:
    """A good snapshot that came earlier. ``present``: it is there and sound, and ``tree`` can be compared with."""

    id: str
    tree: str
    present: bool
    before: Before


class Past:
    """Reads what is known of the sources of one repository, and writes down what a round learns of them."""

    def __init__(self, state: State, lease: Lease, adopted: Adopted, repository: Repository) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._repository = repository
        self._good: dict[str, list[GoodOne]] = {}

    def source(self, name: str, first_ns: int, *, adopted: bool) -> KnownSource:
        """A source by its name; a new one is written down, and accepted where it was there at adoption: before anybody
        could plant it for us."""
        table = source
        with self._state.writing(self._lease) as connection:
            here = sa.and_(table.c.repository == self._adopted.id, table.c.name == name)
            row = connection.execute(sa.select(table).where(here)).one_or_none()
            if row is not None:
                return KnownSource(name, bool(row.accepted), parse_settings(row.settings))
            connection.execute(
                table.insert().values(
                    repository=self._adopted.id,
                    name=name,
                    accepted=int(adopted),
                    first_ns=first_ns,
                    extensions="{}",
                    counted="",
                    settings="",
                )
            )
        return KnownSource(name, adopted, SourceSettings())

    def good(self, name: str, snapshot_id: str, arrival_ns: int) -> list[GoodOne]:
        """The good snapshots of a source that came earlier, oldest first, those that have gone since included."""
        if name not in self._good:
            self._good[name] = self._read_good(name)
        return [one for one in self._good[name] if one.before.arrival_ns <= arrival_ns and one.id != snapshot_id]

    def add(self, name: str, one: GoodOne) -> None:
        """A snapshot that is good from now on."""
        known = [other for other in self._good.get(name, []) if other.id != one.id] + [one]
        self._good[name] = sorted(known, key=lambda other: (other.before.arrival_ns, other.id))

    def _read_good(self, name: str) -> list[GoodOne]:
        there = sa.case((sa.and_(stored.c.gone_ns.is_(None), stored.c.fault.is_(None)), 1), else_=0).label("present")
        same = sa.and_(
            stored.c.repository == snapshot.c.repository,
            stored.c.kind == Kind.SNAPSHOT.value,
            stored.c.name == snapshot.c.id,
        )
        query = (
            sa.select(snapshot, there)
            .select_from(snapshot.join(stored, same))
            .where(
                snapshot.c.repository == self._adopted.id,
                snapshot.c.source == name,
                snapshot.c.verdict == GOOD,
                snapshot.c.operator != CONDEMNED,
            )
            .order_by(snapshot.c.arrival_ns, snapshot.c.id)
        )
        found = []
        with self._state.database.read() as connection:
            for row in connection.execute(query):
                document = json.loads(row.document)
                program = document.get("program_version", "")
                accepted = row.operator == ACCEPTED
                before = Before(row.arrival_ns, program, json.loads(row.measures), accepted)
                found.append(GoodOne(row.id, document["tree"], bool(row.present), before))
        return found

    def history(self, known: KnownSource, past: list[GoodOne], snapshot_id: str, arrival_ns: int) -> History:
        """All that the rules take of a source, for one snapshot."""
        good = [one.before for one in past]
        window_ns = self._adopted.policy.detection * DAY
        return History(
            known.settings,
            good,
            [before for before in good if before.arrival_ns <= arrival_ns - window_ns],
            self._lately(known.name, snapshot_id, arrival_ns) + 1,
            self._was_seen,
            self._extensions(known.name, past),
        )

    def _lately(self, name: str, snapshot_id: str, arrival_ns: int) -> int:
        with self._state.database.read() as connection:
            found: int = connection.execute(
                sa.select(sa.func.count())
                .select_from(snapshot)
                .where(
                    snapshot.c.repository == self._adopted.id,
                    snapshot.c.source == name,
                    snapshot.c.arrival_ns > arrival_ns - DAY,
                    snapshot.c.arrival_ns <= arrival_ns,
                    snapshot.c.id != snapshot_id,
                )
            ).scalar_one()
        return found

    def _was_seen(self, snapshot_id: str) -> bool:
        with self._state.database.read() as connection:
            found = connection.execute(
                sa.select(stored.c.name).where(
                    stored.c.repository == self._adopted.id,
                    stored.c.kind == Kind.SNAPSHOT.value,
                    stored.c.name == snapshot_id,
                )
            ).one_or_none()
        return found is not None

    def _extensions(self, name: str, past: list[GoodOne]) -> Mapping[str, int]:
        """Files by extension in the last good snapshot, brought level from the last one that was counted."""
        there = [one for one in past if one.present]
        if not there:
            return {}
        last = there[-1]
        table = source
        with self._state.database.read() as connection:
            here = sa.and_(table.c.repository == self._adopted.id, table.c.name == name)
            row = connection.execute(sa.select(table.c.extensions, table.c.counted).where(here)).one()
        counts = Counter({word: int(count) for word, count in json.loads(row.extensions).items()})
        if row.counted == last.id:
            return counts
        before = next((one for one in there if one.id == row.counted), None)
        difference = None
        if before is not None:
            difference = _compared(self._repository, before.tree, last.tree)
        if difference is None:  # the one that was counted is no more: count anew, and forget no ending that was seen
            counts = Counter(dict.fromkeys(counts, 0))
            difference = _compared(self._repository, None, last.tree)
        if difference is None:
            return counts
        for word, count in difference[0].items():
            counts[word] += count
        for word, count in difference[1].items():
            counts[word] = max(0, counts[word] - count)
        with self._state.writing(self._lease) as connection:
            connection.execute(
                table.update()
                .where(table.c.repository == self._adopted.id, table.c.name == name)
                .values(extensions=json.dumps(dict(counts)), counted=last.id)
            )
        return counts


def _compared(repository: Repository, old: str | None, new: str) -> tuple[Counter[str], Counter[str]] | None:
    try:
        difference = changes(repository, old, new, sizes=False)
    except (Damaged, LimitExceeded, Missing):
        return None
    return difference.new_by_extension, difference.removed_by_extension
