"""The threat catalogue at the gateway: rows G, each by its ID, over raw sockets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.receipts.log.leaf import LeafType
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import V2, Gateway, name_of
from tests.support.servers.replies import read_reply
from tests.support.waiting import PATIENCE, kept

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)


TRAVERSALS = [
    "/alice/../bob/config",
    "/alice/%2e%2e/bob/config",
    "/alice/..%2fbob/config",
    "/alice/%2e%2e%2fbob/config",
    "/alice%2f..%2fbob/config",
    "/alice/.%2e/bob/config",
    "/alice//bob/config",
    "//bob/config",
    "/alice/./config",
    "/alice/%2e/config",
    "/alice/..\\bob/config",
    "/alice/%5c..%5cbob/config",
    "/alice%00/config",
    "/alice/data/../config",
    "/alice/data/../../bob/config",
    f"/alice/data/..%2f..%2f..%2f{NAME}",
    "/alice/config/../../bob/config",
    "/alice/%252e%252e/bob/config",
    "/alice/%c0%ae%c0%ae/bob/config",
    "/alice/．．/bob/config",
    "/../../../../etc/passwd",
    "/alice/.htpasswd",
    "/.htpasswd",
    "/.strongroom/gateway.db",
    "/.strongroom/log.key",
    "/alice/.strongroom/id",
    "/alice/.strongroom/config",
    "/ALICE/config",
    "/alice/CONFIG",
    f"/alice/data/{NAME.upper()}",
    f"/alice/data/{NAME}%00",
    f"/alice/data/{NAME}.tmp",
    f"/alice/data/{NAME[:2]}/{NAME}",
    "/alice/keys/../config",
    "http://gateway/alice/../bob/config",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_g_1_no_path_leads_out_of_the_own_repository(shared: Gateway, path: str) -> None:
    """G-1: no spelling of a path reads, writes or deletes another's objects, or anything that is no object."""
    for method in ("GET", "HEAD", "POST", "DELETE"):
        reply = shared.ask(method, path, b"evil" if method == "POST" else None)
        assert reply.status in (400, 401, 403, 404, 405), (method, path, reply.status)
        assert b"config of bob" not in reply.body
        assert b"root:" not in reply.body
    assert (shared.data / "bob/config").read_bytes() == b"config of bob"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the cases that change nothing, with repositories of alice and bob."""
    users = {"alice": "a-password", "bob": "b-password"}
    folder = tmp_path_factory.mktemp("shared")
    with Gateway(folder, flags=("--append-only", "--private-repos"), users=users, user="alice") as running:
        running.make("alice")
        running.make("bob", user="bob")
        yield running


def test_g_1_symbolic_links_are_not_followed(shared: Gateway) -> None:
    """G-1: a link in an object's place is neither read, listed, nor written through."""
    outside = shared.folder / "outside"
    outside.write_bytes(b"secret")
    link = shared.data / "alice/snapshots" / NAME
    link.symlink_to(outside)
    assert shared.ask("GET", f"/alice/snapshots/{NAME}").status in (403, 500)
    assert shared.ask("GET", "/alice/snapshots/", headers={"Accept": V2}).body == b"[]"
    assert shared.put(f"/alice/snapshots/{NAME}", DATA) != 200
    assert outside.read_bytes() == b"secret"
    link.unlink()


def test_g_2_stalled_senders_lose_their_places(tmp_path: Path) -> None:
    """G-2: heads and bodies that do not come are cut off, leave no file, and nobody waits for them meanwhile."""
    policy = tmp_path / "gateway.toml"
    policy.write_text("version = 1\n[server]\nslow_rate = 8000\nslow_span = 3\n")
    with Gateway(tmp_path, flags=("--no-auth", "--append-only", "--config", str(policy))) as gateway:
        gateway.make()
        stalled: list[socket.socket] = []

        def beside_them() -> float:
            begun = time.monotonic()
            for number in range(20):
                connection = gateway.connect()
                stalled.append(connection)
                if number % 2:
                    connection.sendall(b"GET /web01/config HT")
                else:
                    head = gateway.head("POST", f"/web01/data/{NAME}", {"Content-Length": "5000000"})
                    connection.sendall(head + b"x")
            data = b"%d" % len(stalled)
            assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
            return time.monotonic() - begun

        kept(5, beside_them)
        for number, connection in enumerate(stalled):
            connection.settimeout(PATIENCE)
            found = connection.recv(100)
            assert found == b"" or found.startswith(b"HTTP/1.1 408"), (number, found)
            connection.close()
        assert list((gateway.data / "web01/.strongroom/tmp").iterdir()) == []


def test_g_3_racing_creators_never_replace(gateway: Gateway) -> None:
    """G-3: of twenty racers with different configs exactly one wins and the others are told; the bytes stay."""
    assert gateway.put("/alice/?create=true", b"") == 200
    configs = [b"config %d" % number * 50 for number in range(20)]
    statuses = gateway.put_at_once([("/alice/config", config) for config in configs])
    assert sorted(statuses) == [200] + [403] * 19
    assert gateway.ask("GET", "/alice/config").body == configs[statuses.index(200)]
    assert gateway.put(f"/alice/data/{NAME}", DATA) == 200
    assert [r.type for r in leaves(gateway)] == [LeafType.CREATE] * 2


def test_g_3_the_same_bytes_at_once_are_one_object_and_one_receipt(gateway: Gateway) -> None:
    """G-3: twenty uploads of the same pack at once are all success, with one receipt."""
    gateway.make("alice")
    assert gateway.put_at_once([(f"/alice/data/{NAME}", DATA)] * 20) == [200] * 20
    assert [r.kind for r in leaves(gateway)] == ["config", "data"]


def test_g_4_and_g_5_locks_belong_to_their_makers(tmp_path: Path) -> None:
    """G-4, G-5: nobody removes another's lock but a custodian; orphans go after half an hour; 64 are the most."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        tokens = {}
        for who, role in (("one", "host"), ("two", "host"), ("judge", "custodian"), ("looker", "auditor")):
            code, said = operate(gateway, "principal", "add", who, "--repository", "shared", "--role", role)
            assert code == 0, said
            tokens[who] = f"{who}:{said.strip()}"
        gateway.make("shared", tokens["one"])
        path = f"/shared/locks/{NAME}"
        assert gateway.put(path, DATA, tokens["one"]) == 200
        for other in ("two", "looker"):
            assert gateway.ask("DELETE", path, user=tokens[other]).status == 403
        assert gateway.ask("DELETE", path, user=tokens["one"]).status == 200
        assert gateway.put(path, DATA, tokens["looker"]) == 200
        assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
        orphan = gateway.data / "shared/locks" / NAME
        orphan.write_bytes(DATA)
        assert gateway.ask("DELETE", path, user=tokens["two"]).status == 403
        os.utime(orphan, (time.time() - 1900,) * 2)
        assert gateway.ask("DELETE", path, user=tokens["looker"]).status == 403
        assert gateway.ask("DELETE", path, user=tokens["two"]).status == 200
        for number in range(64):
            data = b"lock %d" % number
            assert gateway.put(f"/shared/locks/{name_of(data)}", data, tokens["one"]) == 200
        assert gateway.put(path, DATA, tokens["one"]) == 507
        assert gateway.put(path, DATA, tokens["two"]) == 200
        assert "locks" not in {receipt.kind for receipt in leaves(gateway)}


def test_g_8_passwords_are_guarded(gateway: Gateway) -> None:
    """G-8: wrong, missing and foreign credentials are 401; after a burst guessing costs no CPU; the right one lives."""
    gateway.make("alice")
    for headers in (
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!!"},
        {"Authorization": "Bearer abc"},
        {"Authorization": "Basic YWxpY2U="},
        {"X-Remote-User": "alice"},
    ):
        reply = gateway.ask("GET", "/alice/config", headers=headers, user="")
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert gateway.ask("GET", "/bob/config").status == 403
    statuses = [gateway.ask("GET", "/alice/config", user=f"alice:wrong{n}").status for n in range(25)]
    assert statuses[0] in (401, 503)
    assert 503 in statuses  # the last may be the one more that three seconds allow
    assert gateway.ask("GET", "/alice/config").status == 200  # it was let in before, and is remembered
    assert "a-password" not in gateway.said()


def test_g_8_no_start_without_authentication(tmp_path: Path) -> None:
    """G-8: without a password file, a principal or --no-auth, nothing is served; with a policy no plain text."""
    place = ["--path", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    done = run([STRONGROOM, "gateway", "serve", *place], env=environment(tmp_path))
    assert done.code == 1
    assert "--no-auth" in done.err
    policy = tmp_path / "policy.toml"
    policy.write_text("version = 1\n[principal.web01]\n")
    place[-1] = "0.0.0.0:0"
    done = run([STRONGROOM, "gateway", "serve", *place, "--config", str(policy)], env=environment(tmp_path))
    assert done.code == 1
    assert "unencrypted" in done.err


def test_g_9_nothing_that_is_sent_breaks_a_log(tmp_path: Path) -> None:
    """G-9: line feeds, quotes, escapes and bidi in users, paths and agents give one line each, and no false metric."""
    log = tmp_path / "access.log"
    flags = ("--append-only", "--log", str(log), "--prometheus", "--prometheus-no-auth")
    with Gateway(tmp_path, flags=flags, users={"alice": "pw"}, user="alice") as gateway:
        gateway.make("alice")
        evil = 'x" 200 5 "-"\n9.9.9.9 - admin [now] "GET / HTTP/1.1" 401 0\x1b[31m\u202e'
        gateway.ask("GET", "/alice/config", user=f"{evil}:pw")
        gateway.ask("GET", "/alice/config", headers={"User-Agent": 'a"b\\c'})
        gateway.ask("GET", "/alice/%0aX%22/config")
        gateway.ask("GET", f"/{'z' * 1000}/config")
        metrics = gateway.ask("GET", "/metrics").body.decode()
    lines = log.read_text().splitlines()
    assert len(lines) == 7
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(line.startswith("127.0.0.1 - ") for line in lines)
    assert "9.9.9.9" not in [line.split(" ")[0] for line in lines]
    assert 'rest_server_blob_write_total{repo="alice",type="config",user="alice"} 1.0' in metrics
    assert "admin" not in metrics


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /alice/config HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n\r\nabcde",
        b"POST /a/config HTTP/1.1\r\nHost: a\r\nContent-Length: \xb25\r\n\r\nabcde",
        b"GET /alice/config HTTP/1.1\r\n\r\n",
        b"GET /alice/config HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /alice/config HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET /alice/config HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /alice/config HTTP/1.1\nHost: a\n\n\r\n\r\n",
        b"\r\nGET /alice/config HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http:///alice/config HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET ftp://a/alice/config HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_ambiguous_heads_are_refused(shared: Gateway, noise: bytes) -> None:
    """What two parsers could read in two ways ends the connection with a status, and never a traceback."""
    with shared.connect() as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        if b"\r\n\r\n" in noise:
            assert read_reply(connection).status in (400, 431, 505)
        else:
            assert connection.recv(100) == b""
    assert "Traceback" not in shared.said()
