"""Reports that wait for the server: signed when they are made, numbered in one chain, sent in order.

A report that found no room is gone, and the next ones say so (``dropped``), so that its number is no gap that somebody
made. Failures are never dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import Damaged
from strongroom.base.file_lock import file_lock
from strongroom.base.record import as_dict, field, mutable, record
from strongroom.fleet.protocol.chain import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.fleet.protocol.signed import SignedMessage

MOST, MOST_BYTES = 1000, 8 << 20
ROOM = 96 << 10
"""Bytes that are kept free for the next report: it names those that went for it."""
_GOOD, _BAD = "good", "failed"
_DIGITS = 12
_LARGEST = 1 << 20


@mutable
class ChainState:
    """Where the chain of this host's reports stands. Times are seconds since 1970."""

    sequence: int = 0
    head: str = FIRST
    dropped: list[list[int]] = field(default_factory=list)
    """First and last numbers of reports that are gone, until the server has heard of it."""
    declared: int = 0
    """The number of the report that names them all."""
    accepted: int = 0
    answered: int = 0
    """When the server last answered."""
    offset: int | None = None
    """Milliseconds that this host's clock is ahead of the server's."""
    failures: int = 0
    next_try: int = 0
    trouble: str = ""
    """Why the last sending failed."""
    replacing: bool = False
    """Whether the server says that another machine is about to take this host's place."""


@record
class WaitingReport:
    """A file of the outbox."""

    sequence: int
    good: bool
    path: str
    size: int


class Outbox:
    """The folder ``outbox`` below the host's state, with the chain beside it."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "outbox")
        self._chain = os.path.join(folder, "chain.json")
        self._lock = os.path.join(folder, "chain.lock")

    @contextlib.contextmanager
    def alone(self) -> Iterator[ChainState]:
        """The chain, while nobody else of this host adds or sends; kept at the end. Raises OSError, ``Damaged``."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        with file_lock(self._lock):
            state = self.state()
            try:
                yield state
            finally:
                self._write(state)

    def state(self) -> ChainState:
        """The chain as it stands. Raises ``Damaged``: a chain that began anew would look like another machine's."""
        try:
            with open(self._chain, "rb") as file:
                found = json.loads(file.read(_LARGEST))
            return ChainState(**found)
        except FileNotFoundError:
            return ChainState()
        except (OSError, ValueError, TypeError) as error:
            hint = "Enrol this host again with a new token."
            raise Damaged(f"the chain of reports cannot be read: {error}", subject=self._chain, hint=hint) from None

    def _write(self, state: ChainState) -> None:
        replace_file(self._chain, json.dumps(as_dict(state)).encode())

    def waiting(self) -> list[WaitingReport]:
        """What waits, oldest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                number, _, kind = entry.name.partition(".")
                if number.isdigit() and kind in (_GOOD, _BAD):
                    found.append(WaitingReport(int(number), kind == _GOOD, entry.path, entry.stat().st_size))
        return sorted(found, key=lambda one: one.sequence)

    def add(self, state: ChainState, make: Callable[[int, str], SignedMessage], *, good: bool) -> None:
        """Make the next report from its number and the hash of the one before, and keep it. Raises OSError.

        It is durable before the chain moves: a kill in between makes the same number again, and nobody has seen it.
        """
        self._make_room(state)
        sequence = state.sequence + 1
        message = make(sequence, state.head)
        kind = _GOOD if good else _BAD
        replace_file(os.path.join(self._folder, f"{sequence:0{_DIGITS}}.{kind}"), message.to_bytes())
        state.sequence, state.head = sequence, message.sha256
        if state.dropped:
            state.declared = sequence
        self._write(state)

    def _make_room(self, state: ChainState) -> None:
        waiting = self.waiting()
        size = sum(one.size for one in waiting)
        for one in [one for one in waiting if one.good]:
            if len(waiting) < MOST and size + ROOM <= MOST_BYTES:
                break
            self.drop(state, one)
            waiting.remove(one)
            size -= one.size

    def drop(self, state: ChainState, one: WaitingReport) -> None:
        """A report will never come: the next ones say so."""
        state.dropped = merged([*state.dropped, [one.sequence, one.sequence]])
        state.declared = state.sequence + 1
        self._write(state)  # first, so that a kill in between loses no word of it
        with contextlib.suppress(FileNotFoundError):
            os.unlink(one.path)

    def sent(self, state: ChainState, one: WaitingReport) -> None:
        """The server has it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(one.path)
        state.accepted = max(state.accepted, one.sequence)
        if state.dropped and one.sequence >= state.declared:
            state.dropped = []


def merged(ranges: Sequence[Sequence[int]]) -> list[list[int]]:
    """Ranges of numbers in order, those that touch as one."""
    found: list[list[int]] = []
    for first, last in sorted((one[0], one[1]) for one in ranges):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found
