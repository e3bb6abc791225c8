"""Certificates that are renewed under a running gateway, as certbot does, and those that nobody renews."""

from __future__ import annotations

import datetime
import os
import select
import signal
import ssl
from pathlib import Path

import psycopg
import pytest
import trustme

from tests.support.command import STRONGROOM, environment, run
from tests.support.privileges import without_overriding
from tests.support.servers import postgres
from tests.support.servers.gateway_inside import put_in_place
from tests.support.servers.gateways import Gateway
from tests.support.waiting import PATIENCE, until

AUTHORITY = trustme.CA()


def issue(folder: Path, name: str, days: float = 90, begun: float = 0) -> None:
    """A certificate for localhost and this name in a folder, for so many days since it began so many days ago."""
    now = datetime.datetime.now(datetime.UTC)
    made = AUTHORITY.issue_cert(
        "localhost",
        name,
        not_before=now - datetime.timedelta(days=begun),
        not_after=now + datetime.timedelta(days=days - begun),
    )
    folder.mkdir(exist_ok=True)
    (folder / "fullchain.pem").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    (folder / "privkey.pem").write_bytes(made.private_key_pem.bytes())


def gateway_with(folder: Path, live: Path) -> Gateway:
    """A gateway of two workers that serves what the links in a folder lead to."""
    files = ("--tls-cert", str(live / "fullchain.pem"), "--tls-key", str(live / "privkey.pem"))
    made = Gateway(folder, flags=("--no-auth", "--append-only", "--tls", *files), workers=2)
    made.context = ssl.create_default_context()
    AUTHORITY.configure_trust(made.context)
    return made


def link(live: Path, name: str, target: Path) -> None:
    """Turn a link to another file, in one step."""
    (live / "new").symlink_to(target)
    (live / "new").rename(live / name)


def shown(gateway: Gateway) -> str:
    """Whom the certificate of a new connection names."""
    with gateway.connect() as connection:
        assert isinstance(connection, ssl.SSLSocket)
        return str((connection.getpeercert() or {}).get("subjectAltName"))


def replace_workers(gateway: Gateway) -> None:
    """End all workers; connections wait in the listener until others are there."""
    dying = [os.pidfd_open(child) for child in gateway.children()]
    for child in dying:
        signal.pidfd_send_signal(child, signal.SIGKILL)
    for child in dying:  # none of them takes another connection
        select.select([child], [], [], PATIENCE)
        os.close(child)


def health(gateway: Gateway) -> tuple[int, list[str]]:
    """What /health says of certificates, to somebody who does not look at them."""
    trusting, gateway.context = gateway.context, ssl._create_unverified_context()
    try:
        answer = gateway.ask("GET", "/health")
    finally:
        gateway.context = trusting
    said = answer.json()
    return answer.status, [one for one in said["problems"] + said["warnings"] if "certificate" in one]


def test_a_renewed_certificate_is_shown_without_a_signal(tmp_path: Path) -> None:
    """Links that are turned one after the other: no connection is refused meanwhile, and the new one is shown soon."""
    live = tmp_path / "live"
    live.mkdir()
    issue(tmp_path / "1", "old.example")
    issue(tmp_path / "2", "new.example")
    for name in ("fullchain.pem", "privkey.pem"):
        link(live, name, tmp_path / "1" / name)
    with gateway_with(tmp_path, live) as gateway:
        gateway.make()
        assert "old.example" in shown(gateway)
        for name in ("privkey.pem", "fullchain.pem"):
            link(live, name, tmp_path / "2" / name)
            shown(gateway)
        until(lambda: all("new.example" in shown(gateway) for _ in range(10)), gateway.said)
        until(lambda: all(health(gateway) == (200, []) for _ in range(5)), gateway.said)
        AUTHORITY.cert_pem.write_to_path(tmp_path / "authority")
        words = [str(STRONGROOM), "log", "verify", f"https://localhost:{gateway.address.rpartition(':')[2]}/"]
        trusting = run([*words, "--cacert", str(tmp_path / "authority")], env=environment(tmp_path))
        assert "all good" in trusting.expect(0).out
        assert "certificate" in run(words, env=environment(tmp_path)).expect(1).err
        # a worker that is started in place of a dead one shows it from its first connection on
        replace_workers(gateway)
        assert all("new.example" in shown(gateway) for _ in range(10))


def test_a_certificate_that_does_not_load_or_ends_is_told(tmp_path: Path) -> None:
    """/health says what is wrong, once it is, and is well again with the next certificate; the old one is shown."""
    live = tmp_path / "live"
    issue(live, "old.example")
    with gateway_with(tmp_path, live) as gateway:
        put_in_place(live / "fullchain.pem", b"half a certi")
        broken = "the certificate does not load; the one from before is in force"
        until(lambda: all(health(gateway) == (503, [broken]) for _ in range(5)), gateway.said)
        assert "old.example" in shown(gateway)
        assert gateway.said().count("the certificate cannot be used") <= 2  # once for each worker
        replace_workers(gateway)
        assert all("old.example" in shown(gateway) for _ in range(10)), "a worker began without the one in force"
        until(lambda: all(health(gateway) == (503, [broken]) for _ in range(5)), gateway.said)
        issue(live, "late.example", days=90, begun=89)
        until(lambda: all("late.example" in shown(gateway) for _ in range(10)), gateway.said)
        late = "the certificate expires in 1.0 days and was not renewed"
        until(lambda: all(health(gateway) == (200, [late]) for _ in range(5)), gateway.said)
        issue(live, "gone.example", days=90, begun=91)
        gone = "the certificate has expired: clients refuse to connect"
        until(lambda: all(health(gateway) == (503, [gone]) for _ in range(5)), gateway.said)
        issue(live, "new.example")
        until(lambda: all(health(gateway) == (200, []) for _ in range(5)), gateway.said)
        until(lambda: all("new.example" in shown(gateway) for _ in range(5)), gateway.said)


def test_a_certificate_is_renewed_while_the_database_is_away(tmp_path: Path) -> None:
    """It waits for nothing that it does not need: it may end in the very hours in which the database is mended."""
    live = tmp_path / "live"
    issue(live, "old.example")
    with postgres.running() as url:
        gateway = gateway_with(tmp_path, live)
        gateway.flags, gateway.workers = (*gateway.flags, "--database", url), 1
        with gateway, psycopg.connect(url.replace("/postgres?", "/template1?"), autocommit=True) as operator:
            assert gateway.ask("GET", "/health").status == 200  # its worker has begun, which needs the database
            operator.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
            until(lambda: gateway.ask("GET", "/health").status == 503, gateway.said)
            issue(live, "new.example")
            until(lambda: all("new.example" in shown(gateway) for _ in range(10)), gateway.said)
            operator.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")
            until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said)


@pytest.mark.parametrize("name", ["fullchain.pem", "privkey.pem"])
def test_the_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """A key that root alone may read, as certbot leaves it: refused by the name of that very file."""
    issue(tmp_path / "live", "a.example")
    (tmp_path / "live" / name).chmod(0)
    (tmp_path / "data").mkdir()
    words = [str(STRONGROOM), "gateway", "serve", "--path", str(tmp_path / "data"), "--no-auth", "--tls"]
    words += ["--tls-cert", str(tmp_path / "live" / "fullchain.pem"), "--tls-key", str(tmp_path / "live/privkey.pem")]
    done = run(without_overriding(words), env=environment(tmp_path))
    assert done.code == 1
    assert f"{tmp_path}/live/{name}: the certificate cannot be used: Permission denied" in done.err
