"""Sending what waits, in order, and not too often to a server that is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, StrongroomError, Unavailable
from strongroom.base.record import record
from strongroom.fleet.protocol.report import parse_answer
from strongroom.fleet.protocol.signed import parse_signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.fleet.host.reporting.outbox import ChainState, Outbox
    from strongroom.fleet.protocol.report import JobRequest
    from strongroom.fleet.protocol.signed import SignedMessage

FIRST_PAUSE, LONGEST_PAUSE = 60, 3600
"""Seconds after the first failure, twice as long after each further one, and at most."""
LONGEST_SENDING = 300.0
"""Seconds of one sending, about: a server that answers slowly keeps no host from its next backup."""
_NANO = 1_000_000_000
REPLACING = (
    "another machine is about to take this host's place in the fleet: if nobody replaces it, tell the server's operator"
)


@record
class Sent:
    """How many reports went out, how many wait, and why those do; empty when all is sent."""

    sent: int
    waiting: int
    trouble: str = ""
    request: JobRequest | None = None
    """What the server asks in its last answer."""
    away: bool = False
    """Whether they wait because the server could not be asked, or is slow; not because it refused one."""


def send_all(outbox: Outbox, post: Callable[[SignedMessage], bytes], clock: Clock, *, at_once: bool = False) -> Sent:
    """Send all reports that wait, unless the server was away a moment ago; ``at_once``: also then. Raises OSError.

    A report that the server cannot read is dropped, and the next one says so: it must not hold up the others.
    """
    with outbox.alone() as state:
        now = clock.now_ns() // _NANO
        waiting = outbox.waiting()
        too_early = now < state.next_try <= now + LONGEST_PAUSE  # later was said by a clock that has been set since
        if waiting and too_early and not at_once:
            return Sent(0, len(waiting), state.trouble)
        done, request = 0, None
        end = clock.monotonic() + LONGEST_SENDING
        for position, one in enumerate(waiting):
            if clock.monotonic() >= end:
                state.failures, state.next_try, state.trouble = (
                    0,
                    0,
                    "the server answers slowly; the rest is sent later",
                )
                return Sent(done, len(waiting) - position, state.trouble, request, away=True)
            try:
                with open(one.path, "rb") as file:
                    message = parse_signed(file.read())
                answer = post(message)
            except (Damaged, LimitExceeded):
                outbox.drop(state, one)
                continue
            except StrongroomError as error:
                away = isinstance(error, Unavailable)
                return Sent(done, len(waiting) - position, _failed(state, now, error), away=away)
            try:
                request = _answered(state, answer, clock)
            except (Damaged, LimitExceeded) as error:  # the answer is what cannot be read: the report may not be there
                return Sent(done, len(waiting) - position, _failed(state, now, error))
            outbox.sent(state, one)
            done += 1
        state.failures, state.next_try, state.trouble = 0, 0, ""
        return Sent(done, 0, request=request)


def _failed(state: ChainState, now: int, error: StrongroomError) -> str:
    """Try later; why."""
    state.failures += 1
    pause = min(LONGEST_PAUSE, FIRST_PAUSE << min(state.failures - 1, 10))
    state.next_try, state.trouble = now + pause, str(error).splitlines()[0]
    return state.trouble


def _answered(state: ChainState, data: bytes, clock: Clock) -> JobRequest | None:
    answer = parse_answer(data)
    now_ns = clock.now_ns()
    state.answered = now_ns // _NANO
    state.replacing = answer.replacing
    state.offset = now_ns // 1_000_000 - answer.now * 1000
    return answer.requests[0] if answer.requests else None
