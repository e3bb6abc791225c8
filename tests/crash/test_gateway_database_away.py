"""A worker that begins while its database is away waits for it, and clients hear so meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.servers import postgres
from tests.support.servers.gateways import Gateway, name_of, over_tls
from tests.support.waiting import until

USERS = {"alice": "pw"}


@contextlib.contextmanager
def on_sqlite(folder: Path) -> Iterator[tuple[Gateway, Callable[[bool], None]]]:
    """A gateway, and how its database goes away (False) and comes back."""
    gateway = Gateway(folder, flags=("--append-only",), users=USERS, user="alice")

    def there(back: bool) -> None:
        names = ("elsewhere", "principal") if back else ("principal", "elsewhere")
        with contextlib.closing(sqlite3.connect(gateway.file.removeprefix("sqlite:///"), timeout=60)) as database:
            database.execute(f"ALTER TABLE {names[0]} RENAME TO {names[1]}")

    yield gateway, there


@contextlib.contextmanager
def on_postgresql(folder: Path) -> Iterator[tuple[Gateway, Callable[[bool], None]]]:
    """The same over TLS, where nobody may connect to the database for a while."""
    with (
        postgres.running() as url,
        psycopg.connect(url.replace("/postgres?", "/template1?"), autocommit=True) as operator,
    ):
        gateway = over_tls(Gateway(folder, flags=("--append-only", "--database", url), users=USERS, user="alice"))

        def there(back: bool) -> None:
            operator.execute(f"ALTER DATABASE postgres ALLOW_CONNECTIONS {str(back).lower()}")
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")

        yield gateway, there


@pytest.mark.parametrize("kind", [on_sqlite, on_postgresql])
def test_a_worker_waits_for_its_database_and_says_so(
    tmp_path: Path, kind: Callable[[Path], contextlib.AbstractContextManager[tuple[Gateway, Callable[[bool], None]]]]
) -> None:
    """Every process is killed while the database is away: those that take their places end no more, all requests are
    503 with the reason, and when it is back they serve as before, receipts and all."""
    with kind(tmp_path) as (gateway, there), gateway:
        gateway.make()
        there(False)
        before = set(gateway.children())
        for child in before:
            os.kill(child, signal.SIGKILL)
        until(lambda: "a worker waits for the database" in gateway.said(), gateway.said)
        until(lambda: len(set(gateway.children()) - before) == 2, gateway.said)
        begun = set(gateway.children())
        words = "the gateway waits for its database: the database cannot be used now"
        for method, path in (("GET", "/web01/config"), ("POST", "/web01/data/" + 64 * "0"), ("GET", "/web01/keys/")):
            answer = gateway.ask(method, path)
            assert (answer.status, answer.body.decode().strip()) == (503, words)
        assert (gateway.ask("GET", "/health").status, gateway.ask("GET", "/health").json()["problems"]) == (
            503,
            [words],
        )
        there(True)
        until(lambda: gateway.ask("GET", "/web01/config").status == 200, gateway.said)
        assert set(gateway.children()) == begun
        assert gateway.put(f"/web01/data/{name_of(b'a pack')}", b"a pack") == 200
        assert gateway.rows("SELECT count(*) FROM leaf WHERE kind = 'data'") == [(1,)]
        until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said)


def test_a_worker_that_waits_can_be_stopped(tmp_path: Path) -> None:
    """SIGTERM ends it in good order, at once."""
    with on_sqlite(tmp_path) as (gateway, there), gateway:
        there(False)
        for child in gateway.children():
            os.kill(child, signal.SIGKILL)
        until(lambda: "a worker waits for the database" in gateway.said(), gateway.said)
        assert gateway.process is not None
        os.kill(gateway.process.pid, signal.SIGHUP)  # asks for nothing that waits
        gateway.process.terminate()
        assert gateway.process.wait(60) == 0, gateway.said()
