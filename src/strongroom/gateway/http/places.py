"""Who has a place in one worker: a share for strangers, the rest for those who have shown valid credentials.

A connection costs a thread, so there are so many and no more. Where no place is left for somebody new, one that only
waits is ended: a stranger's of the address that has the most of them, and only then one that is idle between requests.
Nobody who is being served loses a place.
"""

from __future__ import annotations

import collections
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.gateway.http.addresses import network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_CONNECTIONS = 512
"""In one worker. Where all are at work, new ones wait in the listener's queue."""
MAX_STRANGERS = 192
"""Of them, those who have shown no valid credentials yet."""
MAX_STRANGERS_PER_ADDRESS = 64
MAX_PER_ADDRESS = 256
"""Of one address (an IPv6 network of 64 bits is one)."""
MAX_PER_PRINCIPAL = 256
"""Of one principal, where so many are left: at work it never has more than are left for others, so that few cannot take
all places, and the fewer there are left the less each gets of them."""


class Seat:
    """One connection's place."""

    def __init__(self, places: Places, connection: socket.socket, crowd: str) -> None:
        self._places = places
        self._guard = places.guard
        self.connection = connection
        self.crowd = crowd
        self.principal: str | None = None
        """Who was let in on it last; None for a stranger."""
        self.waits_since: float | None = monotonic()
        """Since when nothing is done for it but waiting for its next request."""

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has shown valid credentials on it."""
        return self.principal is None

    def waits(self) -> None:
        """The next request is waited for."""
        with self._guard:
            self.waits_since = monotonic()

    def works(self) -> None:
        """A request has come."""
        with self._guard:
            self.waits_since = None

    def revoke(self) -> None:
        """Nobody's credentials count on it any more."""
        self._places.revoke(self)

    def leave(self) -> None:
        """The connection is over. Call it before its descriptor is closed; idempotent."""
        self._places.leave(self)

    def admit(self, principal: str) -> bool:
        """Note who was let in; whether there is room for one more connection of this principal's.

        A proxy's connection serves one after the other: it counts for who was let in last.
        """
        return self.principal == principal or self._places.admit(self, principal)


class Places:
    """The places of one worker."""

    def __init__(self, crowd: Callable[[str], str] = network_of) -> None:
        """``crowd`` says for an address with whom its connections are counted; the empty one is not bounded."""
        self._crowd = crowd
        self._seats: set[Seat] = set()
        self._by_principal: collections.Counter[str] = collections.Counter()
        self.guard = threading.Lock()

    @property
    def taken(self) -> int:
        """How many connections there are."""
        return len(self._seats)

    @property
    def has_room(self) -> bool:
        """Whether another connection can be taken, be it by ending one that waits."""
        with self.guard:
            strangers = [seat for seat in self._seats if seat.is_stranger]
            if len(strangers) >= MAX_STRANGERS and _longest(strangers) is None:
                return False
            return len(self._seats) < MAX_CONNECTIONS or _longest(self._seats) is not None

    def enter(self, connection: socket.socket, address: str) -> Seat | None:
        """A place for a new connection; None where its address has too many, and all of them at work."""
        seat = Seat(self, connection, self._crowd(address))
        with self.guard:
            if not self._make_room(seat.crowd):
                return None
            self._seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """As ``Seat.leave``."""
        with self.guard:
            self._forget(seat)

    def admit(self, seat: Seat, principal: str) -> bool:
        """As ``Seat.admit``."""
        with self.guard:
            if not self._has_share(principal):
                return False
            self._name(seat, principal)
        return True

    def revoke(self, seat: Seat) -> None:
        """As ``Seat.revoke``."""
        with self.guard:
            self._name(seat, None)

    def _has_share(self, principal: str) -> bool:
        if self._by_principal[principal] >= MAX_PER_PRINCIPAL:
            return False
        working = [seat for seat in self._seats if seat.waits_since is None]
        mine = sum(1 for seat in working if seat.principal == principal)
        return mine <= MAX_CONNECTIONS - len(working)  # who asks is at work, too

    def _name(self, seat: Seat, principal: str | None) -> None:
        if seat in self._seats:
            if seat.principal is not None:
                self._count(seat.principal, -1)
            if principal is not None:
                self._count(principal, 1)
        seat.principal = principal

    def dismiss(self) -> None:
        """End all connections that only wait. What has come of a request already can still be read."""
        with self.guard:
            for seat in self._seats:
                if seat.waits_since is not None:
                    _shut(seat, socket.SHUT_RD)

    def _make_room(self, crowd: str) -> bool:
        if crowd:
            mine = [seat for seat in self._seats if seat.crowd == crowd]
            strangers = [seat for seat in mine if seat.is_stranger]
            if len(strangers) >= MAX_STRANGERS_PER_ADDRESS:
                self._end(_longest(strangers))
            elif len(mine) >= MAX_PER_ADDRESS and not self._end(_longest(mine)):
                return False
        strangers = [seat for seat in self._seats if seat.is_stranger]
        if len(strangers) >= MAX_STRANGERS:
            self._end(_longest(strangers))
        return len(self._seats) < MAX_CONNECTIONS or self._end(_longest(self._seats))

    def _end(self, seat: Seat | None) -> bool:
        if seat is None:
            return False
        self._forget(seat)
        _shut(seat, socket.SHUT_RDWR)
        return True

    def _forget(self, seat: Seat) -> None:
        if seat in self._seats:
            self._seats.remove(seat)
            if seat.principal is not None:
                self._count(seat.principal, -1)

    def _count(self, principal: str, change: int) -> None:
        self._by_principal[principal] += change
        if not self._by_principal[principal]:
            del self._by_principal[principal]


def _longest(seats: Iterable[Seat]) -> Seat | None:
    """Who is the first to go: of the strangers that wait, else of all that do, of the largest crowd the longest."""
    waiting = [seat for seat in seats if seat.waits_since is not None]
    waiting = [seat for seat in waiting if seat.is_stranger] or waiting
    crowds = collections.Counter(seat.crowd for seat in waiting)
    return min(waiting, key=lambda seat: (-crowds[seat.crowd], seat.waits_since), default=None)


def _shut(seat: Seat, how: int) -> None:
    """Wake whoever waits at the connection. Not by its own method, which for TLS would forget the encryption."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(seat.connection, how)
