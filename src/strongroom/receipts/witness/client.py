"""Asking a witness: submit a checkpoint with its proof, check the cosignature; read what it remembers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, StrongroomError, Unavailable
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.note import MAX_NOTE, Note, Verifier, parse_signatures
from strongroom.receipts.witness.bounded_http import Asker
from strongroom.receipts.witness.witness import Submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.receipts.log.checkpoint import Checkpoint


class Contradiction(StrongroomError):
    """The witness remembers a head that ours does not continue."""


class WitnessClient:
    """A witness at a URL, with its verifier key. ``timeout`` is for a whole question, in seconds."""

    def __init__(self, url: str, verifier: Verifier, timeout: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self.verifier = verifier
        self._asker = Asker(timeout, MAX_NOTE)

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

    def close(self) -> None:
        """Cut a question that is under way, and ask no more. Idempotent."""
        self._asker.close()

    def _ask(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        status, data = self._asker.ask(method, url, body)
        if len(data) > MAX_NOTE:
            raise LimitExceeded("the witness's answer is too long", subject=url)
        return status, data


def _size(data: bytes) -> int:
    text = data.decode("ascii", "replace").strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        raise Damaged("the witness does not say which size it remembers")
    return int(text)
