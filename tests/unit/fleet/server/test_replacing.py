"""Does a machine take another one's place whole, never both at once, and never without somebody hearing of it?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import replace
from strongroom.fleet.protocol.report import parse_answer
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.server.admitting.taking_over import marked_name
from strongroom.fleet.server.alerting.tagging import tag_host, tags_of_hosts
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.operating import believe, pause, revoke
from tests.support.fleet.asgi import AppReply, ask
from tests.support.fleet.hosts import FleetHost, snapshot_of
from tests.support.fleet.server import ServerInProcess

BEGIN, DONE, REPORTS = "/fleet/v1/enrol/begin", "/fleet/v1/enrol/done", "/fleet/v1/reports"


@pytest.fixture
def app(server: ServerInProcess) -> Iterator[FleetApp]:
    """The server's application."""
    made = FleetApp(server.state)
    yield made
    made.close()


def send(app: FleetApp, path: str, message: SignedMessage) -> AppReply:
    """One message and its answer."""
    return ask(app.starlette, path, message.to_bytes())


def wrong(server: ServerInProcess) -> dict[str, bool]:
    """What is wrong, and whether it is critical."""
    return {f"{one.subject} {one.kind}": one.critical for one in server.standing().wrong}


def newer(name: str = "web01", *, repository: str = "") -> FleetHost:
    """The machine that comes in another one's place, with its repository or one of its own."""
    return FleetHost(name, key=f"{name} new", repository_id=repository or snapshot_of(f"{name} second"))


def test_the_watch_goes_on_and_the_old_key_is_heard_no_more(server: ServerInProcess, app: FleetApp) -> None:
    """The same watch with its past and its pause, another repository; the old chain is closed and kept."""
    old = server.join(FleetHost("web01"))
    server.take(old)
    pause(server.state, "web01", "", "", 3600, "moves")
    tag_host(server.state, "web01", ["shop"], [])
    before = server.watch("web01")
    new = newer()
    begun = new.begin(server.invite("web01", replace=True))
    assert [send(app, BEGIN, begun).status for _ in range(2)] == [200, 200]
    assert server.watch("web01").last_good == before.last_good
    assert [send(app, DONE, new.done()).status for _ in range(2)] == [200, 200]
    after = server.watch("web01")
    assert (after.last_good, after.deadline, after.paused_until) == (
        before.last_good, before.deadline, before.paused_until,
    )  # fmt: skip
    assert server.standing().hosts == 1
    with server.state.database.read() as connection:
        assert tags_of_hosts(connection)["web01"] == {"shop"}
    reply = send(app, REPORTS, old.report(server.now, old.run(server.now)))
    assert reply.status == 403 and "taken this host's place" in reply.json()["title"]
    server.clock.advance(60)
    assert send(app, REPORTS, new.report(server.now, new.run(server.now))).status == 200
    assert server.watch("web01").last_good == server.now
    query = "SELECT sequence FROM fleet_host WHERE id = ?"
    assert server.state.database.row(query, old.pair.id) == (1,)


def test_a_repository_that_goes_on_is_the_new_machines(server: ServerInProcess, app: FleetApp) -> None:
    """With the old password: the same repository, whose reports count and are nobody else's."""
    old = server.join(FleetHost("web01"))
    server.take(old)
    new = newer(repository=old.repository_id)
    send(app, BEGIN, new.begin(server.invite("web01", replace=True)))
    assert send(app, DONE, new.done()).status == 200
    server.clock.advance(60)
    assert send(app, REPORTS, new.report(server.now, new.run(server.now))).status == 200
    assert server.watch("web01").last_good == server.now
    assert wrong(server) == {}


def test_a_running_host_is_not_replaced_in_silence(server: ServerInProcess, app: FleetApp) -> None:
    """The server alarms from the first message on, critically once the old machine speaks, which is told as well."""
    old = server.join(FleetHost("web01"))
    server.take(old)
    server.clock.advance(60)
    new = newer()
    send(app, BEGIN, new.begin(server.invite("web01", replace=True)))
    assert wrong(server) == {"web01 replacing": False}
    server.clock.advance(60)
    reply = send(app, REPORTS, old.report(server.now))
    assert parse_answer(reply.body).replacing
    assert wrong(server) == {"web01 replacing": True}
    send(app, DONE, new.done())
    assert wrong(server) == {}
    assert send(app, REPORTS, old.report(server.now)).status == 403
    assert wrong(server) == {"web01 two-machines": True}
    assert server.watch("web01").judgement.state.value == "suspicious"
    believe(server.state, "web01")
    assert wrong(server) == {}


def test_an_operator_stops_it_and_the_host_goes_on(server: ServerInProcess, app: FleetApp) -> None:
    """Whoever has the token is let in no more; the host that is there notices nothing else."""
    old = server.join(FleetHost("web01"))
    new = newer()
    send(app, BEGIN, new.begin(server.invite("web01", replace=True)))
    revoke(server.state, marked_name("web01", new.pair.id))
    assert send(app, DONE, new.done()).status == 403
    reply = send(app, REPORTS, old.report(server.now))
    assert reply.status == 200 and not parse_answer(reply.body).replacing
    assert wrong(server) == {}


def test_a_token_that_replaces_is_for_one_machine_and_one_name(server: ServerInProcess, app: FleetApp) -> None:
    """Two tokens for one place: the first that is done has it; nobody takes the place of who took it."""
    server.join(FleetHost("web01"))
    tokens = [server.invite("web01", replace=True) for _ in range(3)]
    one, two, three = (FleetHost("web01", key=f"machine {number}") for number in range(3))
    assert send(app, BEGIN, FleetHost("web02").begin(tokens[0])).status == 403
    assert [send(app, BEGIN, a.begin(b)).status for a, b in zip((one, two), tokens, strict=False)] == [200, 200]
    assert send(app, BEGIN, three.begin(tokens[0])).status == 403
    one.repository_id, two.repository_id = snapshot_of("one"), snapshot_of("two")
    assert send(app, DONE, one.done()).status == 200
    reply = send(app, DONE, two.done())
    assert reply.status == 409 and "taken this host's place" in reply.json()["title"]
    assert send(app, BEGIN, three.begin(tokens[2])).status == 403
    with pytest.raises(ConfigurationError, match="no such host"):
        server.invite("web09", replace=True)
    with pytest.raises(ConfigurationError, match="already"):
        server.invite("web01")


def test_whoever_replaces_a_host_lengthens_no_deadline(server: ServerInProcess, app: FleetApp) -> None:
    """R-13: A new key and a rarer schedule: the old one counts until an operator has looked."""
    old = server.join(FleetHost("web01"))
    server.take(old)
    before = server.watch("web01").deadline
    new = newer()
    new.schedules = tuple(replace(one, calendar="*-*-01 02:00:00") for one in new.schedules)
    send(app, BEGIN, new.begin(server.invite("web01", replace=True)))
    send(app, DONE, new.done())
    assert server.watch("web01").deadline == before
    assert wrong(server) == {"web01 longer": True}


def test_a_revoked_host_comes_back_as_another_machine(server: ServerInProcess, app: FleetApp) -> None:
    """Its watches are watched again; the revoked key stays dead."""
    old = server.join(FleetHost("web01"))
    server.take(old)
    revoke(server.state, "web01")
    new = newer()
    assert send(app, BEGIN, new.begin(server.invite("web01", replace=True))).status == 200
    assert send(app, DONE, new.done()).status == 200
    assert server.watch("web01").judgement.state.value == "ok"
    assert send(app, REPORTS, old.report(server.now)).status == 403
