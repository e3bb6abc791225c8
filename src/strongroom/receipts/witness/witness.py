"""The witness: remembers one checkpoint for each log, countersigns what continues it, refuses everything else.

https://c2sp.org/tlog-witness, with cosignature/v1. It learns origins, sizes and roots, and nothing that they cover.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hashlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import ConfigurationError, Damaged, LimitExceeded, Missing, StrongroomError
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.merkle import EMPTY_ROOT, verify_consistency
from strongroom.receipts.log.note import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.clock import Clock
    from strongroom.receipts.log.checkpoint import Checkpoint
    from strongroom.receipts.log.note import Signer, Verifier

MAX_PROOF = 63
MAX_REQUEST = 128 * 1024


class Refusal(StrongroomError):
    """The witness does not countersign. ``status`` is the protocol's answer, ``size`` what it remembers, if due."""

    def __init__(self, status: int, what: str, *, size: int | None = None) -> None:
        super().__init__(what)
        self.status = status
        self.size = size


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of ``add-checkpoint``: from which size, the proof, and the checkpoint's note."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note


def parse_submission(data: bytes) -> Submission:
    """The submission in a request's body. Raises ``Refusal`` with 400."""
    head, found, note = data.partition(b"\n\n")
    if not found or len(data) > MAX_REQUEST:
        raise Refusal(400, "not a submission")
    try:
        first, *rest = head.decode("ascii").split("\n")
        word, _, number = first.partition(" ")
        if word != "old" or not number.isdecimal() or str(int(number[:20])) != number or len(rest) > MAX_PROOF:
            raise ValueError
        proof = tuple(base64.b64decode(line, validate=True) for line in rest)
        if any(len(one) != 32 for one in proof):
            raise ValueError
    except (ValueError, binascii.Error):
        raise Refusal(400, "not a submission") from None
    return Submission(int(number), proof, note)


class Witness:
    """A witness over a folder of its own, which no other process may use at the same time."""

    def __init__(self, folder: str, signer: Signer, logs: Sequence[Verifier], clock: Clock) -> None:
        """``logs`` are the keys of the logs that are witnessed; their names are the origins."""
        self._folder = folder
        self._signer = signer
        self._logs = {log.name: log for log in logs}
        self._clock = clock
        self._guard = threading.Lock()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigurationError("another witness uses this state", subject=folder) from None

    def add_checkpoint(self, submission: Submission) -> str:
        """Countersign a checkpoint that continues what is remembered: the signature line. Raises ``Refusal``."""
        try:
            new = checkpoints.parse(submission.note)
        except (Damaged, LimitExceeded) as error:
            raise Refusal(400, error.what) from None
        log = self._logs.get(new.origin)
        if log is None:
            raise Refusal(404, "this log is not witnessed here")
        try:
            checkpoints.open_checkpoint(submission.note, log)
        except Damaged as error:
            raise Refusal(403, error.what) from None
        if submission.old > new.size:
            raise Refusal(400, "a log does not shrink")
        with self._guard:
            return self._continue(new, submission)

    def _continue(self, new: Checkpoint, submission: Submission) -> str:
        last = self._remembered(new.origin)
        size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
        if submission.old != size:
            raise Refusal(409, "another checkpoint was countersigned last", size=size)
        if size == new.size and root != new.root:
            raise Refusal(409, "two roots for one size", size=size)
        try:
            verify_consistency(size, new.size, root, new.root, submission.proof)
        except Damaged as error:
            raise Refusal(422, error.what) from None
        text = new.text()
        if new.note is None or new.note.text != text:
            raise Refusal(400, "a checkpoint with more lines than three")
        signature = self._signer.sign(text, max(1, self._clock.now_ns() // 1_000_000_000))
        log_signatures = tuple(s for s in new.note.signatures if s.name == new.origin)
        self._remember(new.origin, Note(text, (*log_signatures, signature)))
        return signature.line()

    def latest(self, digest: str) -> bytes:
        """The last checkpoint countersigned for the log whose origin has this SHA-256. Raises ``Missing``."""
        for origin in self._logs:
            if hashlib.sha256(origin.encode()).hexdigest() == digest:
                with contextlib.suppress(FileNotFoundError), open(self._path(origin), "rb") as file:
                    return file.read()
        raise Missing("no checkpoint of such a log")

    def close(self) -> None:
        """Let another process use the state."""
        os.close(self._lock)

    def _path(self, origin: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(origin.encode()).hexdigest() + ".checkpoint")

    def _remembered(self, origin: str) -> Checkpoint | None:
        try:
            with open(self._path(origin), "rb") as file:
                last = checkpoints.parse(file.read())
        except FileNotFoundError:
            return None
        except (Damaged, LimitExceeded):
            raise Refusal(500, "the witness's own memory of this log is damaged") from None
        if last.note is None or last.origin != origin:
            raise Refusal(500, "the witness's own memory of this log is damaged")
        return last

    def _remember(self, origin: str, note: Note) -> None:
        """Durable before the answer: the file is replaced as a whole, and its folder synced."""
        replace_file(self._path(origin), note.encode())
