"""M-2, M-5: a server that never ends its answer holds neither a host's backups nor the alarms of a fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.fleet.host.reporting import sending
from strongroom.fleet.host.reporting import server as reporting
from strongroom.fleet.host.reporting.outbox import Outbox
from strongroom.fleet.host.reporting.sending import send_all
from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.fleet.protocol.report import ReportAnswer
from strongroom.fleet.protocol.signed import KeyPair
from strongroom.fleet.server.channels import apprise_child, kinds, mailing
from strongroom.fleet.server.channels.kinds import ChannelMessage, send
from tests.support.clock import ManualClock
from tests.support.servers.drips import endless
from tests.support.servers.sinks import web_sink

MESSAGE = ChannelMessage("late", "late", True, {})
MAIL = {"from": "fleet@example.org", "to": "ops@example.org", "security": "none"}


def test_a_server_that_drips_its_answer_ends_no_reporting_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """M-2, M-3: The run that reports would hang for days, and the next timer would find it under way."""
    monkeypatch.setattr(reporting, "WHOLE_SECONDS", 0.5)
    message = KeyPair(bytes(32)).sign("report", {})
    for first in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n{"):
        with endless(first, b" ") as port, pytest.raises(Unavailable, match="no whole answer"):
            FleetServer(f"http://127.0.0.1:{port}").post("/fleet/v1/reports", message)


def test_a_server_that_answers_slowly_gets_the_rest_later(tmp_path: Path) -> None:
    """M-2: A thousand reports that take half a minute each would keep a host from its next backup for a night."""
    clock, outbox, pair = ManualClock(), Outbox(str(tmp_path)), KeyPair(bytes(32))
    with outbox.alone() as state:
        for _ in range(20):
            outbox.add(state, lambda number, _previous: pair.sign("report", {"number": number}), good=True)

    def slow(_message: object) -> bytes:
        clock.advance(59.0)
        return ReportAnswer(1, 1, (), ()).to_bytes()

    sent = send_all(outbox, slow, clock)
    assert sent.sent == -(-int(sending.LONGEST_SENDING) // 59)
    assert sent.waiting == 20 - sent.sent
    assert "slowly" in sent.trouble
    assert send_all(outbox, slow, clock).sent == sent.sent  # and goes on with them


@pytest.mark.parametrize(("piece", "pause"), [(b"220-x\r\n", 0.05), (b"220-" + b"x" * 8000 + b"\r\n", 0.0)])
def test_a_mail_server_whose_answer_has_no_end_takes_neither_time_nor_memory(
    monkeypatch: pytest.MonkeyPatch, piece: bytes, pause: float
) -> None:
    """M-5: A greeting of endless lines is kept by the library as long as there is room."""
    monkeypatch.setattr(mailing, "_WHOLE_SECONDS", 2.0)
    with endless(b"", piece, pause) as port, pytest.raises(StrongroomError):
        send("mail", MAIL | {"server": f"127.0.0.1:{port}"}, MESSAGE, 0)


def test_a_mail_server_that_drips_its_handshake_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """M-5: Before TLS stands, too."""
    monkeypatch.setattr(mailing, "_WHOLE_SECONDS", 0.5)
    with endless(b"\x16\x03\x03\x40\x00", b"\x02") as port, pytest.raises(Unavailable, match="no whole answer"):
        send("mail", MAIL | {"server": f"127.0.0.1:{port}", "security": "tls"}, MESSAGE, 0)


@pytest.mark.parametrize("kind", ["ntfy", "healthchecks"])
def test_a_web_server_that_says_continue_for_ever_holds_no_channel(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """M-5: Each "continue" is one more answer to wait for; later alarms would wait with it."""
    monkeypatch.setattr(kinds, "_WHOLE_SECONDS", 0.5)
    with endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n") as port, pytest.raises(Unavailable):
        send(kind, {"url": f"http://127.0.0.1:{port}/"}, MESSAGE, 0)


@pytest.mark.parametrize(
    ("piece", "pause", "words"), [(b"x", 0.05, "no whole answer"), (b"x" * 60_000, 0.0, "hand it on")]
)
def test_a_service_of_apprises_whose_answer_has_no_end_holds_no_channel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, piece: bytes, pause: float, words: str
) -> None:
    """M-5: Apprise waits for each byte anew, and keeps all of them."""
    monkeypatch.setattr(apprise_child, "WHOLE_SECONDS", 4.0 if pause else 60.0)
    file = tmp_path / "service"
    with endless(b"HTTP/1.1 200 OK\r\n\r\n", piece, pause) as port:
        file.write_text(f"json://127.0.0.1:{port}/")
        with pytest.raises(Unavailable, match=words):
            send("apprise", {"url_file": str(file)}, MESSAGE, 0)


def test_a_service_of_apprises_leads_to_no_other_place(tmp_path: Path) -> None:
    """M-5: A redirect could lead to what only the server's machine reaches."""
    file = tmp_path / "service"
    with web_sink() as inner:
        answer = f"HTTP/1.1 307 Go on\r\nLocation: {inner.url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        with endless(answer.encode(), b" ") as port:
            file.write_text(f"json://127.0.0.1:{port}/")
            with pytest.raises(Unavailable, match="hand it on"):
                send("apprise", {"url_file": str(file)}, MESSAGE, 0)
        assert not inner.posted
