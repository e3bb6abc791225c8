"""M-5: does each message reach each channel exactly once, whatever fails meanwhile?"""

from __future__ import annotations

import hmac
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.clock import SYSTEM
from strongroom.base.errors import ConfigurationError, Refused, Unavailable
from strongroom.fleet.server.alerting.routing import ChannelTerms, due_at, messages_of, terms_of
from strongroom.fleet.server.certificates import CERTIFICATE, KEY, make_certificate
from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, channel_of, prove_channel, send_test
from strongroom.fleet.server.channels.kinds import ChannelMessage, send
from strongroom.fleet.server.evaluating import Evaluator
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess, moment
from tests.support.servers.sinks import MailSink, WebSink, mail_sink, web_sink


@pytest.fixture
def mail() -> Iterator[tuple[MailSink, str]]:
    """A sink, and where it is."""
    with mail_sink() as found:
        yield found


@pytest.fixture
def web() -> Iterator[WebSink]:
    """A sink."""
    with web_sink() as found:
        yield found


def turn(server: ServerInProcess, deliverer: Deliverer) -> int:
    """Judge, and hand on."""
    server.turn()
    return deliverer.turn()


def prove(server: ServerInProcess, name: str, text: str) -> None:
    """Type the code that stands in a test message."""
    match = re.search(r"prove \S+ (\d{6})", text)
    assert match
    prove_channel(server.state, name, match[1])


def test_a_mail_says_what_is_wrong_once_its_code_was_typed(server: ServerInProcess, mail: tuple[MailSink, str]) -> None:
    """Red until then: nothing but the test goes out. A wrong code burns the right one."""
    sink, place = mail
    settings = {"server": place, "from": "fleet@example.org", "to": "ops@example.org", "security": "none"}
    add_channel(server.state, "ops", "mail", settings)
    deliverer = Deliverer(server.state, server.evaluator.leads)
    server.join(FleetHost("web01"))
    server.until("2027-02-03T16:00")
    assert turn(server, deliverer) == 0 and sink.subjects == []
    send_test(server.state, "ops")
    with pytest.raises(Refused):
        prove_channel(server.state, "ops", "12345")
    with pytest.raises(Refused):
        prove(server, "ops", sink.bodies[-1])
    send_test(server.state, "ops")
    prove(server, "ops", sink.bodies[-1])
    server.join(FleetHost("web02"))
    server.until("2027-02-04T16:00")
    assert turn(server, deliverer) == 3
    said = [one.split(":")[:2] for one in sink.subjects[2:]]
    assert sorted(said) == [
        ["[critical] worse", " web01/home/offsite"],
        ["[warning] opened", " web02/home/offsite"],
        ["[warning] resolved", " channel ops"],
    ]
    assert turn(server, deliverer) == 0


def test_a_webhook_is_signed(server: ServerInProcess, web: WebSink, tmp_path: Path) -> None:
    """HMAC over time and body, with a secret that is in a file and in no database."""
    (tmp_path / "secret").write_text("between us\n")
    add_channel(server.state, "hook", "webhook", {"url": web.url, "secret_file": str(tmp_path / "secret")})
    send_test(server.state, "hook")
    headers, body = web.posted[0]
    stamped = headers["strongroom-time"].encode() + b"." + body
    assert hmac.digest(b"between us", stamped, "sha256").hex() == headers["strongroom-signature"]
    assert json.loads(body)["test"] is True


def test_a_channel_that_fails_is_tried_again_and_said_by_others(
    server: ServerInProcess, web: WebSink, mail: tuple[MailSink, str]
) -> None:
    """M-5: nothing is lost or said twice; after an hour the other channel says that this one carries nothing."""
    sink, place = mail
    settings = {"server": place, "from": "fleet@example.org", "to": "ops@example.org", "security": "none"}
    add_channel(server.state, "ops", "mail", settings)
    add_channel(server.state, "push", "ntfy", {"url": web.url})
    for name in ("ops", "push"):
        send_test(server.state, name)
    prove(server, "ops", sink.bodies[0])
    prove(server, "push", web.posted[0][1].decode())
    deliverer = Deliverer(server.state, server.evaluator.leads)
    server.join(FleetHost("web01"))
    server.until("2027-02-03T16:00")
    web.status = 500
    assert turn(server, deliverer) == 1
    for _ in range(4):
        server.clock.advance(1800)
        turn(server, deliverer)
    assert next(one for one in sink.subjects if "channel push" in one).startswith("[critical] opened")
    web.status = 200
    before = len(web.posted)
    server.clock.advance(3600)
    turn(server, deliverer)
    said = [body.decode() for _, body in web.posted[before:]]
    assert sum("web01/home/offsite" in one for one in said) == 1
    turn(server, deliverer)
    assert channel_of(server.state, "push").trouble == ""
    assert any("resolved" in one and "channel push" in one for one in sink.subjects)


def test_many_messages_are_a_summary(server: ServerInProcess, web: WebSink) -> None:
    """Above ten in ten minutes: nine, and one that names the rest."""
    add_channel(server.state, "push", "ntfy", {"url": web.url})
    send_test(server.state, "push")
    prove(server, "push", web.posted[0][1].decode())
    deliverer = Deliverer(server.state, server.evaluator.leads)
    for number in range(40):
        server.join(FleetHost(f"idle{number}"))
    server.until("2027-02-02T02:10")
    hosts = [FleetHost(f"idle{number}") for number in range(12)]
    for host in hosts:  # clones: each is said for itself, and no outage
        host.sequence, twin = 0, host.copy()
        server.take(host)
        server.take(twin, code=1)
    assert turn(server, deliverer) == 10
    titles = [headers["title"] for headers, _ in web.posted[1:]]
    assert titles[-1] == "[critical] 3 messages about the fleet"
    assert turn(server, deliverer) == 0


def test_all_is_well_is_pinged_while_it_is(server: ServerInProcess, web: WebSink, mail: tuple[MailSink, str]) -> None:
    """Hourly, and never without a proven channel that works: who watches the pings hears of the rest."""
    sink, place = mail
    add_channel(server.state, "outside", "healthchecks", {"url": web.url})
    send_test(server.state, "outside")
    prove(server, "outside", web.posted[0][1].decode())
    deliverer = Deliverer(server.state, server.evaluator.leads)
    turn(server, deliverer)
    assert len(web.posted) == 1
    settings = {"server": place, "from": "fleet@example.org", "to": "ops@example.org", "security": "none"}
    add_channel(server.state, "ops", "mail", settings)
    send_test(server.state, "ops")
    prove(server, "ops", sink.bodies[0])
    for _ in range(13):
        turn(server, deliverer)
        server.clock.advance(600)
    assert len(web.posted) == 1 + 3


def test_quiet_hours_keep_warnings_until_the_morning() -> None:
    """Also over midnight and when the clock changes; what is critical never waits."""
    terms = terms_of({"quiet": "22:00-07:00", "zone": "Europe/Berlin"})
    assert due_at(terms, False, moment("2027-02-01T21:59")) == moment("2027-02-01T21:59")
    assert due_at(terms, False, moment("2027-02-01T22:00")) == moment("2027-02-02T07:00")
    assert due_at(terms, False, moment("2027-03-28T01:00")) == moment("2027-03-28T07:00")
    assert due_at(terms, True, moment("2027-02-01T23:00")) == moment("2027-02-01T23:00")
    assert due_at(ChannelTerms(), False, 5) == 5
    for wrong in ({"quiet": "22-7"}, {"zone": "Mars"}):
        with pytest.raises(ConfigurationError):
            terms_of(wrong)


def test_no_channel_says_more_than_ten_in_ten_minutes() -> None:
    """One by one while there is room, then a summary, then silence until there is room again."""
    assert messages_of(10, 0) == (10, False)
    assert messages_of(300, 0) == (9, True)
    assert messages_of(5, 8) == (1, True)
    assert messages_of(5, 10) == (0, False)


def test_what_cannot_be_a_channel_is_refused(server: ServerInProcess, web: WebSink) -> None:
    """With what is missing or unknown; and one that answers with an error is not proven."""
    for kind, settings in (
        ("mail", {"server": "x"}),
        ("ntfy", {"url": "ftp://x"}),
        ("ntfy", {"url": web.url, "a": "b"}),
    ):
        with pytest.raises(ConfigurationError):
            add_channel(server.state, "one", kind, settings)
    add_channel(server.state, "one", "ntfy", {"url": web.url})
    web.status = 403
    with pytest.raises(Unavailable, match="403"):
        send_test(server.state, "one")


def test_a_ping_that_failed_is_made_again_soon(
    server: ServerInProcess, web: WebSink, mail: tuple[MailSink, str]
) -> None:
    """Who watches the pings must not be alarmed by a minute in which the outside could not be reached."""
    sink, place = mail
    settings = {"server": place, "from": "fleet@example.org", "to": "ops@example.org", "security": "none"}
    for name, kind, chosen in (("outside", "healthchecks", {"url": web.url}), ("ops", "mail", settings)):
        add_channel(server.state, name, kind, chosen)
        send_test(server.state, name)
        prove(server, name, web.posted[0][1].decode() if kind == "healthchecks" else sink.bodies[0])
    deliverer = Deliverer(server.state, server.evaluator.leads)
    web.status = 500
    turn(server, deliverer)
    web.status = 200
    server.clock.advance(120)
    turn(server, deliverer)
    assert len(web.posted) == 1 + 2


def test_what_no_header_can_hold_is_said_all_the_same(server: ServerInProcess, mail: tuple[MailSink, str]) -> None:
    """Words with a line feed reach people; and an address that cannot be is a channel that fails, not a fault."""
    sink, place = mail
    settings = {"server": place, "from": "fleet@example.org", "to": "ops@example.org", "security": "none"}
    send("mail", settings, ChannelMessage("two\nlines", "x", False, {}), server.now)
    assert sink.subjects == ["two\\x0alines"]
    with pytest.raises(Unavailable):
        send("ntfy", {"url": "http://127.0.0.1:1/\udcff"}, ChannelMessage("x", "x", False, {}), server.now)


@pytest.mark.parametrize(("security", "option"), [("tls", "ssl_context"), ("starttls", "tls_context")])
def test_a_mail_goes_over_tls_and_to_nobody_else(tmp_path: Path, security: str, option: str) -> None:
    """From the first byte or by STARTTLS; a certificate that nobody vouches for hears nothing."""
    make_certificate(str(tmp_path), "127.0.0.1", SYSTEM)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / CERTIFICATE, tmp_path / KEY)
    with mail_sink(**{option: context}) as (sink, place):
        settings = {"server": place, "from": "fleet@example.org", "to": "ops@example.org", "security": security}
        send("mail", settings | {"cacert": str(tmp_path / CERTIFICATE)}, ChannelMessage("late", "x", True, {}), 0)
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            send("mail", settings, ChannelMessage("secret", "x", True, {}), 0)
    assert sink.subjects == ["late"]


def test_a_lease_of_a_clock_that_was_wrong_stops_nobody(server: ServerInProcess) -> None:
    """A process that was killed while the clock ran years ahead must not keep the next one from judging till then."""
    server.clock.advance(4 * 365 * 86400)
    assert server.evaluator.turn() is not None
    server.clock.advance(-4 * 365 * 86400)
    assert Evaluator(server.state).turn() is not None


def test_a_clock_that_was_years_ahead_silences_no_channel(server: ServerInProcess, web: WebSink) -> None:
    """What was to be tried again in a minute of that time is not kept back until it comes."""
    add_channel(server.state, "phone", "ntfy", {"url": web.url})
    send_test(server.state, "phone")
    prove(server, "phone", web.posted[0][1].decode())
    deliverer = Deliverer(server.state, server.evaluator.leads)
    server.clock.advance(4 * 365 * 86400)
    host = server.join(FleetHost("web01"))
    for one in (host.copy(), host):
        server.take(one)
        server.clock.advance(1)
    web.status = 500
    assert turn(server, deliverer) == 0
    web.status = 200
    server.clock.advance(-4 * 365 * 86400)
    assert turn(server, deliverer) == 1
