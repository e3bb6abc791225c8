"""The threat catalogue at the gateway: row X-1, who reads too much; and tokens that were taken back."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from strongroom.receipts.log.leaf import GATEWAY, LeafType
from tests.support.servers.gateway_inside import leaves, one_at_each_worker, operate, status_on
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import away_from_midnight, kept, until

DATA = b"some bytes of a pack" * 5000
NAME = name_of(DATA)


def add(gateway: Gateway, who: str, *words: str) -> str:
    """A principal with a repository of its name; its credentials."""
    code, said = operate(gateway, "principal", "add", who, "--repository", who, *words)
    assert code == 0, said
    return f"{who}:{said.strip()}"


def test_x_1_reading_far_too_much_is_an_alarm(tmp_path: Path) -> None:
    """X-1: beyond its limit a principal's reading is told in all places, once for each doubling, and never refused."""
    away_from_midnight()
    flags = ("--append-only", "--prometheus", "--prometheus-no-auth")
    with Gateway(tmp_path, flags=flags, users={"x": "y"}, workers=2) as gateway:
        thief = add(gateway, "thief", "--reads-per-day", "250K")
        other = add(gateway, "other")
        for who in (thief, other):
            name = who.partition(":")[0]
            gateway.make(name, who)
            assert gateway.put(f"/{name}/data/{NAME}", DATA, who) == 200
            for _ in range(2):
                assert gateway.ask("GET", f"/{name}/data/{NAME}", user=who).body == DATA
        until(lambda: _today(gateway, thief) == 2 * len(DATA))
        assert "far more" not in str(gateway.ask("GET", "/health").json()["warnings"])
        assert _alarms(gateway, thief) == 0
        for _ in range(2):
            assert gateway.ask("GET", f"/thief/data/{NAME}", user=thief).body == DATA
        until(lambda: _alarms(gateway, thief) == 1)
        assert _alarms(gateway, other) == 0  # another's alarms are nobody's business
        assert _today(gateway, other) == 2 * len(DATA)

        def at_health() -> bool:
            health = gateway.ask("GET", "/health")
            assert health.status == 200
            assert "thief" not in health.body.decode()
            return any(one.endswith("read far more than usual since yesterday: 1") for one in health.json()["warnings"])

        until(at_health, gateway.said)
        for _ in range(2):
            assert gateway.ask("GET", f"/thief/data/{NAME}", user=thief).body == DATA
        until(lambda: gateway.said().count("alarm: thief ") == 2, gateway.said)
        counted = 'strongroom_read_alarms_total{user="thief"} 2.0'
        until(lambda: counted in gateway.ask("GET", "/metrics").body.decode(), gateway.said)
        metrics = gateway.ask("GET", "/metrics").body.decode()
        assert 'strongroom_read_alarms_total{user="other"}' not in metrics
    told = [receipt for receipt in leaves(gateway) if receipt.type is LeafType.ALARM]
    assert [(one.repository, one.kind) for one in told] == [(GATEWAY, "")] * 2
    assert all(one.principal and "are usual or allowed" in one.detail for one in told)


def _today(gateway: Gateway, who: str) -> int:
    return int(gateway.ask("GET", "/.strongroom/v1/status", user=who).json()["reads"]["today"])


def _alarms(gateway: Gateway, who: str) -> int:
    return len(gateway.ask("GET", "/.strongroom/v1/status", user=who).json()["reads"]["alarms"])


def test_x_1_ten_times_the_usual_is_an_alarm(tmp_path: Path) -> None:
    """X-1: without a limit of its own a principal is held to ten times the mean of its last thirty days."""
    away_from_midnight()
    with Gateway(tmp_path, flags=("--append-only", "--reads-per-day", "1K"), users={"x": "y"}) as gateway:
        who = add(gateway, "host")
        gateway.make("host", who)
        assert gateway.put(f"/host/data/{NAME}", DATA, who) == 200
        principal = gateway.ask("GET", "/.strongroom/v1/status", user=who).json()["principal"]
        with sqlite3.connect(gateway.data / ".strongroom/gateway.db") as database:
            today = time.time_ns() // (86_400 * 10**9)
            past = [(principal, today - day, 25_000) for day in (1, 2, 29)] + [(principal, today - 31, 10**12)]
            database.executemany("INSERT INTO reading VALUES (?, ?, ?, 0)", past)
        asked = 0
        for total in (2, 3):
            while asked < total:
                assert gateway.ask("GET", f"/host/data/{NAME}", user=who).body == DATA
                asked += 1
            until(lambda wanted=total: _today(gateway, who) == wanted * len(DATA))  # type: ignore[misc]
            assert _alarms(gateway, who) == (total == 3)
        until(lambda: f"read {3 * len(DATA)} bytes today, and 250000 are usual or allowed" in gateway.said())


def test_a_token_that_was_taken_back_ends_within_two_seconds(tmp_path: Path) -> None:
    """G-8: disable and rotate --all end credentials that workers remember, with open connections, too."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}, workers=2) as gateway:
        host = add(gateway, "host")
        gateway.make("host", host)
        stolen = 0

        def taken_back() -> float:
            nonlocal host, stolen
            stolen += 1
            thief = add(gateway, f"thief{stolen}")
            gateway.make(f"thief{stolen}", thief)
            asked = ((f"/thief{stolen}/config", thief), ("/host/config", host))
            requests = [gateway.head("GET", path, user=who) for path, who in asked]

            def statuses() -> set[int]:
                """On connections that live on, one to each worker, and on new ones."""
                new = {gateway.ask("GET", path, user=who).status for path, who in asked}
                return new | {status_on(one, request) for one in living for request in requests}

            with one_at_each_worker(gateway, requests[0]) as living:
                assert statuses() == {200}
                fresh = f"host:{operate(gateway, 'principal', 'rotate', 'host', '--all')[1].strip()}"
                assert operate(gateway, "principal", "disable", f"thief{stolen}")[0] == 0
                begun = time.monotonic()
                until(lambda: statuses() == {401})
                took = time.monotonic() - begun
            assert gateway.ask("GET", "/host/config", user=fresh).status == 200
            host = fresh
            return took

        kept(2, taken_back)
