"""M-2, M-3: whoever has all that a fleet's server has takes no host's place at the gateway, and learns no token."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate
from strongroom.fleet.protocol.gateway_claim import make_claim
from strongroom.gateway import schema, watch_schema
from strongroom.gateway.access.caller import Caller
from strongroom.gateway.access.enrolling import Enrolling, readmit
from strongroom.gateway.access.host_claim import read_claim
from strongroom.gateway.access.policy import Quota
from strongroom.gateway.access.principals import Principals
from strongroom.gateway.access.roles import Role
from tests.support.fleet.hosts import FleetHost


class Door:
    """A gateway's door for enrollers, and what a server with its token can ask of it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/gateway.db")
        migrate(self.database, "gateway", schema.METADATA, schema.STEPS)
        migrate(self.database, "watch", watch_schema.METADATA, watch_schema.STEPS)
        self.principals = Principals(self.database)
        token = self.principals.add("fleet", {"hosts": Role.ENROLLER}, Quota(), "")
        found = self.principals.by_token(token.text)
        assert found is not None
        self.server = Caller(found.id, "fleet", managed=True)
        self.door = Enrolling(self.database, lambda _name: False)

    def admit(self, host: FleetHost, *, name: str = "", number: int = 0, **changed: object) -> str:
        """Hand a host's claim on; ``changed``: what somebody made of it."""
        claim = make_claim(host.pair, host.name, host.tokens, keep=host.keep).to_document() | changed
        asked = name or host.name
        return self.door.admit(self.server, asked, read_claim(claim, asked, number))

    def lets_in(self, token: str) -> str:
        """Whom a token lets in; nobody: an empty text."""
        found = self.principals.by_token(token)
        return "" if found is None else found.name

    def paths(self, name: str) -> set[str]:
        """What a principal may reach."""
        grant, principal = schema.grant, schema.principal
        query = sa.select(grant.c.repository).join(principal, principal.c.id == grant.c.principal)
        with self.database.read() as connection:
            return set(connection.execute(query.where(principal.c.name == name)).scalars())


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A door."""
    made = Door(tmp_path)
    yield made
    made.database.close()


def test_no_other_key_gets_a_name_and_no_old_claim_a_token(door: Door) -> None:
    """M-2, M-3: Its own key, a claim that it changed, one for another name, one that it kept: refused, all the same."""
    host, thief = FleetHost("web01"), FleetHost("web01", key="the server's own")
    assert door.admit(host) == "hosts/web01"
    for attempt in (
        lambda: door.admit(thief),
        lambda: door.admit(host, tokens=list(make_claim(thief.pair, "web01", thief.tokens, keep=False).tokens)),
        lambda: door.admit(host, keep=True),
        lambda: door.admit(host, key=thief.pair.public.hex()),
        lambda: door.admit(host, name="web02"),
        lambda: door.admit(host, number=1),
        lambda: door.admit(host, number=8),
        lambda: door.door.settle(door.server, "web01", thief.pair.id),
    ):
        with pytest.raises(Refused):
            attempt()
    assert [door.lets_in(thief.tokens[0]), door.lets_in(host.tokens[0])] == ["", "web01"]
    changed = door.principals.rotate("web01", all_tokens=True)  # an operator ends a token that was stolen
    assert door.admit(host) == "hosts/web01"
    assert [door.lets_in(host.tokens[0]), door.lets_in(changed.text)] == ["", "web01"]


def test_a_host_that_was_let_go_comes_back_by_no_servers_word(door: Door) -> None:
    """M-2, M-3: It may end what it let in, and cannot begin it again, by the host's claim or by another."""
    host = FleetHost("web01")
    door.admit(host)
    door.door.disable(door.server, "web01")
    for one in (host, FleetHost("web01", key="other")):
        with pytest.raises(Refused):
            door.admit(one)
    assert door.lets_in(host.tokens[0]) == ""


def test_an_operators_word_is_for_one_key_and_counts_once(door: Door) -> None:
    """M-2, M-3: The key that was named gets another repository; a second one, and the old one, get nothing."""
    old, new, thief = FleetHost("web01"), FleetHost("web01", key="new"), FleetHost("web01", key="thief")
    door.admit(old)
    readmit(door.database, "web01", new.pair.id)
    with pytest.raises(Refused):
        door.admit(thief)
    assert [door.admit(new), door.admit(new)] == ["hosts/web01.2"] * 2
    for one in (old, thief):
        with pytest.raises(Refused):
            door.admit(one)
    assert door.lets_in(old.tokens[0]) == "web01"  # a kill now leaves the old one as it was
    for _ in range(2):
        door.door.settle(door.server, "web01", new.pair.id)
    assert [door.lets_in(old.tokens[0]), door.lets_in(new.tokens[0])] == ["", "web01"]
    assert door.paths("web01") == {"hosts/web01.2"}
    again = FleetHost("web01", key="again", keep=True)
    readmit(door.database, "web01", again.pair.id)
    assert door.admit(again) == "hosts/web01.2"
    with pytest.raises(Missing):
        readmit(door.database, "nobody", new.pair.id)


def test_no_hosts_repository_lies_where_anothers_does(door: Door) -> None:
    """M-2, M-3: web01 has a second repository, and somebody is called web01.2: they never share a place."""
    early = FleetHost("web01.2")
    assert door.admit(early) == "hosts/web01.2"
    door.admit(FleetHost("web01"))
    for number in (3, 4):
        new = FleetHost("web01", key=secrets.token_hex(4))
        readmit(door.database, "web01", new.pair.id)
        assert door.admit(new) == f"hosts/web01.{number}"
    with pytest.raises(Exists):
        door.admit(FleetHost("web01.4"))
