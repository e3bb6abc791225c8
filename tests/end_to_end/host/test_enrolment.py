"""`strongroom host enrol`: from a token to a host that backs itself up and reports, whenever it is ended on the way."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from strongroom.base.record import replace
from strongroom.fleet.protocol.fingerprint_words import words_of
from strongroom.fleet.protocol.token import InvitationToken, parse_token
from strongroom.repository.opening import open_repository
from strongroom.storage.locate import open_store
from tests.support.programs import Strongroom
from tests.support.servers import fleets
from tests.support.servers.gateway_inside import operate
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command import Result
    from tests.support.servers.fleets import Fleet

DYING = """
import os, sys
from strongroom.base.objects import Kind
from strongroom.cli.host import enrol
from strongroom.cli.main import main
from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.repository import keyring
from strongroom.storage.rest.store import RestStore

keyring.store_key.__kwdefaults__["scrypt"] = (1024, 8, 1)
marks = sys.argv.pop(1)

def die_once_after(holder, name, step):
    real = getattr(holder, name)
    def dying(*given, **named):
        found = real(*given, **named)
        mark = os.path.join(marks, step(*given).replace("/", "_"))
        if not os.path.exists(mark):
            open(mark, "w").close()
            os._exit(86)
        return found
    setattr(holder, name, dying)

if marks:
    die_once_after(FleetServer, "post", lambda _self, path, *_: path)
    die_once_after(RestStore, "create", lambda _self, name, *_: f"create-{name.kind.value}-{given(name)}")
    die_once_after(GatewayLog, "seal", lambda *_: "sealed")
    die_once_after(enrol, "replace_file", lambda path, *_: "wrote-" + os.path.basename(path))

keys = {}
def given(name):
    return len(keys.setdefault(name.kind, {}).setdefault(name.name, "")) if name.kind is not Kind.KEY else "key"

sys.exit(main())
"""


class Host:
    """A machine that is to join."""

    def __init__(self, folder: Path, fleet: Fleet, name: str, *, replace: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        self.fleet, self.name = fleet, name
        self.program = Strongroom(folder / "home")
        self.program.env["STRONGROOM_CONFIG"] = str(folder / "etc" / "config.toml")
        self.etc = folder / "etc"
        self.marks = folder / "marks"
        self.marks.mkdir()
        (folder / "src").mkdir()
        (folder / "src" / "a").write_text("text")
        self.token = folder / "token"
        self.token.write_text(fleet.invite(name, replace=replace))
        self.words = ["host", "enrol", "--token-file", str(self.token), "--name", name, "--custodian", fleet.words,
                      "--path", str(folder / "src")]  # fmt: skip

    def enrol(self, *, dying: bool = False) -> subprocess.CompletedProcess[bytes]:
        """Run the command; ``dying``: killed after the next step that was not yet reached."""
        return subprocess.run(
            [sys.executable, "-c", DYING, str(self.marks) if dying else "", *self.words],
            env=self.program.env, capture_output=True, check=False, timeout=300,
        )  # fmt: skip

    def run(self, *words: str) -> Result:
        return self.program.run(*words)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A server and a gateway."""
    with fleets.running(tmp_path_factory.mktemp("fleet")) as found:
        yield found


def test_killed_after_each_step_the_same_command_goes_on(tmp_path: Path, fleet: Fleet) -> None:
    """At the end there is one host, one repository with two keys, one of which the custodian alone opens, a backup."""
    host = Host(tmp_path, fleet, "web01")
    deaths = 0
    while (ended := host.enrol(dying=True)).returncode == 86:
        deaths += 1
        assert deaths < 20
    assert ended.returncode == 0, ended.stderr.decode() + ended.stdout.decode()
    assert deaths == len(list(host.marks.iterdir())) >= 6
    assert (
        b"a delete    is refused" in ended.stdout.replace(b"  ", b" ") or b"is refused, as it must be" in ended.stdout
    )
    place = fleet.gateway.data / "hosts" / "web01"
    assert len(list((place / "keys").iterdir())) == 2
    (sealed,) = (place / ".strongroom" / "sealed").iterdir()
    password = fleet.custodian.unseal(sealed.read_bytes(), "the custody key")
    with_custody = open_repository(open_store(str(place)), password, key_hint=sealed.name)
    assert len(list(with_custody.snapshots())) >= 1
    with_custody.close()
    (watch,) = [one for one in fleet.watches() if one["host"] == "web01"]
    assert watch["state"] == "ok"
    kept = (host.program.home / "state" / "fleet" / "joining.json").read_text()
    assert password.decode() not in kept
    assert "srg1_" not in kept


def test_a_reinstalled_host_goes_on_with_its_repository(tmp_path: Path, fleet: Fleet) -> None:
    """M-2, M-3: Only the gateway's operator gives its name to another key, whenever the machine is killed on its way.

    One watch and one repository then; the old machine is told, at the server as at the gateway.
    """
    old = Host(tmp_path / "old", fleet, "web05")
    assert old.enrol().returncode == 0
    new = Host(tmp_path / "new", fleet, "web05", replace=True)
    new.words += ["--no-backup", "--keep", str(old.program.home / "state" / "fleet" / "password")]
    refused = new.enrol()
    assert refused.returncode == 1 and b"belongs to another key" in refused.stderr, refused.stderr.decode()
    assert old.run("host", "diagnose").code == 1  # its place is about to be taken, it says
    words = re.search(rb"readmit web05 --key (\S+)", refused.stderr)
    assert words is not None
    operate(fleet.gateway, "principal", "readmit", "web05", "--key", words[1].decode())
    while (ended := new.enrol(dying=True)).returncode == 86:
        assert len(list(new.marks.iterdir())) < 20
    assert ended.returncode == 0, ended.stderr.decode() + ended.stdout.decode()
    place = fleet.gateway.data / "hosts"
    assert len(list((place / "web05" / "keys").iterdir())) == 2
    assert not (place / "web05.2").exists()
    assert len(new.run("snapshots", "--json").json()) == 1
    told = old.run("host", "report")
    assert told.code == 1 and "another machine has taken this host's place" in told.err
    until(lambda: old.run("snapshots").code != 0)
    (watch,) = [one for one in fleet.watches() if one["host"] == "web05"]
    assert watch["state"] == "suspicious"  # since the old one is not off


def test_no_backup_waits_for_a_server_that_is_away(tmp_path: Path, fleet: Fleet) -> None:
    """The run is as good as ever, its report waits; when the server is back all come, in one chain."""
    host = Host(tmp_path, fleet, "web02")
    joined = host.enrol()
    assert joined.returncode == 0, joined.stderr.decode()
    fleet.stop()
    ended = host.run("schedule", "run", "system").expect(0)
    assert "2 reports wait for the server" in ended.out  # that it began, and how it ended
    assert host.run("host", "status", "--json").json()["waiting"] == 2
    assert host.run("host", "diagnose").code == 1
    fleet.start()
    host.run("host", "diagnose").expect(0)
    member = host.etc / "fleet.toml"
    member.write_text(member.read_text() + 'requests = ["run"]\n')
    fleet.run("fleet", "ask", "web02", "run", "system", "--state", str(fleet.folder / "fleet"))
    assert "the server asks: run system; it is done" in host.run("host", "report").expect(0).err
    assert len(host.run("snapshots", "--json").json()) == 3
    host.run("host", "report").expect(0)
    answer = fleet.run("fleet", "ask", "web02", "--state", str(fleet.folder / "fleet")).out
    assert answer.rstrip().endswith(": done: exit code 0")
    status = host.run("host", "status", "--json").json()
    assert (status["waiting"], status["trouble"]) == (0, "")
    (watch,) = [one for one in fleet.watches() if one["host"] == "web02"]
    assert watch["state"] == "ok"


def test_a_token_of_somebody_between_is_refused(tmp_path: Path, fleet: Fleet) -> None:
    """M-2, M-3: Another custodian's card, or a server with another certificate: nothing is made or sent."""
    host = Host(tmp_path, fleet, "web03")
    words, host.words = host.words, [one.replace(fleet.words, words_of("ab" * 16)) for one in host.words]
    ended = host.enrol()
    assert ended.returncode == 1
    assert b"another custodian than --custodian says" in ended.stderr
    assert not host.etc.exists()
    host.words = words
    token = parse_token(host.token.read_text())
    turned = InvitationToken(token.card, replace(token.ticket, pin="ab" * 32))
    host.token.write_text(turned.to_text())
    ended = host.enrol()
    assert ended.returncode == 1
    assert b"another certificate than the one that the token named" in ended.stderr
    assert not host.etc.exists()
    at = host.words.index("--custodian")
    host.words = host.words[:at] + host.words[at + 2 :]
    ended = host.enrol()  # refused all the same; but whoever compares nothing is told what there is to compare
    assert ended.returncode == 1
    assert f"the custodian {fleet.words}".encode() in ended.stderr


def test_only_a_gateway_that_refuses_is_told_of_a_key(tmp_path: Path, fleet: Fleet) -> None:
    """A name that is taken in the fleet is not had by a word at the gateway; the hint says what it is had by."""
    host = Host(tmp_path / "one", fleet, "web09")
    assert host.enrol().returncode == 0
    other = Host(tmp_path / "two", fleet, "web*")
    other.words[other.words.index("--name") + 1] = "web09"
    refused = other.enrol()
    assert refused.returncode == 1
    assert b"fleet invite web09 --replace" in refused.stderr
    assert b"readmit" not in refused.stderr
