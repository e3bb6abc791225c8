"""What receipts move: a snapshot that a log has is a backup, a claimed one that it lacks is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.server.following.evidence import confirm_claim, note_receipt, unattended_watch
from strongroom.fleet.server.following.places import is_behind
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.fleet.server.following.places import GatewayPlaces
    from strongroom.fleet.server.state import FleetState
    from strongroom.receipts.log.leaf import Receipt

SNAPSHOT, CONFIG, DATA = "snapshots", "config", "data"


class Arrivals:
    """What one reading of a log found, as far as it matters here; little, however long the log is."""

    def __init__(self) -> None:
        self.snapshots: dict[tuple[str, str], tuple[int, str]] = {}
        """By repository and snapshot: when it came, in seconds since 1970, and by which principal."""
        self.begun: dict[str, str] = {}
        """Repositories that were begun, with who began them."""
        self.uploaded: dict[str, int] = {}

    def take(self, receipt: Receipt) -> None:
        """One receipt. An adopted object's stamp is the store's, which is nobody's word."""
        if receipt.type not in (LeafType.CREATE, LeafType.RECOVERED):
            return
        at = receipt.time_ns // 10**9
        if receipt.kind == SNAPSHOT:
            self.snapshots.setdefault((receipt.repository, receipt.name), (at, receipt.principal))
        elif receipt.kind == CONFIG:
            self.begun[receipt.repository] = receipt.principal
        if receipt.kind in (SNAPSHOT, DATA):
            self.uploaded[receipt.repository] = at

    def write(self, connection: sa.Connection, places: GatewayPlaces, now: int) -> None:
        """Move what they move. Nothing has arrived that is still to come, whatever the gateway's clock says."""
        for repository, principal in self.begun.items():
            _watched(connection, places, places.of(repository), principal, now)
        for repository, at in self.uploaded.items():
            places.of(repository)
            places.uploaded(repository, min(at, now))
        table = following.receipt
        for (repository, snapshot), (at, principal) in self.snapshots.items():
            place = places.of(repository)
            here = table.c.gateway == place.gateway, table.c.repository == repository, table.c.snapshot == snapshot
            if connection.execute(sa.select(table.c.arrival).where(*here)).first() is not None:
                continue
            row = {"gateway": place.gateway, "repository": repository, "snapshot": snapshot, "arrival": min(at, now)}
            connection.execute(table.insert(), row)
            owner = _watched(connection, places, place, principal, now)
            if owner:
                note_receipt(connection, owner, place.path, snapshot, min(at, now))


def _watched(connection: sa.Connection, places: GatewayPlaces, place: Any, principal: str, now: int) -> str:
    """The host with stock restic whose repository this is, watched from now on; nothing where an agent speaks."""
    if place.host or places.is_joining(principal, place.path):
        return ""
    owner = places.unattended(principal, place.path, now)
    return owner if unattended_watch(connection, owner, place.path, now) else ""


def settle_claims(connection: sa.Connection, gateway: str) -> None:
    """What a host claimed, and its gateway's log has, is the backup that it said; whichever came first."""
    claim, place, receipt = schema.claim, following.place, following.receipt
    query = (
        sa.select(claim, receipt.c.arrival)
        .join(place, sa.and_(place.c.host == claim.c.host, place.c.name == claim.c.name))
        .join(receipt, _receipt_of_claim())
        .where(place.c.gateway == gateway)
    )
    for one in connection.execute(query).all():
        confirm_claim(connection, one, one.arrival)


def was_claimed(state: FleetState, since: int) -> bool:
    """Whether a host claimed a snapshot since a moment, of which no receipt was read yet. Raises ``Unavailable``."""
    claim = schema.claim
    with state.database.read() as connection:
        return connection.execute(sa.select(claim.c.host).where(claim.c.at >= since).limit(1)).first() is not None


def _receipt_of_claim() -> Any:
    claim, place, receipt = schema.claim, following.place, following.receipt
    return sa.and_(
        receipt.c.gateway == place.c.gateway,
        receipt.c.repository == place.c.repository,
        receipt.c.snapshot == claim.c.snapshot,
    )


def last_uploads(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """When an object last came to a repository, by host and repository as watches name them."""
    place, watch = following.place, schema.watch
    joined = sa.select(place.c.host, place.c.name, place.c.uploaded).where(place.c.host != "")
    alone = sa.select(watch.c.host, place.c.path, place.c.uploaded).join(
        watch, sa.and_(watch.c.repository == place.c.path, watch.c.source == "", place.c.host == "")
    )
    found: dict[tuple[str, str], int] = {}
    for query in (joined, alone):
        for host, name, at in connection.execute(query):
            if at is not None:
                found[host, name] = max(at, found.get((host, name), 0))
    return found


def unconfirmed(connection: sa.Connection, now: int, grace: int) -> dict[str, list[Any]]:
    """Claims by host that a log lacks though it was read ``grace`` seconds after they came."""
    claim, place, receipt, log = schema.claim, following.place, following.receipt, following.log
    logs = connection.execute(sa.select(log.c.gateway, log.c.url, log.c.read).where(log.c.doubt == "")).all()
    if not logs:
        return {}
    query = (
        sa.select(claim, place.c.gateway)
        .outerjoin(place, sa.and_(place.c.host == claim.c.host, place.c.name == claim.c.name))
        .outerjoin(receipt, _receipt_of_claim())
        .where(receipt.c.snapshot.is_(None), claim.c.at <= now - grace)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query).all():
        asked = [one for one in logs if one.read is not None and one.read >= row.at + grace]
        known = any(one.gateway == row.gateway for one in asked)
        if known or (row.gateway is None and is_behind(connection, row.host, row.name, [one.url for one in asked])):
            found.setdefault(str(row.host), []).append(row)
    return found
