"""X-3, A-9, K-4: a repository behind a gateway on a disk, cared for by its URL alone, by the role custodian."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.base.errors import Refused, Unsupported
from strongroom.custody.evidence.outside import Outside
from strongroom.custody.evidence.pinning import LogPins, pin_log
from strongroom.custody.executor.contract import Went
from strongroom.custody.handover.by_word import set_aside
from strongroom.storage.contract import Store
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest import rest_files
from tests.attack.custody.test_copied_back import keep, put_back, records
from tests.support.clock import ManualClock
from tests.support.custody.in_process import BOOT, DAY, Custody, Host
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}
OPTIONS = StoreOptions(retry_for=0)


@dataclass
class CustodyByUrl(Custody):
    """The custodian of a repository at a gateway, which it sees by its URL alone."""

    url_there: str = ""
    token: str = ""
    refused: list[str] = field(default_factory=list)

    def store(self) -> Store:
        return open_store(self.url_there, OPTIONS)

    @property
    def url(self) -> str:
        return self.url_there

    def settle(self) -> None:
        """Nobody but the gateway touches its files."""

    def outside(self) -> Outside:
        return Outside(OPTIONS, boot=lambda: (BOOT, int(self.clock.monotonic() * 1e9)))


@dataclass
class Behind:
    """A gateway, a host that stores through it, and its custodian."""

    gateway: Gateway
    host: Host
    custody: CustodyByUrl
    token: str
    sent: set[Path]

    def backup(self) -> str:
        """A backup goes through the gateway."""
        name = self.host.backup()
        send(self.gateway, self.host, self.token, self.sent)
        return name

    def day(self) -> list[Went]:
        """A day with a backup, a round, and what is due."""
        self.custody.clock.advance(DAY)
        self.backup()
        self.custody.round()  # the gateway's clock is today's, and nobody moves it
        found: list[Went] = self.custody.hand_over().plans
        return found


def send(gateway: Gateway, host: Host, token: str, sent: set[Path]) -> None:
    """Store through the gateway what a host has and has not sent: packs, then indexes, then snapshots."""
    order = ("config", "keys", "data", "index", "snapshots")
    for kind in order:
        for path in sorted((host.place / kind).rglob("*")) if kind != "config" else [host.place / kind]:
            if path.is_file() and path not in sent:
                where = f"/r/{kind}" if kind == "config" else f"/r/{kind}/{path.name}"
                assert gateway.put(where, path.read_bytes(), token) == 200
                sent.add(path)


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    """Adopted through the gateway, once an operator has opened the window for the custodian's key."""
    clock = ManualClock(1_800_000_000 * 10**9)
    with Gateway(tmp_path / "gateway", flags=("--append-only",), users={"x": "y"}) as gateway:
        host_token, care = (
            f"{who}:{operate(gateway, 'principal', 'add', who, '--repository', 'r', '--role', role)[1].strip()}"
            for who, role in (("host", "host"), ("care", "custodian"))
        )
        host = Host(tmp_path / "host", clock)
        assert gateway.ask("POST", "/r/?create=true", user=host_token).status == 200
        sent: set[Path] = set()
        host.backup()
        send(gateway, host, host_token, sent)
        url = f"rest:http://{care}@{gateway.address}/r/"
        custody = _Waiting(gateway.data / "r", tmp_path / "custodian", clock=clock, url_there=url, token=care)
        custody.gateway = gateway
        custody.take()
        yield Behind(gateway, host, custody, host_token, sent)
        custody.close()


class _Waiting(CustodyByUrl):
    """Adopts once the window is open."""

    gateway: Gateway

    def adopt(self) -> None:
        """Later."""

    def take(self) -> None:
        """Try, have an operator open the window that the refusal names, and try again."""
        with pytest.raises(Refused, match="not admitted") as refused:
            super().adopt()
        words = str(refused.value).split("keys open REPOSITORY ")[1].split()
        assert operate(self.gateway, "keys", "open", "r", *words[:4])[0] == 0
        super().adopt()


def test_cared_for_by_its_url_alone(behind: Behind, restic: Restic, tmp_path: Path) -> None:
    """X-3, A-9: snapshots go, indexes are written anew, packs follow, all into the gateway's trash; one plan comes back
    from it; the log has a receipt for each, and stock restic restores every file of what is listed."""
    went: dict[str, list[Went]] = {}
    for _ in range(14):
        for one in behind.day():
            if one.removed:
                went.setdefault(one.kind, []).append(one)
        if {"snapshots", "indexes", "packs"} <= went.keys():
            break
    assert {"snapshots", "indexes", "packs"} <= went.keys()
    custody, gateway = behind.custody, behind.gateway
    assert custody.open_incidents() == []
    trash = operate(gateway, "trash", "list", "r")[1]
    assert all(name.partition("/")[2] in trash for one in went["packs"] for name in one.removed)
    last = went["packs"][-1]
    assert custody.handover().undo(custody.executor(), last.number, "a test", "to see") == len(last.removed)
    with custody.state.database.write() as connection:
        pin_log(connection, custody.adopted.id, LogPins(custody.url, gateway.key), custody.clock.now_ns())
    outcome = custody.round(outside=custody.outside())
    assert (outcome.log.doubt, outcome.log.failure) == ("", "")
    assert (outcome.log.unlogged, outcome.log.only_in_log) == ([], [])
    assert outcome.log.receipts > sum(len(behind.custody.names(kind)) for kind in ("data", "index", "snapshots"))
    repository = f"rest:http://{behind.token}@{gateway.address}/r/"
    restic.on(repository, "check", "--read-data", env=ENV).expect(0)
    for number, name in enumerate(sorted(custody.names("snapshots"))):
        where = tmp_path / "out" / str(number)
        restic.on(repository, "restore", name, "--target", where, env=ENV).expect(0)
        assert {path.name: path.read_bytes() for path in where.iterdir()} == behind.host.files[name]


def test_a_trash_that_is_emptied_too_early_freezes(behind: Behind) -> None:
    """A-9: a gateway that keeps what is deleted for a week, where the policy says 80 days, is an incident, and nothing
    is let go."""
    gateway, custody = behind.gateway, behind.custody
    gateway.stop()
    gateway.flags = ("--append-only", "--trash-days", "7")
    gateway.start()
    outcome = custody.round(outside=custody.outside())
    assert "trash" in {code for code, _ in custody.open_incidents()}
    assert all(plan.breakers for plan in outcome.plans)


def test_k_4_a_key_comes_back_on_the_gateways_machine_alone(behind: Behind) -> None:
    """K-4: the custodian's token sets a planted key aside, and cannot bring it back; an operator of the gateway can."""
    gateway, custody = behind.gateway, behind.custody
    custody.round()
    custody.hand_over()
    content = behind.host.forge.key().read_bytes()
    name = hashlib.sha256(content).hexdigest()
    (custody.place / "keys" / name).write_bytes(content)
    custody.round()
    words = (custody.signer, [f"keys/{name}"], "ann", "")
    went = set_aside(custody.state, custody.adopted, custody.handover(), custody.executor(), *words)
    assert name not in custody.names("keys")
    with pytest.raises(Unsupported, match=f"gateway trash restore REPOSITORY {name}"):
        custody.handover().undo(custody.executor(), went.number, "ann", "")
    assert operate(gateway, "trash", "restore", "r", name)[0] == 0
    assert custody.handover().undo(custody.executor(), went.number, "ann", "") == 1
    assert name in custody.names("keys")


def test_x_3_a_state_that_was_copied_back_is_known_by_what_the_gateway_keeps(behind: Behind, tmp_path: Path) -> None:
    """X-3: the records of rounds stand beside the repository by the gateway's pages, each with a receipt; a state that
    was put back to an older one counts as new; a host reads and writes none, and nobody replaces one."""
    custody, gateway = behind.custody, behind.gateway
    behind.day()
    keep(custody, tmp_path / "copy")
    behind.day()
    assert custody.open_incidents() == []
    place = "/r/.strongroom/custody/rounds"
    listed = gateway.ask("GET", f"{place}/", user=custody.token)
    assert listed.json()["names"] == records(custody)
    first = f"{place}/{records(custody)[0]}"
    for method in ("GET", "PUT", "POST", "DELETE"):
        assert gateway.ask(method, first, body=b"x", user=behind.token).status == 403
        assert gateway.ask(method, f"{place}/", body=b"x", user=behind.token).status == 403
    assert gateway.ask("PUT", first, body=b"another", user=custody.token).status == 409
    assert gateway.ask("DELETE", first, user=custody.token).status == 405
    assert gateway.ask("PUT", first, body=(custody.place / first[3:]).read_bytes(), user=custody.token).status == 200
    leaves = [json.loads(bytes(row[0])) for row in gateway.rows("SELECT data FROM leaf WHERE kind = 'custody'")]
    beside = custody.place / ".strongroom"
    written = [beside / "custodian", *(path for path in (beside / "custody").rglob("*") if path.is_file())]
    assert {leaf["detail"]: leaf["sha256"] for leaf in leaves} == {
        str(path.relative_to(beside)): hashlib.sha256(path.read_bytes()).hexdigest() for path in written
    }
    put_back(custody, tmp_path / "copy")
    behind.day()
    assert "rolled-back" in {code for code, _ in custody.open_incidents()}


def test_x_3_records_that_cannot_be_looked_at_any_more_are_an_incident(behind: Behind) -> None:
    """X-3: a gateway, or somebody between, that knows no such pages any more hides no state that was copied back."""
    custody = behind.custody
    behind.day()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rest_files, "OWN_LISTED", "application/json")
        custody.round()
    assert "rolled-back" in {code for code, _ in custody.open_incidents()}


NO_PAGES = [
    "custody/rounds/1..2",
    "custody/../id",
    "custody/%2e%2e/id",
    "custody/rounds/%2e%2e/1",
    "custody/.hidden/",
    "custody/rounds/.1",
    "custody/Rounds/1",
    "custody/rounds/1/2",
    "custody//1",
    "custody/rounds/1%00",
    "custody",
    "custody/going",
    "custody/going.1",
    "custody/going/later",
    "custody/1",
    "custody/1/2",
    "custodian/",
    "custodian.x",
    "custodian.00000",
    "id",
    "sealed/a",
    "trash/",
    "log/checkpoint",
    f"custody/rounds/{'1' * 200}",
]


def test_g_1_nothing_else_beside_a_repository_has_a_page(behind: Behind) -> None:
    """G-1: a custodian's token writes and reads its own files there, and not the repository's ID, its trash or its
    sealed keys, however it spells them."""
    gateway, token = behind.gateway, behind.custody.token
    for path in NO_PAGES:
        for method in ("GET", "PUT", "POST", "DELETE"):
            assert gateway.ask(method, f"/r/.strongroom/{path}", body=b"x", user=token).status == 404, (method, path)


def test_a_file_where_a_folder_is_to_be_is_refused_in_words(behind: Behind) -> None:
    """No page makes one; one that came by the disk is not replaced. Neither empty files nor large ones are kept."""
    gateway, token = behind.gateway, behind.custody.token
    base = "/r/.strongroom/custody"
    assert gateway.ask("PUT", f"{base}/two/3", body=b"x", user=token).status == 200
    (behind.custody.place / ".strongroom/custody/one").write_bytes(b"x")
    assert gateway.ask("PUT", f"{base}/one/2", body=b"y", user=token).status in {403, 409}
    assert gateway.ask("PUT", f"{base}/two/4", body=b"", user=token).status == 400
    assert gateway.ask("PUT", f"{base}/two/5", body=b"x" * ((32 << 20) + 1), user=token).status == 507
    listed = gateway.ask("GET", f"{base}/", user=token).json()
    assert ("one" in listed["names"], "two" in listed["folders"]) == (True, True)
    assert gateway.ask("GET", f"{base}/two/", user=token).json() == {"names": ["3"], "folders": []}
    assert gateway.ask("GET", f"{base}/two/3", user=token).body == b"x"
