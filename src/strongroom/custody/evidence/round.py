"""What a round asks of others: the log before the store is listed, the clocks, how long a gateway's trash holds."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.custody.evidence.clocks import (
    ClockSource,
    doubt_about,
    keep_clocks,
    machine_of,
    own_clock,
    store_clock,
)
from strongroom.custody.evidence.decided import LimitedClock, keep_decided, limited_clock
from strongroom.custody.evidence.log import LogRound
from strongroom.custody.evidence.outside import Outside
from strongroom.custody.evidence.pinning import pinned
from strongroom.custody.incidents import Code
from strongroom.custody.judging.terms import Unproven
from strongroom.custody.ledger import incidents, set_incident, settle_incident
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.retention.guarded import DAY
from strongroom.storage.contract import StoreKind
from strongroom.storage.rest.url import parse
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from strongroom.base.objects import ObjectName
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store

CLOCKS, JUMP, TRASH = "clocks", "own clock, ahead", "the gateway's trash"
"""What incidents of ``clocks``, ``clock`` and ``trash`` are about."""


class EvidenceRound:
    """One repository's evidence, for one round; without an ``outside`` nobody is asked."""

    def __init__(self, state: State, lease: Lease, adopted: Adopted, outside: Outside | None) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._asks = outside is not None
        self._outside = outside or Outside()
        self.log = LogRound(state, lease, adopted, self._outside)

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """Within this the state's clock runs no faster than the time since boot; what it came to is written down."""
        state, machine = self._state, os.uname().nodename
        if not self._asks:
            yield
            return
        wall = state.clock
        clock = limited_clock(state, machine, self._outside.boot)
        state.clock = clock
        try:
            yield
            keep_decided(state, machine, clock, self._outside.boot)
        finally:
            state.clock = wall

    def before(self, store: Store) -> None:
        """Ask the log, the clocks and the gateway. What does not answer is noted, and ends no round."""
        if not self._asks:
            return
        self.log.sync()
        self._ask_clocks(store)
        self._look_at_trash(store)

    def after(self, fresh: Iterable[ObjectName], last_look_ns: int) -> None:
        """Hold what the store showed against the log; ``fresh``: what this round saw and the last one did not."""
        self._settle_stamps()
        if self._asks:
            self.log.hold_against(fresh, last_look_ns)

    def unproven(self, unreached: Iterable[str] = ()) -> Unproven:
        """Which snapshots have no receipt though a log is believed; ``unreached`` ones wait as well."""
        return Unproven(self.log.found.waiting.union(unreached), self.log.found.without)

    def _settle_stamps(self) -> None:
        """End what is said of the odd stamps of objects, a detection's time later: they made nothing older or younger,
        and whoever sets stamps must not freeze all deleting for ever."""
        until_ns = self._state.clock.now_ns() - self._adopted.policy.detection * DAY
        for one in incidents(self._state, self._adopted.id):
            if one.code is Code.CLOCK and "/" in one.object and one.opened_ns <= until_ns:
                settle_incident(self._state, self._lease, one.code, one.object)

    def _ask_clocks(self, store: Store) -> None:
        state, clock = self._state, self._state.clock
        asked = [store_clock(store, clock), self._gateway_clock(), self._witness_clock()]
        asked += self._outside.clocks.sources(clock)
        sources = [own_clock(), *(one for one in asked if one is not None), *self._outside.more()]
        doubt, apart = doubt_about(sources)
        if not doubt and isinstance(clock, LimitedClock):
            clock.release()
        jumped_ns = clock.jumped_ns() if isinstance(clock, LimitedClock) else 0
        ahead = f"this machine's clock is {jumped_ns // (60 * 10**9)} minutes ahead of what passed since boot"
        with state.writing(self._lease) as connection:
            now_ns = clock.now_ns()
            for wrong, code, thing, words in (
                (apart, Code.CLOCKS, CLOCKS, doubt),
                (jumped_ns > 0, Code.CLOCK, JUMP, ahead),
            ):
                set_incident(connection, self._adopted.id, code, thing, words, now_ns, wrong=wrong)
            keep_clocks(state, connection, self._adopted.id, sources, doubt)

    def _gateway_clock(self) -> ClockSource | None:
        row = pinned(self._state, self._adopted.id)
        if row is None:
            return None
        from strongroom.storage.rest.store import RestStore  # noqa: PLC0415 -- a folder needs no client

        store = RestStore(parse(row.url.removeprefix("rest:"), self._outside.options), self._outside.options)
        with contextlib.closing(store):
            found = store_clock(store, self._state.clock)
        return None if found is None else ClockSource("the gateway", found.machine, found.ahead_ns)

    def _witness_clock(self) -> ClockSource | None:
        said = self.log.witness
        return None if said is None else ClockSource("the witness", machine_of(said[0]), said[1])

    def _look_at_trash(self, store: Store) -> None:
        """A gateway's trash has to hold what is deleted for ``expiry`` days (custody.md's E)."""
        plain = innermost(store)
        if plain.store_kind is not StoreKind.REST:
            return
        from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

        assert isinstance(plain, RestStore)
        log = GatewayLog(plain.client.address, plain.options)
        try:
            health = log.health()
        except (StrongroomError, ValueError):
            return  # no gateway of ours, or none that answers now
        finally:
            log.close()
        days, due = health.get("trash_days"), self._adopted.policy.expiry
        short = health.get("append_only") is True and isinstance(days, int) and days < due
        with self._state.writing(self._lease) as connection:
            now_ns = self._state.clock.now_ns()
            words = f"it holds what is deleted for {days} days, and the policy's expiry is {due}"
            set_incident(connection, self._adopted.id, Code.TRASH, TRASH, words, now_ns, wrong=short)
