"""At the beginning of a round: is this state the newest? At its end: what the next one is to find.

Each round writes the next number, create-only, with a hash over the state. A state for which a later number is there
was copied back, or another went on from it: it counts as new. Its plans are void, the age of every snapshot begins now,
and what operators said comes from the audit copies.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Locked, Missing
from strongroom.custody.catalogue import age_of
from strongroom.custody.continuity.facts import is_any_waiting, note_told, take_in, untold
from strongroom.custody.continuity.records import (
    ROUNDS,
    Crowded,
    RoundRecord,
    all_records,
    copy_path,
    read_copy,
    read_record,
    write_record,
)
from strongroom.custody.continuity.standing import RecordStanding, keep_standing, standing_of
from strongroom.custody.continuity.uncovering import uncover_copies, uncover_records
from strongroom.custody.good.writing import note_list_written, prepare_list, write_list
from strongroom.custody.identity import WrongIdentity, seal
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import incidents, open_incident, settle_incident
from strongroom.custody.planned.plans import begin_epoch, current_epoch
from strongroom.custody.recovery.recipients import recipients
from strongroom.custody.schemas.main import audit, plan, snapshot
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY
from strongroom.storage.repository_files import files_beside

if TYPE_CHECKING:
    from strongroom.custody.continuity.facts import Facts
    from strongroom.custody.identity import Identity
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store
    from strongroom.storage.own.contract import OwnFiles

RECORDS = f".strongroom/{ROUNDS}"


class Continuity:
    """The records of one repository. Raises the store's errors; ``Unsupported`` where there is no place for files."""

    def __init__(
        self, state: State, lease: Lease, adopted: Adopted, store: Store, identity: Identity, signer: Signer
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._identity = identity
        self._signer = signer
        self._store = store
        self._files: OwnFiles = files_beside(store)
        self.uncovered: list[str] = []
        """Paths of records that were hidden, and are the current ones again."""

    def check(self) -> bool:
        """Whether this state is the newest; one that is not is made as good as new, with an incident until D is over.

        Any later record says so, whichever were taken away before it. Where our own last one is gone or another, the
        store was rolled back, or somebody deletes there: that is an incident for as long. What a round that was killed
        had still to write is written first. Where others wrote so much there that this cannot be known, that is the
        incident, and the round goes on: it deletes nothing, and heals.
        """
        try:
            return self._check()
        except Crowded as problem:
            self._doubt(f"{problem.what}, so it is not known whether this state is the newest")
            return True

    def _check(self) -> bool:
        adopted = self._adopted
        standing = self._standing()
        if standing.record is not None:
            standing = self._write(standing)
        verifier = self._signer.verifier
        self._uncover(standing.number)
        if any(all_records(self._files, verifier, adopted.id, above=standing.number)):
            self._begin_anew()
            return False
        own = read_record(self._files, standing.number, verifier, adopted.id) if standing.number else None
        if standing.number and (own is None or own.head != standing.head):
            self._miss(standing.number)
        self._look_whether_it_is_over(standing)
        return True

    def _uncover(self, number: int) -> None:
        back = uncover_records(self._store, self._files, self._signer.verifier, self._adopted.id, number)
        if back:
            self.uncovered += back
            with self._state.writing(self._lease) as connection:
                words = f"made {len(back)} records of rounds that were hidden the current ones again"
                self._state.record(connection, "custodian", self._adopted.id, words, ", ".join(back[:5]))

    def write(self) -> None:
        """Write the next record, after taking in what waited for this round. Raises ``Locked`` where another of ours
        has its number: a second copy of this state is at work."""
        try:
            self._write_next()
        except Crowded as problem:  # it stays prepared
            self._doubt(f"{problem.what}, so this custodian's own finds no place")

    def _write_next(self) -> None:
        with self._state.database.read() as connection:
            waits = is_any_waiting(connection, self._adopted.id)
        if waits:
            with self._state.writing(self._lease) as connection:
                take_in(connection, self._adopted.id, self._state.clock.now_ns())
        standing = self._standing()
        if standing.record is None:
            standing = self._prepare(standing)
        number = standing.number + 1
        standing = self._write(standing)
        if standing.number != number:
            raise Locked(
                "another copy of this state has written a record meanwhile",
                subject=self._adopted.name,
                hint="Two states must not keep one repository. The next round counts as new.",
            )

    # writing

    def _prepare(self, standing: RecordStanding) -> RecordStanding:
        state, adopted = self._state, self._adopted
        to = (self._identity.recipient, *recipients(state))
        epoch = current_epoch(state, adopted.id)
        with state.writing(self._lease) as connection:
            facts = untold(connection, adopted.id)
            copy = seal(json.dumps(facts).encode(), to) if facts else None
            good = prepare_list(state, connection, adopted, standing.number + 1, self._signer)
            found = self._record(connection, standing, epoch, copy, good)
            note_told(connection, adopted.id, facts, waiting=False)
            made = RecordStanding(
                standing.number, standing.head, standing.brought_back_ns, found.sign(self._signer), copy
            )
            keep_standing(state, connection, adopted.id, made)
        return made

    def _record(
        self, connection: sa.Connection, standing: RecordStanding, epoch: int, copy: bytes | None, good: str
    ) -> RoundRecord:
        adopted = self._adopted
        trail = connection.execute(*_trail_query()).scalar()
        age = age_of(connection, adopted.id)
        highest = self._highest_plan(connection)
        digest = hashlib.sha256(copy).hexdigest() if copy is not None else ""
        parts = [standing.head, trail, [age.generation, age.losses], epoch, highest, digest, os.urandom(16).hex()]
        head = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        now_ns = self._state.clock.now_ns()
        return RoundRecord(adopted.id, standing.number + 1, head, standing.head, now_ns, epoch, highest, digest, good)

    def _write(self, standing: RecordStanding) -> RecordStanding:
        """Write what was prepared; the standing after it, which is the old one where another of ours was faster."""
        assert standing.record is not None
        number = standing.number + 1
        adopted, verifier = self._adopted, self._signer.verifier
        if standing.copy is not None:
            digest = hashlib.sha256(standing.copy).hexdigest()
            self._files.write_once(copy_path(number, digest), standing.copy)
        listed = write_list(self._state, self._files, adopted.id)
        mine = write_record(self._files, standing.record, number, verifier, adopted.id)
        head = json.loads(standing.record.partition(b"\n")[0])["head"]
        after = RecordStanding(
            number if mine else standing.number,
            head if mine else standing.head,
            standing.brought_back_ns,
            None,
            None,
        )
        with self._state.writing(self._lease) as connection:
            keep_standing(self._state, connection, adopted.id, after)
            if listed:
                note_list_written(self._state, connection, adopted.id)
        return after

    # a state that is not the newest

    def _begin_anew(self) -> None:
        state, adopted = self._state, self._adopted
        self._uncover(1)
        uncover_copies(self._store, self._files)
        records = list(all_records(self._files, self._signer.verifier, adopted.id))
        newest = records[-1]
        facts, lost = self._told_by(records)
        with state.database.read() as connection:
            highest = max(newest.plan, self._highest_plan(connection))
        before = self._standing().number
        epoch = max(one.epoch for one in records)
        begin_epoch(state, self._lease, adopted.id, max(epoch, current_epoch(state, adopted.id)) + 1, highest)
        now_ns = state.clock.now_ns()
        with state.writing(self._lease) as connection:
            connection.execute(snapshot.update().where(snapshot.c.repository == adopted.id).values(judged_ns=now_ns))
            note_told(connection, adopted.id, facts, waiting=True)
            taken = take_in(connection, adopted.id, now_ns)
            back = RecordStanding(newest.number, newest.head, now_ns, None, None)
            keep_standing(state, connection, adopted.id, back)
            words = (
                f"this state knows {before} rounds, and {newest.number} are written beside the repository: it counts "
                f"as new, its plans are void, and for {adopted.policy.detection} days nothing is old enough to go"
            )
            if lost:
                words += f"; {lost} audit copies are gone or damaged: look at what operators said since"
            open_incident(connection, adopted.id, Code.ROLLED_BACK, adopted.name, words, now_ns)
            state.record(connection, "custodian", adopted.id, "this state was not the newest", f"took in {taken}")

    def _told_by(self, records: list[RoundRecord]) -> tuple[Facts, int]:
        """What all audit copies tell together, the newest word of each thing; and how many cannot be read."""
        facts: Facts = {}
        lost = 0
        for one in records:
            if not one.copy:
                continue
            try:
                facts |= json.loads(self._identity.unseal(read_copy(self._files, one), "the audit copy of a round"))
            except (Damaged, Missing, WrongIdentity):  # sealed before the identity was rotated
                lost += 1
        return facts, lost

    def _miss(self, number: int) -> None:
        self._doubt(
            f"the record of round {number}, which this custodian wrote beside the repository, is gone or another: the "
            "store was rolled back, or somebody deletes there"
        )

    def _doubt(self, words: str) -> None:
        with self._state.writing(self._lease) as connection:
            open_incident(connection, self._adopted.id, Code.ROLLED_BACK, RECORDS, words, self._state.clock.now_ns())

    def _look_whether_it_is_over(self, standing: RecordStanding) -> None:
        now_ns = self._state.clock.now_ns()
        window_ns = self._adopted.policy.detection * DAY
        since_ns = standing.brought_back_ns
        missed = [one for one in incidents(self._state, self._adopted.id) if one.object == RECORDS]
        if since_ns is not None and now_ns - since_ns >= window_ns:
            settle_incident(self._state, self._lease, Code.ROLLED_BACK, self._adopted.name)
        if any(now_ns - one.opened_ns >= window_ns for one in missed):
            settle_incident(self._state, self._lease, Code.ROLLED_BACK, RECORDS)

    # the state's own

    def _standing(self) -> RecordStanding:
        return standing_of(self._state, self._adopted.id)

    def _highest_plan(self, connection: sa.Connection) -> int:
        return int(connection.execute(*_highest_query(self._adopted.id)).scalar_one())


def miss_place(state: State, lease: Lease, adopted: Adopted, why: str) -> None:
    """There is no place for records any more, ``why``, in words: where rounds wrote some, that is an incident."""
    number = standing_of(state, adopted.id).number
    if number:
        words = f"the records of {number} rounds beside the repository cannot be looked at any more: {why}"
        with state.writing(lease) as connection:
            open_incident(connection, adopted.id, Code.ROLLED_BACK, RECORDS, words, state.clock.now_ns())


@prepared
def _trail_query() -> sa.Select[tuple[str]]:
    return sa.select(audit.c.hash).order_by(audit.c.number.desc()).limit(1)


@prepared
def _highest_query(repository: str) -> sa.Select[tuple[int]]:
    return sa.select(sa.func.coalesce(sa.func.max(plan.c.number), 0)).where(plan.c.repository == repository)
