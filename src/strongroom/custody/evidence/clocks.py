"""Clocks of other machines beside our own: two must agree before anything goes without a person (threats T-1, T-2)."""

from __future__ import annotations

import json
import os
import socket
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import StoreError
from strongroom.base.record import record
from strongroom.custody.schemas.evidence import clocks
from strongroom.database.prepared import prepared
from strongroom.storage.http.client import HttpClient
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.clock import Clock
    from strongroom.custody.state import Adopted, State
    from strongroom.storage.contract import Store

APART_NS = 5 * 60 * 10**9
"""Clocks that differ by more do not agree."""
FRESH_NS = 3600 * 10**9
"""What clocks said counts for so long."""
OWN = "this machine"


@record
class ClockSource:
    """What a clock said. ``machine``: whose it is, since all that runs on one machine has one clock. ``ahead_ns``: how
    far it was ahead of our own at that moment."""

    name: str
    machine: str
    ahead_ns: int


def own_clock() -> ClockSource:
    """Our own, which is ahead of itself by nothing."""
    return ClockSource(OWN, machine_of(None), 0)


def machine_of(host: str | None) -> str:
    """The name of a machine by its host in a URL. Every name and address of this one is the same name; where a machine
    before it forwards one here, nobody can tell."""
    own = os.uname().nodename.lower()
    if host is None or host.lower() in ("", "localhost", own):
        return own
    name = host.lower().rstrip(".")
    return own if any(map(_is_here, _addresses(name))) else name


def _addresses(name: str) -> list[tuple[int, str]]:
    """The addresses of a host by their families; none where nobody knows it."""
    try:
        found = socket.getaddrinfo(name.strip("[]"), None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return [(family, str(place[0])) for family, _, _, _, place in found]


def _is_here(address: tuple[int, str]) -> bool:
    """Whether an address is one of this machine's: no other can be bound."""
    family, text = address
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((text, 0))
    except OSError:
        return False
    return True


def store_clock(store: Store, clock: Clock) -> ClockSource | None:
    """The clock of the server that a store is on, by the ``Date`` of an answer; None where there is no server, or it
    says nothing. A folder's clock is this machine's, or not to be had."""
    client = getattr(innermost(store), "client", None)
    if not isinstance(client, HttpClient):
        return None
    before_ns = clock.now_ns()
    try:
        answer = client.ask("HEAD", "config")
    except StoreError:
        return None
    said = answer.header("Date")
    answer.close()
    ahead_ns = ahead_of(said, before_ns, clock.now_ns())
    return None if ahead_ns is None else ClockSource("the store", machine_of(client.endpoint.host), ahead_ns)


def ahead_of(said: str, before_ns: int, after_ns: int) -> int | None:
    """How far a ``Date`` is ahead of a clock that said these before and after it; None where it is none."""
    try:
        seconds = parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return int(seconds * 10**9) + 5 * 10**8 - (before_ns + after_ns) // 2


def doubt_about(sources: Sequence[ClockSource]) -> tuple[str, bool]:
    """Why nothing may go by itself, in words, and whether clocks contradict one another; empty when two agree."""
    low = min(sources, key=lambda one: one.ahead_ns)
    high = max(sources, key=lambda one: one.ahead_ns)
    apart_ns = high.ahead_ns - low.ahead_ns
    if apart_ns > APART_NS:
        minutes = apart_ns // (60 * 10**9)
        return f"the clock of {high.name} is {minutes} minutes ahead of that of {low.name}", True
    if len({one.machine for one in sources}) < 2:
        return "no second machine says what time it is", False
    return "", False


def keep_clocks(
    state: State, connection: sa.Connection, repository: str, sources: Sequence[ClockSource], doubt: str
) -> None:
    """Write down what clocks said in this round."""
    said = json.dumps([[one.name, one.machine, one.ahead_ns] for one in sources])
    state.database.change(connection, f"DELETE FROM {clocks.name} WHERE repository = ?", repository)
    text = f"INSERT INTO {clocks.name} (repository, at_ns, said, doubt) VALUES (?, ?, ?, ?)"
    state.database.change(connection, text, repository, state.clock.now_ns(), said, doubt)


def kept_clocks(state: State, repository: str) -> tuple[list[ClockSource], str] | None:
    """What clocks said in the last round, and why nothing goes by itself; None before the first round."""
    with state.database.read() as connection:
        row = connection.execute(*_kept_query(repository)).one_or_none()
    return None if row is None else ([ClockSource(*one) for one in json.loads(row.said)], row.doubt)


@prepared
def _kept_query(repository: str) -> sa.Select[Any]:
    return sa.select(clocks).where(clocks.c.repository == repository)


def clock_doubt(state: State, adopted: Adopted) -> str:
    """Why nothing of a repository may go by itself now, in words; empty when two machines agreed in the last round."""
    with state.database.read() as connection:
        row = connection.execute(*_kept_query(adopted.id)).one_or_none()
    if row is None:
        return "no round has asked for the time yet"
    if not -APART_NS <= state.clock.now_ns() - row.at_ns <= FRESH_NS:
        return "the last round that asked for the time is more than an hour ago"
    return str(row.doubt)
