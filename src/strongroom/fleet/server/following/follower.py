"""Following the logs of gateways: each half minute what is new, by the one process that judges."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError
from strongroom.base.server_log import LOG
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.following.clocks import forget_clocks, look_at_clock
from strongroom.fleet.server.following.expiry import forget_certificates, look_at_certificate
from strongroom.fleet.server.following.gateway_source import AuditedGateway, GatewayNames
from strongroom.fleet.server.following.log_reading import LogDoubtful, ReadLog, ReceiptChains, read_on
from strongroom.fleet.server.following.places import GatewayPlaces, joined_at
from strongroom.fleet.server.following.quotas import forget_quotas, look_at_quotas
from strongroom.fleet.server.following.receipts import Arrivals, settle_claims, was_claimed
from strongroom.fleet.server.schemas import following as schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.fleet.server.following.log_reading import GatewaySource
    from strongroom.fleet.server.state import FleetState
    from strongroom.receipts.log.leaf import Receipt
    from strongroom.receipts.log.note import Verifier

EVERY, PROMPT = 30.0, 2.0
"""Seconds between two looks, and between two when hosts claim snapshots meanwhile: their receipts are there already."""
CLOSING = 10.0
"""Seconds that all readings have to end when the server does; the next start reads on from what was written."""
BLIND, LONG_BLIND = 900, 7200
"""So many seconds after the last reading of a log it is a warning that it cannot be read, and then critical."""
LOG_KIND = "log"


@dataclass(frozen=True, slots=True)
class FollowedGateway:
    """A gateway by the name that fleet.toml gives it, and the key of its log."""

    name: str
    url: str
    key: Verifier
    user: str = ""
    token: str = field(default="", repr=False)
    ca: str = ""
    witness: Verifier | None = None
    """Who countersigns its log, and says when."""


def follow_once(
    state: FleetState, gateway: FollowedGateway, source: GatewaySource, names: Callable[[], GatewayNames]
) -> int:
    """Read on in one log, and move what its receipts move; how many entries were new.

    A log that contradicts itself is not read again until an operator has looked. Raises ``Unavailable``, ``Refused``.
    """
    row = _remembered(state, gateway)
    if row.doubt:
        return 0
    arrivals = Arrivals()
    chain = schema.chain
    with state.database.read() as connection:
        ends = connection.execute(sa.select(chain).where(chain.c.gateway == gateway.name)).all()
    chains = ReceiptChains({one.repository: (one.sequence, one.leaf) for one in ends}, whole=row.size == 0)

    def take(receipt: Receipt, hashed: str) -> None:
        chains.add(receipt, hashed)
        arrivals.take(receipt)

    try:
        read, _ = read_on(source, gateway.key, ReadLog(row.size, bytes(row.edge)), take)
        called = names() if read.size > row.size else GatewayNames()
    except LogDoubtful as doubt:
        _update(state, gateway.name, {"doubt": doubt.what})
        LOG.error(f"the log of the gateway {gateway.name} is not believed any more: {doubt.what}")
        return 0
    except StrongroomError as error:
        _update(state, gateway.name, {"trouble": error.what})
        raise
    now = state.now()
    with state.database.read() as connection:
        joined = joined_at(connection, gateway.url)
    with state.database.write() as connection:
        arrivals.write(connection, GatewayPlaces(connection, gateway.name, joined, called), now)
        settle_claims(connection, gateway.name)
        for repository in chains.changed:
            sequence, leaf = chains.ends[repository]
            connection.execute(chain.delete().where(chain.c.gateway == gateway.name, chain.c.repository == repository))
            end = {"gateway": gateway.name, "repository": repository, "sequence": sequence, "leaf": leaf}
            connection.execute(chain.insert(), end)
        values = {"size": read.size, "edge": read.edge, "read": now, "trouble": ""}
        connection.execute(schema.log.update().where(schema.log.c.gateway == gateway.name).values(**values))
    return int(read.size - row.size)


def _remembered(state: FleetState, gateway: FollowedGateway) -> Any:
    """What is known of a log. Another key in fleet.toml is an operator's word: that log is read from its beginning."""
    table = schema.log
    query = sa.select(table).where(table.c.gateway == gateway.name)
    key = str(gateway.key)
    with state.database.write() as connection:
        row = connection.execute(query).one_or_none()
        if row is None or row.key != key:
            _begin(connection, gateway.name, gateway.url, key, state.now())
            row = connection.execute(query).one()
        elif row.url != gateway.url:
            connection.execute(table.update().where(table.c.gateway == gateway.name).values(url=gateway.url))
    return row


def _begin(connection: sa.Connection, gateway: str, url: str, key: str, now: int) -> None:
    for table in (schema.log, schema.chain):
        connection.execute(table.delete().where(table.c.gateway == gateway))
    empty: dict[str, Any] = {"size": 0, "edge": b"", "since": now, "trouble": "", "doubt": ""}
    connection.execute(schema.log.insert(), empty | {"gateway": gateway, "url": url, "key": key})


def believe_log(state: FleetState, gateway: str) -> bool:
    """An operator has looked at a log that was in doubt: it is read anew from its beginning. Whether there was one."""
    table = schema.log
    with state.database.write() as connection:
        row = connection.execute(sa.select(table).where(table.c.gateway == gateway, table.c.doubt != "")).one_or_none()
        if row is not None:
            _begin(connection, gateway, row.url, row.key, state.now())
    return row is not None


def _update(state: FleetState, gateway: str, values: dict[str, str]) -> None:
    table = schema.log
    with state.database.write() as connection:
        connection.execute(table.update().where(table.c.gateway == gateway).values(**values))


def troubled_logs(connection: sa.Connection, now: int) -> list[Wrong]:
    """Logs that contradict themselves, or cannot be read."""
    found = []
    for row in connection.execute(sa.select(schema.log)):
        subject, silent = f"gateway {row.gateway}", now - (row.since if row.read is None else row.read)
        if row.doubt:
            words = f"its log is not believed: {row.doubt}; look at it, then `fleet alerts --believe {row.gateway}`"
            found.append(Wrong(subject, LOG_KIND, "", True, words))
        elif silent > BLIND:
            words = f"its log was not read for {silent // 60} minutes: {row.trouble or 'nobody follows it'}"
            found.append(Wrong(subject, LOG_KIND, "", silent > LONG_BLIND, words))
    return found


class LogFollower:
    """Follows each gateway in a thread of its own, while ``leads`` says that this process is the one that judges.

    So one that answers by drips makes nobody blind to the others.
    """

    def __init__(self, state: FleetState, gateways: Sequence[FollowedGateway], leads: Callable[[], bool]) -> None:
        self._state = state
        self._gateways = tuple(gateways)
        self._leads = leads
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Follow until ``close``."""
        forget_others(self._state, [one.name for one in self._gateways])
        for gateway in self._gateways:
            name = f"follower {gateway.name}"
            self._threads.append(threading.Thread(target=self._run, args=(gateway,), name=name, daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """End after the readings that are on; they are waited for no longer than ``CLOSING``. Idempotent."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=CLOSING / len(self._threads))
        self._threads.clear()

    def _run(self, gateway: FollowedGateway) -> None:
        said: dict[str, str] = {}
        while not self._stop.is_set():
            if self._leads():
                began = self._state.now()
                self._look(gateway, said)
                self._wait(began)
            else:
                self._stop.wait(1.0)

    def _wait(self, began: int) -> None:
        """Until the next look is due: sooner where a host claimed a snapshot since the last one began."""
        for _ in range(int(EVERY / PROMPT)):
            if self._stop.wait(PROMPT):
                return
            with contextlib.suppress(StrongroomError):  # a database that is away is said by the look
                if was_claimed(self._state, began):
                    return

    def _look(self, gateway: FollowedGateway, said: dict[str, str]) -> None:
        source = AuditedGateway(gateway.url, gateway.user, gateway.token, gateway.ca)
        words = ""
        try:
            follow_once(self._state, gateway, source, source.names)
            look_at_clock(self._state, gateway.name, source, gateway.witness)
            look_at_certificate(self._state, gateway.name, source)
            look_at_quotas(self._state, gateway.name, source)
        except StrongroomError as error:
            words = str(error).splitlines()[0]
        except Exception as error:  # a fault of ours over one log must not end the following of others
            words = f"{type(error).__name__}: {error}"
        finally:
            source.close()
        if words and said.get(gateway.name) != words:
            LOG.warning(f"the log of the gateway {gateway.name} was not read: {words}")
        said[gateway.name] = words


def forget_others(state: FleetState, names: Sequence[str]) -> None:
    """Logs that fleet.toml names no more are followed no more, and are no trouble."""
    table = schema.log
    with state.database.write() as connection:
        connection.execute(table.delete().where(table.c.gateway.not_in(names)))
        forget_clocks(connection, names)
        forget_certificates(connection, names)
        forget_quotas(connection, names)
