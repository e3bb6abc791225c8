"""Channels of a server in this process that end in sinks."""

from __future__ import annotations

import re

from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, prove_channel, send_test
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import WebSink


class Phones:
    """Channels of a server, each with a sink of its own that remembers what came."""

    def __init__(self, server: ServerInProcess) -> None:
        self.server = server
        self.deliverer = Deliverer(server.state, server.evaluator.leads)
        self.sinks: dict[str, WebSink] = {}

    def add(self, name: str, sink: WebSink, **settings: str) -> None:
        """A proven channel."""
        add_channel(self.server.state, name, "ntfy", {"url": sink.url, **settings})
        send_test(self.server.state, name)
        code = re.search(r"prove \S+ (\d{6})", sink.posted.pop()[1].decode())
        assert code is not None
        prove_channel(self.server.state, name, code[1])
        self.sinks[name] = sink

    def turn(self) -> None:
        """Judge and deliver."""
        self.server.turn()
        self.deliverer.turn()

    def heard(self, name: str) -> list[str]:
        """The titles of what came since the last time."""
        posted, self.sinks[name].posted = self.sinks[name].posted, []
        return [headers["title"] for headers, _ in posted]
