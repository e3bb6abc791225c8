"""Our client keeps what a gateway promised, and holds the gateway to it on its next run."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.receipts.log import promise
from strongroom.receipts.log.note import Verifier
from tests.support import peers
from tests.support.command import STRONGROOM, environment, run
from tests.support.programs import Strongroom
from tests.support.servers.gateways import Gateway
from tests.support.waiting import PATIENCE, until

BROKEN = 72


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway with private repositories."""
    flags = ("--append-only", "--private-repos")
    with Gateway(tmp_path, flags=flags, users={"web01": "pw"}, user="web01") as running:
        yield running


@pytest.fixture
def client(home: Path, gateway: Gateway, source: Path) -> Strongroom:
    """Our client, with a repository at the gateway and one backup in it."""
    program = Strongroom(home)
    program.init(url(gateway))
    program.backup(url(gateway), source)
    return program


def url(gateway: Gateway) -> str:
    """Where the client's repository is."""
    return f"rest:http://web01:pw@{gateway.address}/web01/"


def file_of(client: Strongroom) -> Path:
    """The one file with promises that is in use."""
    (found,) = (path for path in (client.home / "state/promises").iterdir() if not path.suffix)
    return found


def promised(client: Strongroom) -> list[str]:
    """The promises that are kept now. Uploads side by side may add theirs in any order."""
    return sorted(line.partition(" ")[2] for line in file_of(client).read_text().splitlines()[1:])


def rewrite(gateway: Gateway, statement: str) -> None:
    """What a gateway's operator could do to its own log: change the database, and sign everything anew."""
    gateway.stop()
    with sqlite3.connect(gateway.data / ".strongroom/gateway.db") as database:
        database.execute(statement)
        database.execute("UPDATE leaf SET position = NULL, log = NULL")
        database.execute("DELETE FROM tile")
        database.execute("UPDATE log SET assigned = 0, published = 0, checkpoint = NULL, stored = 0, stored_ns = 0")
    shutil.rmtree(gateway.log)
    gateway.start()
    gateway.settle()


def until_adopted(gateway: Gateway) -> None:
    """Wait until the started gateway has adopted a snapshot of no leaf. Before, the promised leaf might still come."""
    there = "SELECT id FROM leaf WHERE kind = 'snapshots' AND position IS NOT NULL"
    until(lambda: gateway.rows(there), gateway.said)
    gateway.settle()


def test_an_honest_gateway_is_believed_quietly(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """Each run keeps its promises, the next one checks them off against the log, and nothing is said."""
    gateway.settle()
    first = promised(client)
    kinds = {promise.check(Verifier.parse(gateway.key), one).kind for one in first}
    assert {"data", "index", "snapshots"} <= kinds <= {"config", "keys", "data", "index", "snapshots"}
    (source / "more").write_bytes(b"more" * 1000)
    done = client.backup(url(gateway), source)
    assert done.err == ""
    assert promised(client)
    assert not set(first) & set(promised(client))
    gateway.settle()
    assert client.on(url(gateway), "check").expect(0).err == ""
    assert promised(client) == []
    known = json.loads(file_of(client).read_text().splitlines()[0])
    assert known["key"] == gateway.key
    assert "web01" in known["location"]
    assert "pw" not in known["location"]


def test_a_promised_snapshot_that_is_not_in_the_log(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """M-2: a gateway that drops a promised leaf is named with the object on the next run, which still saves; that it
    adopts the object at its next start, as one that came past it, does not help it."""
    snapshot = client.snapshots(url(gateway))[0]["id"]
    gateway.settle()
    rewrite(gateway, "DELETE FROM leaf WHERE kind = 'snapshots'")
    until_adopted(gateway)
    (source / "more").write_bytes(b"more" * 1000)
    done = client.on(url(gateway), "backup", source).expect(BROKEN)
    assert f"broke its promise to log snapshots/{snapshot}" in done.err
    assert "strongroom log verify" in done.err
    assert "web01:pw" not in done.err
    assert len(client.snapshots(url(gateway))) == 2
    told = client.on(url(gateway), "backup", source, "--json").expect(BROKEN)
    incident = next(json.loads(line) for line in told.err.splitlines() if '"incident"' in line)
    assert incident["object"] == f"snapshots/{snapshot}"
    client.on(url(gateway), "check").expect(BROKEN)
    file_of(client).unlink()  # a person has looked
    client.backup(url(gateway), source)


def test_a_log_that_was_forked_or_shortened(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """X-3, M-2: a log that no longer continues the head that a client saw is reported, whoever's leaf is missing."""
    gateway.settle()
    client.backup(url(gateway), source)
    gateway.settle()
    client.backup(url(gateway), source)
    rewrite(gateway, "DELETE FROM leaf WHERE kind = 'keys'")  # checked off long ago
    done = client.on(url(gateway), "backup", source).expect(BROKEN)
    assert "contradicts itself" in done.err


def test_another_key_is_an_alarm(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """A gateway whose log has another key than the one that was pinned at first use is reported, and not believed."""
    gateway.settle()
    client.backup(url(gateway), source)
    gateway.stop()
    (gateway.data / ".strongroom/log.key").unlink()
    gateway.start()
    rewrite(gateway, "SELECT 1")
    done = client.on(url(gateway), "backup", source).expect(BROKEN)
    assert "not signed by the key that was pinned at first use" in done.err


def rotate(gateway: Gateway) -> str:
    """Begin a new log, and serve again; the new key as the operator sees it."""
    gateway.stop()
    done = run([STRONGROOM, "gateway", "rotate-log", "--path", gateway.data], env=environment(gateway.folder))
    assert done.code == 0, done.err
    gateway.start()
    return done.out.strip()


def test_a_rotated_log_is_trusted_by_a_person_alone(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """After rotate-log each run alarms and says how to end it; a wrong key changes nothing, the new one ends it."""
    gateway.settle()
    client.backup(url(gateway), source)
    (source / "more").write_bytes(b"more" * 1000)
    client.backup(url(gateway), source)
    gateway.settle()
    old, waiting = gateway.key, promised(client)
    new = rotate(gateway)
    for _ in range(2):
        done = client.on(url(gateway), "backup", source).expect(BROKEN)
        assert "not signed by the key that was pinned" in done.err
        assert f"strongroom log trust KEY --repo rest:http://web01:***@{gateway.address}/web01/" in done.err
        assert new not in done.err
    before = file_of(client).read_bytes()
    for wrong in (old, str(Verifier(Verifier.parse(new).name, 1, bytes(range(32)))), "nonsense"):
        done = client.on(url(gateway), "log", "trust", wrong).expect(1)
        assert "Traceback" not in done.err
        assert file_of(client).read_bytes() == before
    client.on(url(gateway), "check").expect(BROKEN)
    done = client.on(url(gateway), "log", "trust", new).expect(0)
    (aside,) = (path for path in (client.home / "state/promises").iterdir() if path.suffix)
    assert str(aside) in done.out
    assert set(waiting) <= {line.partition(" ")[2] for line in aside.read_text().splitlines()[1:]}
    known = json.loads(file_of(client).read_text().splitlines()[0])
    assert (known["key"], known["earlier"], known["reproaches"]) == (new, [old], [])
    assert not set(waiting) & set(promised(client))  # found in the old log
    (source / "more").write_bytes(b"again" * 1000)
    client.backup(url(gateway), source)
    gateway.settle()
    assert client.on(url(gateway), "check").expect(0).err == ""
    assert promised(client) == []
    again = client.on(url(gateway), "log", "trust", new, "--json").expect(0).json()
    assert (again["changed"], again["put_aside"]) == (False, None)


def test_trust_lets_no_broken_promise_off(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """What the old log should have and lacks stays an alarm under the new key, until a person says it is explained."""
    snapshot = client.snapshots(url(gateway))[0]["id"]
    gateway.settle()
    rewrite(gateway, "DELETE FROM leaf WHERE kind = 'snapshots'")
    until_adopted(gateway)
    new = rotate(gateway)
    client.on(url(gateway), "backup", source).expect(BROKEN)
    gateway.settle()
    done = client.on(url(gateway), "log", "trust", new).expect(BROKEN)
    assert f"broke its promise to log snapshots/{snapshot}: its log passes over it" in done.err
    assert "contradicts itself" not in done.err  # the key is settled
    assert "log trust KEY --explained" in done.err
    assert client.on(url(gateway), "check").expect(BROKEN).err.count("ALARM") == 1
    client.on(url(gateway), "log", "trust", new, "--explained").expect(0)
    assert client.on(url(gateway), "check").expect(0).err == ""


def answers(gateway: Gateway) -> bool:
    """Whether somebody listens at the gateway's port."""
    try:
        gateway.connect().close()
    except OSError:
        return False
    return True


def test_who_shows_no_log_is_not_accused(gateway: Gateway, client: Strongroom, source: Path) -> None:
    """The same folder behind rclone's server is backed up to without a word, and the promises wait."""
    rclone = peers.require("rclone")
    kept = promised(client)
    gateway.stop()
    command = [str(rclone), "serve", "restic", "--addr", gateway.address, "--user", "web01", "--pass", "pw"]
    server = subprocess.Popen([*command, str(gateway.data)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(gateway))
        (source / "more").write_bytes(b"more" * 1000)
        assert client.backup(url(gateway), source).err == ""
    finally:
        server.terminate()
        server.wait(PATIENCE)
    assert promised(client) == kept
    done = client.on(url(gateway), "backup", source, "-o", "rest.retry-for=0")
    assert done.code == 1
    assert "ALARM" not in done.err
