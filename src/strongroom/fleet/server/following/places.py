"""Which repository at a gateway is whose: that of a host that joined, or of one with stock restic and no agent."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError
from strongroom.database.statements import statements_in
from strongroom.fleet.protocol.chain import FIRST
from strongroom.fleet.protocol.enrolment import parse_done
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.protocol.signed import parse_signed
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from strongroom.fleet.server.following.gateway_source import GatewayNames

BY_RECEIPTS = "receipts"
"""The profile of a host that no agent speaks for: its receipts alone do."""
_MOST_NAME = 63


class GatewayPlaces:
    """The repositories of one gateway, for one transaction."""

    def __init__(
        self, connection: sa.Connection, gateway: str, joined: dict[str, tuple[str, str]], names: GatewayNames
    ) -> None:
        """``joined``: what ``joined_at`` found. A repository that a host joined with is the host's from now on."""
        self._connection = connection
        self._gateway = gateway
        self._names = names
        self._joined = joined
        table = following.place
        rows = connection.execute(sa.select(table).where(table.c.gateway == gateway)).all()
        self._known: dict[str, Any] = {row.repository: row for row in rows}
        for row in rows:
            if not row.host and row.path in joined:
                host, name = joined[row.path]
                self._put(row.repository, {"host": host, "name": name})

    def of(self, repository: str) -> Any:
        """The row of a repository by its ID in receipts; the path that it had first stays, whatever it is called
        since."""
        if repository not in self._known:
            path = visible(self._names.repositories.get(repository, ""))
            host, name = self._joined.get(path, ("", ""))
            values = {"gateway": self._gateway, "repository": repository, "path": path or repository[:8]}
            self._connection.execute(following.place.insert(), values | {"host": host, "name": name})
            self._put(repository, {})
        return self._known[repository]

    def _put(self, repository: str, values: dict[str, Any]) -> None:
        table = following.place
        where = table.c.gateway == self._gateway, table.c.repository == repository
        if values:
            self._connection.execute(table.update().where(*where).values(**values))
        self._known[repository] = self._connection.execute(sa.select(table).where(*where)).one()

    def uploaded(self, repository: str, at: int) -> None:
        """An object has come."""
        self._put(repository, {"uploaded": at})

    def is_joining(self, principal: str, path: str) -> bool:
        """Whether a host is about to join with this repository: it has begun, and says what it made when it is done."""
        name = self._names.principals.get(principal, "")
        table = schema.host
        query = sa.select(table.c.id).where(table.c.name == name, table.c.profile != BY_RECEIPTS)
        numbered = re.fullmatch(rf"{re.escape(name)}(\.[0-9]+)?", path.rpartition("/")[2])
        return numbered is not None and self._connection.execute(query).first() is not None

    def unattended(self, principal: str, path: str, now: int) -> str:
        """The host with stock restic that this principal is; it is known from now on."""
        owner = principal or hashlib.sha256(f"{self._gateway} {path}".encode()).hexdigest()[:32]
        table = schema.host
        if self._connection.execute(sa.select(table.c.id).where(table.c.id == owner)).first() is None:
            name = visible(self._names.principals.get(principal, "") or path or principal[:8])[:_MOST_NAME]
            taken = self._connection.execute(sa.select(table.c.id).where(table.c.name == name)).first()
            row = {
                "id": owner,
                "name": name if taken is None else f"{name}@{self._gateway}-{owner[:8]}",
                "public": b"",
                "profile": BY_RECEIPTS,
                "state": "active",
                "ticket": "",
                "joined": now,
                "sequence": 0,
                "head": FIRST,
                "versions": "{}",
            }
            self._connection.execute(table.insert(), row)
        return owner


def joined_at(connection: sa.Connection, url: str) -> dict[str, tuple[str, str]]:
    """The hosts that joined with a repository at this gateway, by its path there, with the name that they give it."""
    table = schema.host
    query = sa.select(table.c.id, table.c.name, table.c.done, table.c.places, table.c.state)
    rows = connection.execute(query.where(table.c.done.is_not(None))).all()
    found: dict[str, tuple[str, str]] = {}
    for row in sorted(rows, key=lambda one: one.state not in ("revoked", "replaced")):  # those that are there count
        for path, name in _made(row, url):
            found[path] = (str(row.id), name)
    return found


class FollowedPlaces:
    """What logs have of the repositories of some hosts, read once for many reports."""

    def __init__(self, connection: sa.Connection, hosts: Sequence[str], snapshots: Iterable[str]) -> None:
        self._connection = connection
        place, receipt, log = following.place, following.receipt, following.log
        with statements_in(connection) as sql:
            self._urls = [url for (url,) in sql.rows("SELECT url FROM fleet_log WHERE doubt = ?", "")]
        self._behind: dict[tuple[str, str], bool] = {}
        self._arrivals: dict[tuple[str, str, str], int] = {}
        if not self._urls:
            return
        believed = sa.and_(log.c.gateway == place.c.gateway, log.c.doubt == "")
        known = sa.select(place.c.host, place.c.name).join(log, believed).where(place.c.host.in_(hosts))
        self._behind = {(row.host, row.name): True for row in connection.execute(known)}
        there = sa.and_(receipt.c.gateway == place.c.gateway, receipt.c.repository == place.c.repository)
        query = (
            sa.select(place.c.host, place.c.name, receipt.c.snapshot, receipt.c.arrival)
            .join(receipt, there)
            .join(log, believed)
            .where(place.c.host.in_(hosts), receipt.c.snapshot.in_(sorted(set(snapshots))))
        )
        for row in connection.execute(query):
            self._arrivals[row.host, row.name, row.snapshot] = row.arrival

    def are_followed(self, host: str, name: str) -> bool:
        """Whether the log of the gateway before a host's repository is followed, though it has nothing of it yet."""
        if not self._urls:
            return False
        found = self._behind.get((host, name))
        if found is None:
            found = self._behind[host, name] = is_behind(self._connection, host, name, self._urls)
        return found

    def arrival(self, host: str, name: str, snapshot: str) -> int | None:
        """When a snapshot came there; None where no receipt says that it did."""
        return self._arrivals.get((host, name, snapshot))


def is_behind(connection: sa.Connection, host: str, repository: str, urls: Sequence[str]) -> bool:
    """Whether a host joined with a repository of this name at one of the gateways."""
    table = schema.host
    columns = table.c.id, table.c.name, table.c.done, table.c.places
    query = sa.select(*columns).where(table.c.id == host, table.c.done.is_not(None))
    row = connection.execute(query).one_or_none()
    return row is not None and any(name == repository for url in urls for _, name in _made(row, url))


def place_given(url: str, path: str) -> str:
    """A line of a host's ``places``: what a gateway gave it."""
    return f"{url.rstrip('/')} {path}"


def places_given(places: str, url: str) -> set[str]:
    """The paths that the gateway at this URL gave a host; older lines name none, and count for each."""
    lines = [line.partition(" ") if "://" in line else ("", "", line) for line in places.split("\n") if line]
    return {path.strip("/") for at, _, path in lines if at in ("", url.rstrip("/"))}


def _made(row: Any, url: str) -> Iterator[tuple[str, str]]:
    """Paths at a gateway, and names, of the repositories that a host says it made.

    It is believed where the path is one that the gateway gave it, so that none takes another's receipts for its own.
    Where the gateway gave it none, since its operator made the principal by hand, the path ends in its own name.
    """
    base = urlsplit(url)
    prefix = base.path.strip("/")
    try:
        given = places_given(row.places, url)
        repositories = parse_done(parse_signed(bytes(memoryview(row.done)))).repositories
        for one in repositories:
            place = urlsplit(one.url.removeprefix("rest:"))
            path = unquote(place.path).strip("/")
            inside = path.removeprefix(prefix).strip("/") if path.startswith(prefix) else ""
            same = (place.scheme, place.hostname, place.port) == (base.scheme, base.hostname, base.port)
            own = inside in given if given else inside.rpartition("/")[2] == row.name.partition("~")[0]
            if same and own and inside:
                yield inside, one.name
    except (StrongroomError, AttributeError, TypeError, ValueError):
        return  # what an older version took, a host that is no URL's, or a row that makes no sense
