"""The commands of the guides for fleets, run one after the other as somebody would who types them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
from typing import TYPE_CHECKING

from tests.end_to_end.pages.reader import Reader, blocks_of
from tests.support.servers import ports
from tests.support.servers.sinks import mail_sink
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Operator(Reader):
    """A reader with both machines of the guides in one, and ports that nobody else has."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gateway, self.server, self.again = (ports.free_port() for _ in range(3))
        self.env |= {
            "STRONGROOM_FLEET_STATE": str(self.home / "fleet"),
            "STRONGROOM_CONFIG": str(self.home / "etc" / "config.toml"),
        }

    def script(self, text: str) -> list[str]:
        """The same, with our ports."""
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.gateway}")
        return super().script(text.replace("127.0.0.1:8040", f"127.0.0.1:{self.server}"))

    @contextlib.contextmanager
    def serving(self, text: str, port: int) -> Iterator[None]:
        """A server's line, running until the end."""
        server = subprocess.Popen(self.script("exec " + text), env=self.env, cwd=self.home, stderr=subprocess.DEVNULL)

        def listens() -> bool:
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", port)) == 0

        try:
            until(lambda: server.poll() is not None or listens())
            assert server.poll() is None
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE)


def test_one_host_in_five_minutes_and_a_server_that_was_taken_over(tmp_path: Path) -> None:
    """The host is watched and restores; with the old server's token ended it goes on, and joins a new server."""
    operator = Operator(tmp_path)
    blocks, after = dict(blocks_of("one-host")), dict(blocks_of("taken-over-server"))
    operator.type(blocks["vault"])
    with operator.serving(blocks["gateway"], operator.gateway):
        with operator.serving(blocks["server"], operator.server):
            operator.type(blocks["invite"])
            assert "is refused, as it must be" in operator.type(blocks["host"])
            operator.type(blocks["look"])
            restored = operator.folder / "tmp" / "restored" / str(operator.home).lstrip("/") / "Documents/letter.txt"
            assert restored.read_text() == "Dear Bob\n"
            assert "no alerts are open" in operator.type(blocks["status"])

        assert "fleet" in operator.type(after["gateway"])
        token = operator.type(after["rotate"]).split()[-1]
        file = operator.home / "etc" / "config.toml"
        old = file.read_text().partition("http://web01:")[2].partition("@")[0]
        file.write_text(file.read_text().replace(old, token))
        operator.server = operator.again
        operator.env["STRONGROOM_FLEET_STATE"] = str(operator.home / "fleet-anew")
        *begin, serve = after["anew"].strip().splitlines()
        operator.type(*begin)
        with operator.serving(serve, operator.server):
            assert "is refused, as it must be" in operator.type(after["host"])
            (watch,) = json.loads(operator.type("strongroom fleet status --json"))["watches"]
            assert (watch["host"], watch["repository"], watch["state"]) == ("web01", "offsite", "ok")
            assert len(json.loads(operator.type("strongroom snapshots --json"))) == 2


def test_a_hundred_hosts(tmp_path: Path) -> None:
    """One token for many, a file that was there before, channels, a pause, and leaving, as the guide says."""
    operator = Operator(tmp_path)
    first, blocks = dict(blocks_of("one-host")), dict(blocks_of("hundred-hosts"))
    operator.type(first["vault"])
    operator.env["STRONGROOM_CONFIG"] = str(tmp_path / "etc" / "strongroom" / "config.toml")
    with (
        operator.serving(first["gateway"], operator.gateway),
        operator.serving(first["server"], operator.server),
        mail_sink() as (mail, address),
    ):
        operator.type(blocks["invite"], blocks["file"], blocks["join"])
        assert "web01: production shop" in operator.type(blocks["tag"])
        operator.type(blocks["channels"].replace("127.0.0.1:2525", address))
        code = re.search(r"prove ops ([0-9]{6})", mail.bodies[0])
        assert code is not None
        operator.type(f"strongroom fleet channels prove ops {code[1]}")
        assert operator.type(blocks["pause"]).count("paused") >= 3
        watches = json.loads(operator.type("strongroom fleet status --json"))["watches"]
        assert [(one["source"], one["repository"]) for one in watches] == [("shop", "offsite"), ("web", "offsite")]
        operator.type(blocks["leave"])
        ended = operator.type("strongroom host report || true")
        assert "revoked" in ended or "let in no more" in ended or "not of this fleet" in ended, ended
