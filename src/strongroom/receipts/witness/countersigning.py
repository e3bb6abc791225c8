"""Countersigning in the background: what is new goes to the witness each minute, and what it remembers is looked at.

Nobody waits for the network here but this thread. The sequencer asks ``latest`` for what was heard last, and compares
anew when that has changed: of two gateways with one key and one past, the one that the witness does not know stops.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.log_state import change, node_of, read_state, state
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.merkle import consistency_proof

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.receipts.log.checkpoint import Checkpoint
    from strongroom.receipts.witness.client import WitnessClient

EVERY_SECONDS = 60.0
LOOK_SECONDS = 20.0
"""So often is looked at what the witness remembers."""
FIRST_SECONDS = 1.0
"""So long the first signature after a start waits for the witness's word, and no other ever."""


class Countersigning:
    """Submits the log's newest head each minute while the log grows. Any number of processes may run one."""

    def __init__(self, database: Database, client: WitnessClient, clock: Clock, every: float = EVERY_SECONDS) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._every = int(every * 1e9)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard = threading.Event()
        self._remembered: Checkpoint | None = None
        self._silent = "the witness was not asked yet"
        self.news = 0
        """Grows when the witness remembers something else than at the last look."""

    def start(self) -> None:
        """Work in a thread of this process."""
        self._thread = threading.Thread(target=self._run, name="countersigning", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End. Idempotent."""
        self._stop.set()
        self._client.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def latest(self, origin: str) -> Checkpoint | None:
        """What the witness was heard to remember last, its signatures not verified; None when it has no such log.

        Raises ``Unavailable`` when it did not say at the last look.
        """
        self._heard.wait(FIRST_SECONDS)
        if self._silent:
            raise Unavailable(self._silent)
        found = self._remembered
        return found if found is None or found.origin == origin else None

    def failure(self) -> str | None:
        """Why the witness does not countersign now, in words for /health. Raises ``Unavailable``."""
        table = schema.witnessing
        with self._database.read() as connection:
            now = read_state(connection)
            query = sa.select(table.c.failure).where(table.c.log == (now.id if now else 0))
            said = connection.execute(query).scalar()
        if said:
            return str(said)
        return self._silent if self._heard.is_set() and self._silent else None

    def _run(self) -> None:
        look_at = 0.0
        while True:
            if self._clock.monotonic() >= look_at:
                self.look()
                look_at = self._clock.monotonic() + LOOK_SECONDS
            try:
                self.step()
            except StrongroomError:
                look_at = 0.0  # what it remembers says more than its refusal
            except Exception as error:  # whatever a witness can make of an answer, the next second is another try
                self._silent = f"the witness's answer is not understood: {type(error).__name__}"
            if self._stop.wait(1.0):
                return

    def look(self) -> None:
        """Ask what the witness remembers of this log."""
        try:
            found = self._client.latest(state(self._database).origin)
        except StrongroomError as error:
            self._silent = error.what
        else:
            self._silent = ""
            if (found is None) != (self._remembered is None) or (found and _head(found) != _head(self._remembered)):
                self._remembered = found
                self.news += 1
        finally:
            self._heard.set()

    def step(self) -> bool:
        """Submit the head when it is time. Whether a cosignature was kept.

        Raises ``Contradiction`` when the witness says that it remembers another past. Its mere word stops nothing: the
        sequencer looks for a checkpoint under our own signature at the witness, and stops when there is one.
        """
        now = state(self._database)
        last = checkpoints.parse(now.cosigned).size if now.cosigned else 0
        if now.checkpoint is None or now.published <= last:
            return False
        time_ns = self._clock.now_ns()
        if now.cosigned_ns <= time_ns < now.cosigned_ns + self._every:
            return False
        with self._database.write() as connection:
            if not change(connection, now.id, {"cosigned_ns": now.cosigned_ns}, cosigned_ns=time_ns):
                return False  # another process took this turn
        head = checkpoints.parse(now.checkpoint)
        try:
            cosigned = self._client.submit(head, last, lambda old: self._proof(now.id, old, head.size))
        except StrongroomError as error:
            if not self._stop.is_set():
                self._note(now.id, error.what)
            raise
        with self._database.write() as connection:
            change(connection, now.id, {"cosigned_ns": time_ns}, cosigned=cosigned.encode())
        self._note(now.id, "")
        return True

    def _note(self, log: int, failure: str) -> None:
        """Let every process know what the last submission came to."""
        table = schema.witnessing
        with self._database.read() as connection:
            before = connection.execute(sa.select(table.c.failure).where(table.c.log == log)).scalar()
        if (before or "") != failure:
            text = (
                "INSERT INTO witnessing (log, failure) VALUES (:log, :failure)"
                " ON CONFLICT (log) DO UPDATE SET failure = excluded.failure"
            )
            with self._database.write() as connection:
                connection.execute(sa.text(text), {"log": log, "failure": failure})

    def _proof(self, log: int, old: int, new: int) -> list[bytes]:
        with self._database.read() as connection:
            return consistency_proof(node_of(connection, log, new), old, new)


def _head(found: Checkpoint | None) -> tuple[int, bytes] | None:
    return None if found is None else (found.size, found.root)
