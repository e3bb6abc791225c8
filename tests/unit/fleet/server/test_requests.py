"""Is a host asked once, for a job of its own file alone, and is what became of it known?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import ConfigurationError, Missing, Refused
from strongroom.fleet.host.reporting.requests import APART, RequestBook
from strongroom.fleet.protocol.report import JobRequest, parse_answer
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.requests import ask_host, asked_of
from tests.support.fleet.asgi import ask
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess


class Asked:
    """A host that reports to a server, and heeds what its file allows."""

    def __init__(self, server: ServerInProcess, app: FleetApp, folder: Path) -> None:
        self.server, self.app = server, app
        self.host = server.join(FleetHost("web01"))
        self.book = RequestBook(str(folder))

    def report(self) -> tuple[JobRequest, ...]:
        """What the server asks in its answer."""
        self.host.outcomes = self.book.outcomes()
        reply = ask(self.app.starlette, "/fleet/v1/reports", self.host.report(self.server.now).to_bytes())
        self.book.told()
        return parse_answer(reply.body).requests

    def decide(self, request: JobRequest, *allowed: str) -> str | None:
        """Why the host refuses."""
        return self.book.decide(request, allowed, {"home"}, self.server.now)

    @property
    def state(self) -> tuple[Any, ...]:
        """What the server knows of its request."""
        row = asked_of(self.server.state, "web01")
        return row.wish, row.outcome, row.words


@pytest.fixture
def asked(server: ServerInProcess, tmp_path: Path) -> Iterator[Asked]:
    """Both."""
    app = FleetApp(server.state)
    yield Asked(server, app, tmp_path)
    app.close()


def test_a_request_is_handed_out_and_its_outcome_is_known(asked: Asked) -> None:
    """Until the host says what became of it; done with its words, and not asked any more."""
    ask_host(asked.server.state, "web01", "run", "home")
    assert asked.state == ("run", "waiting", "")
    (request,) = asked.report()
    assert (request.wish, request.source) == ("run", "home")
    assert asked.decide(request, "run") == ""
    assert asked.report() == ()
    assert asked.state == ("run", "taken", "")
    assert asked.decide(request, "run") is None  # a server that asks the same again
    asked.book.done(request.id, "exit code 0")
    asked.report()
    assert asked.state == ("run", "done", "exit code 0")
    assert asked.book.outcomes() == ()


def test_a_host_heeds_its_own_file_alone(asked: Asked) -> None:
    """Nothing by itself; no other source; one an hour, however often a server in wrong hands asks."""
    numbers = iter(range(100))

    def wish(kind: str, source: str = "") -> JobRequest:
        return JobRequest(f"{next(numbers):016x}", kind, source)

    assert "allows no request" in (asked.decide(wish("run", "home")) or "")
    assert "allows no request" in (asked.decide(wish("report"), "run") or "")
    assert "no source" in (asked.decide(wish("run", "../../etc"), "run") or "")
    assert asked.decide(wish("run", "home"), "run") == ""
    refused = [asked.decide(wish("run", "home"), "run") for _ in range(20)]
    assert refused == ["one request an hour"] * 20
    assert len(asked.book.outcomes()) == 8
    asked.server.clock.advance(APART)
    assert asked.decide(wish("run", "home"), "run") == ""


def test_a_refusal_is_told(asked: Asked) -> None:
    """With its reason."""
    ask_host(asked.server.state, "web01", "report", "")
    (request,) = asked.report()
    assert asked.decide(request)
    asked.report()
    assert asked.state == ("report", "refused", "this host's fleet.toml allows no request to report")


def test_an_operator_asks_for_what_there_is_and_not_too_often(asked: Asked) -> None:
    """One an hour, one waiting, for a day at most."""
    state = asked.server.state
    for wish, source in (("run", ""), ("report", "home"), ("restore", "home")):
        with pytest.raises(ConfigurationError):
            ask_host(state, "web01", wish, source)
    for name, source in (("web09", "home"), ("web01", "other")):
        with pytest.raises(Missing):
            ask_host(state, name, "run", source)
    ask_host(state, "web01", "report", "")
    with pytest.raises(Refused):
        ask_host(state, "web01", "report", "")
    asked.server.clock.advance(APART)
    ask_host(state, "web01", "run", "home")
    assert len(asked.report()) == 1
    asked.server.clock.advance(90_000)
    assert asked.report() == ()
