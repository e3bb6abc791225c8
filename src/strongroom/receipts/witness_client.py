"""Asking a witness: submit the newest checkpoint with its proof, keep the cosignature; read what it remembers."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import TYPE_CHECKING

import urllib3

from strongroom.base.errors import Damaged, LimitExceeded, StrongroomError, Unavailable
from strongroom.receipts import checkpoint as checkpoints
from strongroom.receipts.log_state import change, node_of, state
from strongroom.receipts.merkle import consistency_proof
from strongroom.receipts.note import MAX_NOTE, Note, Verifier, parse_signatures
from strongroom.receipts.witness import Submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.receipts.checkpoint import Checkpoint
    from strongroom.receipts.database import Database

EVERY_SECONDS = 60.0


class Contradiction(StrongroomError):
    """The witness remembers a head that ours does not continue."""


class WitnessClient:
    """A witness at a URL, with its verifier key."""

    def __init__(self, url: str, verifier: Verifier, timeout: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self.verifier = verifier
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def latest(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint that the witness remembers; None when it has none. Raises ``Unavailable``."""
        digest = hashlib.sha256(origin.encode()).hexdigest()
        status, data = self._ask("GET", f"{self._url}/latest/{digest}", None)
        if status == 404:
            return None
        if status != 200:
            raise Unavailable(f"the witness answers {status}", subject=self._url)
        return checkpoints.parse(data)

    def submit(self, head: Checkpoint, old: int, proof: Callable[[int], list[bytes]]) -> Checkpoint:
        """The head with the witness's cosignature. ``proof(n)`` proves that the tree of n leaves is a prefix of it.

        ``old`` is the size that the witness is thought to remember; it is corrected once by its answer. Raises
        ``Contradiction``, or ``Unavailable`` when the witness cannot say.
        """
        if head.note is None:
            raise ValueError("an unsigned checkpoint is not submitted")
        for _ in range(2):
            body = Submission(old, tuple(proof(old)), head.encode()).encode()
            status, data = self._ask("POST", f"{self._url}/add-checkpoint", body)
            if status == 409:
                remembered = _size(data)
                if remembered > head.size or remembered == old:
                    raise Contradiction(
                        f"the witness remembers {remembered} leaves, the log has {head.size}", subject=head.origin
                    )
                old = remembered
                continue
            if status == 422:
                raise Contradiction("the witness remembers another past", subject=head.origin)
            if status != 200:
                raise Unavailable(f"the witness answers {status}", subject=self._url)
            return self._cosigned(head, data)
        raise Unavailable("the witness changes its mind", subject=self._url)

    def _cosigned(self, head: Checkpoint, data: bytes) -> Checkpoint:
        assert head.note is not None
        try:
            found = parse_signatures(data.decode())
        except UnicodeDecodeError:
            raise Damaged("the witness's answer is not text", subject=self._url) from None
        ours = [s for s in found if (s.name, s.key_id) == (self.verifier.name, self.verifier.key_id)]
        note = Note(head.note.text, (*head.note.signatures, *ours))
        self.verifier.verify(note)
        return checkpoints.Checkpoint(head.origin, head.size, head.root, note)

    def _ask(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            answer = self._pool.request(method, url, body=body, preload_content=False, redirect=False)
            with contextlib.closing(answer):  # read to its end it is the pool's again; what is left unread is not
                data = answer.read(MAX_NOTE + 1)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"the witness cannot be reached: {type(error).__name__}", subject=url) from None
        if len(data) > MAX_NOTE:
            raise LimitExceeded("the witness's answer is too long", subject=url)
        return answer.status, data


class Countersigning:
    """Submits the log's newest head each minute while the log grows. Any number of processes may run one."""

    def __init__(self, database: Database, client: WitnessClient, clock: Clock, every: float = EVERY_SECONDS) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._every = int(every * 1e9)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: str | None = None
        """What went wrong last time, for /health."""

    def start(self) -> None:
        """Work in a thread of this process."""
        self._thread = threading.Thread(target=self._run, name="countersigning", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End. Idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self.step()
            except StrongroomError as error:
                self.failure = str(error)

    def step(self) -> bool:
        """Submit the head when it is time. Whether a cosignature was kept.

        Raises ``Contradiction`` when the witness says that it remembers another past. Its mere word stops nothing: the
        sequencer looks for a checkpoint under our own signature at the witness, and stops when there is one.
        """
        now = state(self._database)
        last = checkpoints.parse(now.cosigned).size if now.cosigned else 0
        if now.checkpoint is None or now.published <= last:
            return False
        time = self._clock.now_ns()
        if now.cosigned_ns <= time < now.cosigned_ns + self._every:
            return False
        with self._database.write() as connection:
            if not change(connection, now.id, {"cosigned_ns": now.cosigned_ns}, cosigned_ns=time):
                return False  # another process took this turn
        head = checkpoints.parse(now.checkpoint)
        cosigned = self._client.submit(head, last, lambda old: self._proof(now.id, old, head.size))
        with self._database.write() as connection:
            change(connection, now.id, {"cosigned_ns": time}, cosigned=cosigned.encode())
        self.failure = None
        return True

    def _proof(self, log: int, old: int, new: int) -> list[bytes]:
        with self._database.read() as connection:
            return consistency_proof(node_of(connection, log, new), old, new)


def _size(data: bytes) -> int:
    text = data.decode("ascii", "replace").strip()
    if not text.isdecimal() or len(text) > 19:
        raise Damaged("the witness does not say which size it remembers")
    return int(text)
