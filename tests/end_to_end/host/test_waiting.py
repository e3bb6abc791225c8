"""`strongroom host enrol` where the token has let in as many as it may: the host waits for an operator's word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.fleet.protocol.token import parse_token
from tests.end_to_end.host.test_enrolment import DYING, Host
from tests.support.fleet.hosts import FleetHost
from tests.support.servers.fleets import Fleet, running
from tests.support.waiting import PATIENCE, until


class Waiting:
    """The command on a host, as it waits."""

    def __init__(self, host: Host, said: Path) -> None:
        self._said = said
        with said.open("wb") as errors:
            words = [sys.executable, "-c", DYING, "", *host.words, "--no-backup"]
            self.process = subprocess.Popen(words, env=host.program.env, stdout=errors, stderr=errors)
        until(lambda: "waiting for that" in self.said, lambda: self.said)

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._said.read_text()


def _filled(fleet: Fleet) -> str:
    """A token for two hosts, that two others have joined by."""
    text = fleet.invite("app*", "--uses", "2")
    token = parse_token(text)
    for name in ("app01", "app02"):
        FleetServer(token.ticket.url, token.ticket.pin).post("/fleet/v1/enrol/begin", FleetHost(name).begin(token))
    return text


def test_a_host_waits_and_goes_on_by_itself(tmp_path: Path) -> None:
    """It shows its key and what to type; killed and begun again it is the same key, and a second one beside it is
    refused; a no ends it with a word."""
    with running(tmp_path) as fleet:
        state = "--state", str(fleet.folder / "fleet")
        host = Host(tmp_path / "one", fleet, "app03")
        host.token.write_text(_filled(fleet))
        first = Waiting(host, tmp_path / "first")
        first.process.kill()
        first.process.wait(PATIENCE)
        assert fleet.watches() == []
        second = Waiting(host, tmp_path / "second")
        twice = host.enrol()
        assert twice.returncode == 1 and b"this command runs already on this host" in twice.stderr
        keys = [re.search(r"fleet approve app03 --key (\S+)", one.said) for one in (first, second)]
        assert keys[0] is not None and keys[1] is not None and keys[0][1] == keys[1][1]
        (row,) = fleet.run("fleet", "pending", *state, "--json").json()
        assert (row["name"], row["key"], row["network"]) == ("app03", keys[0][1], "127.0.0.1")
        assert keys[0][1] in fleet.run("fleet", "pending", *state).out
        fleet.stop()  # which loses nobody his place
        fleet.start()
        assert "app03 is let in" in fleet.run("fleet", "approve", "app03", "--key", keys[0][1], *state).out
        assert second.process.wait(PATIENCE) == 0, second.said
        assert [one["host"] for one in fleet.watches()] == ["app03"]
        assert "no host waits" in fleet.run("fleet", "pending", *state).out
        other = Host(tmp_path / "two", fleet, "app04")
        other.token.write_text(host.token.read_text())
        third = Waiting(other, tmp_path / "third")
        assert "1 host is denied" in fleet.run("fleet", "deny", "app04", *state).out
        assert third.process.wait(PATIENCE) == 1
        assert "an operator has denied this host" in third.said and "Traceback" not in third.said
