"""The fleet's server on a real PostgreSQL: does it do there what it does on SQLite, also when several do it at once?"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from strongroom.base.errors import Damaged, Refused
from strongroom.base.record import replace
from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.fleet.protocol.token import parse_token
from strongroom.fleet.server.admitting.deciding import deny, list_pending
from strongroom.fleet.server.admitting.waiting import MOST_WAITING
from strongroom.fleet.server.api.documents import SnapshotDocument
from strongroom.fleet.server.api.timeline import snapshots
from strongroom.fleet.server.api.tokens import ApiToken
from strongroom.fleet.server.evaluating import Evaluator
from strongroom.fleet.server.intake import ReportIntake
from strongroom.fleet.server.joining import TokenShownTwice, begin
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import pause
from strongroom.fleet.server.pruning import prune
from strongroom.fleet.server.schemas import alerting as schema
from strongroom.fleet.server.state import FleetState
from tests.support.command import STRONGROOM, environment, run
from tests.support.fleet.gateway import LoggingGateway
from tests.support.fleet.hosts import DAILY, FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.servers import postgres
from tests.support.servers.ports import reserve
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty database."""
    with postgres.running() as url:
        yield url


@pytest.fixture
def fresh(database: str) -> Iterator[str]:
    """The same, with nothing in it."""
    with contextlib.closing(psycopg.connect(database, autocommit=True)) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield database


def test_what_several_do_at_once_is_all_there(fresh: str, tmp_path: Path) -> None:
    """Reports in batches beside an operator's pauses lose neither; of two evaluators one judges; old things go."""
    server = ServerInProcess(tmp_path, database=fresh)
    hosts = [server.join(FleetHost(f"web{number:02}")) for number in range(6)]
    intake = ReportIntake(server.state)
    with ThreadPoolExecutor(3) as pool:
        paused = [pool.submit(pause, server.state, host.name, "", "", 3600, "moving house") for host in hosts]
        futures = [intake.submit(host.report(server.now, host.run(server.now))) for _ in range(4) for host in hosts]
        assert [one.result(PATIENCE).accepted for one in futures[-6:]] == [4] * 6
        assert [one.result(PATIENCE) for one in paused] == [1] * 6
    assert [one.judgement.state for one in server.standing().watches] == [WatchState.PAUSED] * 6
    assert {one.last_good for one in server.standing().watches} == {server.now}
    with ThreadPoolExecutor(2) as pool:
        turns = [pool.submit(Evaluator(server.state).turn) for _ in range(2)]
        assert sorted(one.result(PATIENCE) is None for one in turns) == [False, True]
    server.clock.advance(401 * 86400)
    assert len(server.turn()) == 1 and prune(server.state, server.now) == 6 + 18
    intake.close()
    server.close()


def test_a_token_for_one_lets_one_in_of_two_that_come_at_once(fresh: str, tmp_path: Path) -> None:
    """Rows are locked, not the database: whoever comes second must see that it was used up."""
    server = ServerInProcess(tmp_path, database=fresh)
    token = server.invite("web*")
    both = [FleetHost("web01").begin(token), FleetHost("web02").begin(token)]
    with ThreadPoolExecutor(2) as pool:
        joined = [pool.submit(begin, server.state, one) for one in both]
        refused = [one.exception(PATIENCE) for one in joined]
    assert [type(one) for one in refused if one is not None] == [TokenShownTwice]
    server.close()


def test_who_waits_and_what_is_shown_is_the_same_there(fresh: str, tmp_path: Path) -> None:
    """Of a crowd that comes at once by a full token no more wait than may; snapshots are paged as anywhere."""
    server = ServerInProcess(tmp_path, database=fresh)
    token = server.invite("web*", uses=2)
    for name in ("web01", "web02"):
        begin(server.state, FleetHost(name).begin(token))
    crowd = [FleetHost(f"web-{number}").begin(token) for number in range(MOST_WAITING + 4)]
    with ThreadPoolExecutor(4) as pool:
        came = [pool.submit(begin, server.state, one, (), "192.0.2.7") for one in crowd]
        refused = [one for one in came if isinstance(one.exception(PATIENCE), Refused)]
    assert len(refused) == 4 and len(list_pending(server.state)) == MOST_WAITING
    (waiting,) = [one for one in server.standing().wrong if one.kind == "pending"]
    assert waiting.critical
    assert deny(server.state, token=token.ticket.id) == MOST_WAITING
    server.clock.advance(8 * 86400)
    assert prune(server.state, server.now) == MOST_WAITING
    gateway = LoggingGateway(server)
    made = [gateway.snapshot("plain", "plain", at=server.now - hours * 3600) for hours in (3, 2, 2)]
    gateway.follow()
    everybody = ApiToken("all", "id", b"", "*", 0, 0)
    found: list[SnapshotDocument] = []
    cursor = ""
    while not found or cursor:
        items, following = snapshots(server.state, everybody, "plain", cursor, 1)
        found += items
        cursor = following or ""
    assert len(found) == 3 and {one.id for one in found} == set(made) and found[-1].id == made[0]
    assert all(one.receipt and not one.verdict for one in found)
    server.close()


def test_a_text_that_it_cannot_keep_refuses_nobody_elses_report(fresh: str, tmp_path: Path) -> None:
    """PostgreSQL has no character of code 0: one host's must not be the end of a whole transaction."""
    server = ServerInProcess(tmp_path, database=fresh)
    liar, honest = server.join(FleetHost("web01")), server.join(FleetHost("web02"))
    liar.schedules = (replace(DAILY, calendar="*-*-* 02:00:00\0"),)
    intake = ReportIntake(server.state)
    with pytest.raises(Damaged):
        intake.submit(liar.report(server.now))
    assert intake.submit(honest.report(server.now, honest.run(server.now))).result(PATIENCE).accepted == 1
    intake.close()
    server.close()


def test_from_the_first_command_to_an_alert(fresh: str, tmp_path: Path) -> None:
    """init, serve, invite, joining, reports over TLS, status, and an alert by the server's own evaluator."""
    env, state = environment(tmp_path), str(tmp_path / "fleet")
    keeper = reserve()
    url = f"https://127.0.0.1:{keeper.getsockname()[1]}"

    def fleet(*words: str, status: int = 0) -> str:
        return run([STRONGROOM, "fleet", *words, "--state", state], env=env).expect(status).out

    fleet("init", "--url", url, "--database", fresh)
    file = tmp_path / "fleet" / "fleet.toml"
    listen = f'[server]\nlisten = "{url.removeprefix("https://")}"\n'
    file.write_text(file.read_text().replace("[server]\n", listen))
    assert not (tmp_path / "fleet" / "fleet.db").exists()
    said = tmp_path / "said"
    with said.open("wb") as errors:
        command = [str(STRONGROOM), "fleet", "serve", "--state", state]
        process = subprocess.Popen(command, env=env, stdout=errors, stderr=errors)
    try:
        until(lambda: process.poll() is not None or re.search("start fleet server", said.read_text()), said.read_text)
        assert process.poll() is None, said.read_text()
        host = FleetHost("web01")
        token = parse_token(json.loads(fleet("invite", "web01", "--json"))["token"])
        server = FleetServer(url, token.ticket.pin)
        server.post("/fleet/v1/enrol/begin", host.begin(token))
        server.post("/fleet/v1/enrol/done", host.done())
        copy = host.copy()
        for one, at in ((host, 1_900_000_000), (copy, 1_900_000_001)):
            server.post("/fleet/v1/reports", one.report(at, one.run(at)))
        with FleetState(state, fresh) as opened:

            def alerts() -> list[str]:
                with opened.database.read() as connection:
                    return list(connection.execute(sa.select(schema.alert.c.kind)).scalars())

            assert until(alerts, said.read_text) == ["cloned"]
        (watch,) = json.loads(fleet("status", "--json", status=77))["watches"]
        assert (watch["host"], watch["state"]) == ("web01", "suspicious")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, said.read_text()
    assert "Traceback" not in said.read_text()
