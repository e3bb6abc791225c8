"""Is a backup that a host has just reported good at once, though its gateway's log is read each half minute alone?"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from strongroom.fleet.protocol.enrolment import EnrolDone, EnrolledRepository
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.server.following import follower
from strongroom.fleet.server.following.follower import FollowedGateway, LogFollower
from strongroom.fleet.server.judging.states import WatchState
from strongroom.receipts.log import tiles
from tests.support.fleet.gateway import LoggingGateway
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.waiting import until


def serving(gateway: LoggingGateway, asked: list[str]) -> ThreadingHTTPServer:
    """The pages of a gateway that an auditor reads, of a log with less than a tile; ``asked``: their paths."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path.endswith("/log/checkpoint"):
                found = gateway.head()
            elif f"/log/tile/{tiles.ENTRIES}/" in self.path:
                found = tiles.bundle(gateway.entries(0, len(gateway.leaves)))
            elif self.path.endswith("/v1/names"):
                found = json.dumps(
                    {"repositories": gateway.called.repositories, "principals": gateway.called.principals}
                ).encode()
            else:
                found = None
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_words: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Pages)


class Near(FleetHost):
    """A host that joined with a repository at this gateway."""

    url = ""

    def done(self) -> SignedMessage:
        """What it made, as `host enrol` says it."""
        made = EnrolledRepository("offsite", f"rest:{self.url}/hosts/{self.name}/", self.repository_id, (), "")
        return EnrolDone(self.pair.id, (made,), self.schedules).signed(self.pair)


def test_a_claim_has_its_gateways_log_read_soon(server: ServerInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look is ten minutes away here, and a receipt that came since the last one counts all the same."""
    monkeypatch.setattr(follower, "EVERY", 600.0)
    monkeypatch.setattr(follower, "PROMPT", 0.05)
    gateway, asked = LoggingGateway(server), list[str]()
    pages = serving(gateway, asked)
    url = f"http://127.0.0.1:{pages.server_address[1]}"
    host = Near("web01")
    host.url = url
    server.join(host)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    followed = LogFollower(server.state, [FollowedGateway("offsite", url, gateway.followed.key)], leads=lambda: True)
    try:
        followed.start()
        until(lambda: any(path.endswith("/v1/quotas") for path in asked))  # the last question of a look
        server.clock.advance(5)
        gateway.receive("web01", "hosts/web01", "config", "cd" * 32)
        server.take(host, snapshot=gateway.snapshot("web01", "hosts/web01"))
        until(lambda: server.watch("web01").judgement.state is WatchState.OK)
    finally:
        pages.shutdown()
        pages.server_close()
        followed.close()
