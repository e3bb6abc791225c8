"""M-5: who is told what, when: others after four hours, a digest in the morning, the numbers of a week, one outage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.fleet.server.alerting.book import acknowledge
from strongroom.fleet.server.alerting.machine import DAY, HOUR, Alerts, Wrong, step
from strongroom.fleet.server.alerting.routing import weekly_after
from strongroom.fleet.server.alerting.tagging import tag_host
from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, channel_of, send_test
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.phones import Phones
from tests.support.fleet.server import ServerInProcess, moment
from tests.support.servers.sinks import WebSink, web_sink


@pytest.fixture
def phones(server: ServerInProcess) -> Phones:
    """None yet."""
    return Phones(server)


@pytest.fixture
def sinks() -> Iterator[tuple[WebSink, WebSink]]:
    """Two."""
    with web_sink() as first, web_sink() as second:
        yield first, second


def test_a_channel_by_tags_carries_what_hosts_with_one_of_them_have(
    server: ServerInProcess, phones: Phones, sinks: tuple[WebSink, WebSink]
) -> None:
    """And what concerns no single host; another host's alert goes to the channel for all alone."""
    for name in ("web01", "db01"):
        server.take(server.join(FleetHost(name)))
    tag_host(server.state, "db01", ["stock"], [])
    phones.add("stock", sinks[0], tags="shop,stock")
    phones.add("all", sinks[1])
    server.clock.advance(3 * DAY)
    phones.turn()
    assert len(phones.heard("all")) == 2
    (heard,) = phones.heard("stock")
    assert "db01" in heard
    with pytest.raises(ConfigurationError, match="cannot be a tag"):
        add_channel(server.state, "wrong", "ntfy", {"url": "http://127.0.0.1/x", "tags": "Not A Tag"})


def test_what_nobody_acknowledges_is_said_once_more_after_four_hours() -> None:
    """Once for each time that it opened or became worse; never of what was acknowledged or is over."""
    late = Wrong("web01/home/offsite", "late", "web01", False, "late")
    alerts, heard = Alerts(), []
    for now in range(0, 2 * DAY, HOUR):
        alerts, notices = step(alerts, [late] if now < DAY else [], 100, now)
        heard += [(now // HOUR, one.said.value, one.alert.escalated) for one in notices]
    assert heard == [(0, "opened", False), (4, "unacknowledged", True), (24, "resolved", True)]


def test_the_next_channel_hears_what_nobody_acknowledged(
    server: ServerInProcess, phones: Phones, sinks: tuple[WebSink, WebSink]
) -> None:
    """And what becomes of it; not what somebody acknowledged in time. The first channel is not told again."""
    phones.add("ops", sinks[0])
    phones.add("boss", sinks[1], when="unacknowledged")
    for name in ("web01", "web02"):
        server.join(FleetHost(name))
    server.until("2027-02-03T16:00")
    phones.turn()
    assert (len(phones.heard("ops")), phones.heard("boss")) == (2, [])
    with server.state.database.write() as connection:
        acknowledge(connection, "web02/home/offsite")
    server.clock.advance(4 * HOUR)
    phones.turn()
    assert phones.heard("ops") == []
    (title,) = phones.heard("boss")
    assert title.startswith("[warning] unacknowledged: web01/home/offsite")
    for name in ("web01", "web02"):
        host = FleetHost(name)
        host.sequence = 0
        server.take(host)
    phones.turn()
    assert [len(phones.heard(name)) for name in ("ops", "boss")] == [2, 1]


def test_quiet_hours_end_with_one_message(
    server: ServerInProcess, phones: Phones, sinks: tuple[WebSink, WebSink]
) -> None:
    """Fifteen warnings of a night are one digest at seven, also after a failure; what is critical does not wait."""
    phones.add("ops", sinks[0], quiet="22:00-07:00", zone="Europe/Berlin")
    for number in range(15):
        server.join(FleetHost(f"web{number:02}"))
    server.until("2027-02-01T23:00")
    hosts = [FleetHost(f"web{number:02}") for number in range(15)]
    for number, host in enumerate(hosts):
        host.sequence = 0
        server.clock.advance(1200)
        server.take(host, code=1)
        phones.turn()
        assert phones.heard("ops") == [], number
    twin = hosts[0].copy()
    twin.sequence -= 1
    server.take(twin)
    phones.turn()
    (title,) = phones.heard("ops")
    assert title.startswith("[critical] opened: web00")
    server.until("2027-02-02T07:00")
    sinks[0].status = 500
    phones.turn()
    sinks[0].status, sinks[0].posted = 200, []
    server.clock.advance(60)
    phones.turn()
    posted = sinks[0].posted
    assert phones.heard("ops") == [f"[warning] {len(posted[0][1].decode().splitlines())} messages of the quiet hours"]
    assert all(f"web{number:02}/home/offsite" in posted[0][1].decode() for number in range(1, 15))
    phones.turn()
    assert phones.heard("ops") == []


def test_each_monday_the_numbers_come_once(
    server: ServerInProcess, phones: Phones, sinks: tuple[WebSink, WebSink]
) -> None:
    """At eight of the channel's clock, also after a restart and a failure; never to a channel that wants none."""
    phones.add("ops", sinks[0], weekly="yes", zone="Europe/Berlin")
    phones.add("phone", sinks[1])
    host = server.join(FleetHost("web01"))
    server.until("2027-02-08T07:59")
    server.take(host)
    phones.turn()
    phones.heard("ops")
    server.until("2027-02-08T08:00")
    sinks[0].status = 500
    phones.turn()
    sinks[0].status, sinks[0].posted = 200, []
    for _ in range(3):
        phones.deliverer = Deliverer(server.state, server.evaluator.leads)
        server.clock.advance(61)
        phones.turn()
    ((headers, body),) = sinks[0].posted
    assert headers["title"] == "Strongroom: the week until 2027-02-08: 1 of 1 backups are good"
    assert re.search(r"^backed up this week: +1 of 1$", body.decode(), re.MULTILINE)
    assert not any("week" in title for title in phones.heard("phone"))
    assert weekly_after(server.now, "Europe/Berlin") == moment("2027-02-15T08:00")
    assert weekly_after(moment("2027-03-26T12:00"), "Europe/Berlin") == moment("2027-03-29T08:00")


def test_an_outage_of_300_hosts_is_counted(
    server: ServerInProcess, phones: Phones, sinks: tuple[WebSink, WebSink]
) -> None:
    """M-5: 300 hosts fail at once: one message, one to the next channel after four hours, one when the last is back."""
    phones.add("ops", sinks[0])
    phones.add("boss", sinks[1], when="unacknowledged")
    hosts = [server.join(FleetHost(f"host{number:03}")) for number in range(300)]
    for host in hosts:
        server.take(host, code=1)
    twin = hosts[7].copy()
    twin.sequence -= 1
    server.take(twin, code=2)
    for _ in range(3):
        phones.turn()
        server.clock.advance(600)
    heard = phones.heard("ops")
    assert sorted(title.split(":")[1].strip() for title in heard) == ["host007", "outage"]
    assert any(title == "[critical] opened: outage: 300 of 300 hosts" for title in heard)
    server.clock.advance(4 * HOUR)
    phones.turn()
    assert (phones.heard("ops"), len(phones.heard("boss"))) == ([], 2)
    for host in hosts[8:]:
        server.take(host)
    phones.turn()
    assert phones.heard("ops") == []
    for host in hosts[:8]:
        server.take(host)
    phones.turn()
    assert phones.heard("ops") == ["[critical] resolved: outage: 8 of 300 hosts"]
    assert phones.heard("boss") == ["[critical] resolved: outage: 8 of 300 hosts"]


def test_apprise_carries_to_what_it_knows(
    server: ServerInProcess, sinks: tuple[WebSink, WebSink], tmp_path: Path
) -> None:
    """By a URL in a file, of which nothing reaches settings, errors or lists; a service that refuses is a trouble."""
    web = sinks[0]
    file = tmp_path / "service"
    file.write_text(web.url.replace("http://", "json://user:hunter2@") + "\n")
    add_channel(server.state, "chat", "apprise", {"url_file": str(file)})
    send_test(server.state, "chat")
    assert b"fleet channels prove chat" in web.posted[0][1]
    assert "hunter2" not in channel_of(server.state, "chat").settings
    web.status = 500
    with pytest.raises(Unavailable) as failed:
        send_test(server.state, "chat")
    assert "hunter2" not in str(failed.value)
    file.write_text("nothing://hunter2\n")
    with pytest.raises(ConfigurationError) as refused:
        add_channel(server.state, "other", "apprise", {"url_file": str(file)})
    assert "hunter2" not in str(refused.value) + str(refused.value.hint)
