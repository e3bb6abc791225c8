"""restic's REST protocol at the gateway, request by request: rest-server's cases, rclone's, and what they lack."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.servers.gateways import V2, Gateway, name_of

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)
KINDS = ("data", "index", "keys", "locks", "snapshots")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway without --append-only."""
    with Gateway(tmp_path_factory.mktemp("full"), flags=("--no-auth",)) as running:
        yield running


@pytest.mark.parametrize("prefix", ["", "/parent1", "/parent1/sub1"])
@pytest.mark.parametrize("kind", ["config", "data", "index", "snapshots"])
def test_append_only_sequence_of_rest_server(gateway: Gateway, prefix: str, kind: str) -> None:
    """rest-server's sequence: absent, broken refused, stored, same, other bytes refused, delete refused, still same."""
    assert gateway.put(f"{prefix}/?create=true", b"") == 200
    path = f"{prefix}/config" if kind == "config" else f"{prefix}/{kind}/{NAME}"
    assert gateway.ask("GET", path).status == 404
    if kind != "config":
        assert gateway.put(path, DATA + b"x") == 400
        assert gateway.ask("GET", path).status == 404
    assert gateway.put(path, DATA) == 200
    assert gateway.ask("GET", path).body == DATA
    assert gateway.put(path, b"other bytes") == 403
    assert gateway.put(path, DATA) == 200
    assert gateway.ask("DELETE", path).status == 403
    assert gateway.ask("GET", path).body == DATA


def test_locks_come_and_go(gateway: Gateway) -> None:
    """A lock is stored, read and deleted; a second delete is success, too, and there is none then."""
    gateway.make("locks-repo")
    path = f"/locks-repo/locks/{NAME}"
    assert gateway.put(path, DATA) == 200
    assert gateway.ask("DELETE", path).status == 200
    assert gateway.ask("GET", path).status == 404
    assert gateway.ask("DELETE", path).status == 200


def test_without_append_only_it_is_rest_server(full: Gateway) -> None:
    """Config and data are deleted, absent ones too, and a new config can be stored; keys are not frozen."""
    full.make("r")
    for path in ("/r/config", f"/r/data/{NAME}", f"/r/snapshots/{NAME}", f"/r/keys/{NAME}"):
        assert full.put(path, DATA if path != "/r/config" else b"config of r") == 200
        assert full.ask("DELETE", path).status == 200
        assert full.ask("GET", path).status == 404
        assert full.ask("DELETE", path).status == 200
    assert full.put("/r/config", b"another") == 200
    assert full.put(f"/r/snapshots/{NAME}", DATA) == 200
    assert full.put(f"/r/keys/{NAME}", DATA) == 200


def test_create_makes_restics_folders(gateway: Gateway) -> None:
    """``?create=true`` makes folders with rest-server's modes, again is success, other queries are refused; the 256 of
    packs are made when they are needed."""
    assert gateway.put("/made/?create=true", b"") == 200
    assert gateway.put("/made/?create=true", b"") == 200
    folder = gateway.data / "made"
    assert list((folder / "data").iterdir()) == []
    assert gateway.put(f"/made/data/{NAME}", DATA) == 200
    (shard,) = (folder / "data").iterdir()
    assert (shard.name, shard.stat().st_mode & 0o777) == (NAME[:2], 0o700)
    assert all((folder / kind).stat().st_mode & 0o777 == 0o700 for kind in KINDS)
    assert gateway.put("/made/", b"") == 400
    assert gateway.put("/made?create=true", b"") == 404
    assert gateway.ask("GET", "/made/").status == 405
    assert gateway.ask("DELETE", "/made/").status == 405


def test_absolute_targets_are_read_as_paths(gateway: Gateway) -> None:
    """A target with scheme and host is its path; what follows a question mark is never one."""
    config = gateway.make("absolute")
    assert gateway.ask("GET", "http://elsewhere:8000/absolute/config").body == config
    assert gateway.ask("GET", "https://elsewhere?x=/absolute/config").status in (404, 405)


def test_unknown_methods_paths_and_sizes(gateway: Gateway) -> None:
    """Other methods are 405 with Allow, other paths 404, too much for a kind 507 before it is sent."""
    gateway.make("odd")
    for method in ("PUT", "PATCH", "OPTIONS"):
        reply = gateway.ask(method, f"/odd/data/{NAME}", b"")
        assert reply.status == 405
        assert "POST" in reply.headers["allow"]
    for path in ("/odd/data/xyz", f"/odd/data/{NAME.upper()}", f"/odd/data/{NAME}/", "/a/b/c/config", "/odd/conf"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            body = b"" if method == "POST" else None
            assert gateway.ask(method, path, body).status == 404, (method, path)
    with gateway.connect() as connection:
        connection.sendall(gateway.head("POST", f"/odd/data/{NAME}", {"Content-Length": str(5 << 30)}))
        assert b" 507 " in connection.recv(100)
    assert gateway.ask("GET", "/health").json()["ok"] is True


def test_a_hundred_requests_on_one_connection(gateway: Gateway) -> None:
    """Connections are kept alive, also after refusals whose bodies were not read by the handler."""
    gateway.make("alive")
    data = os.urandom(30_000)
    with gateway.connect() as connection:
        for number in range(100):
            path = "/alive/config" if number % 2 else f"/alive/data/{name_of(data)}"
            connection.sendall(gateway.head("POST", path, {"Content-Length": str(len(data))}) + data)
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 403" if number % 2 else b"HTTP/1.1 200"), answer
            assert answer.endswith(b"\r\n\r\n") or b"\r\n\r\n" in answer


def test_read_errors_are_never_404(gateway: Gateway) -> None:
    """What cannot be read is 500, since clients take 404 for data that is gone."""
    gateway.make("broken")
    (gateway.data / "broken/snapshots" / NAME).mkdir()
    assert gateway.ask("GET", f"/broken/snapshots/{NAME}").status in (403, 500)
    folder = gateway.data / "broken/index"
    folder.rmdir()
    folder.symlink_to(folder)  # a loop cannot be listed, whoever asks
    assert gateway.ask("GET", "/broken/index/", headers={"Accept": V2}).status == 500


def test_expect_100_and_http_1_0(gateway: Gateway) -> None:
    """curl's Expect is answered, and a client of HTTP/1.0 gets a list that ends with the connection."""
    gateway.make("old")
    with gateway.connect() as connection:
        headers = {"Content-Length": str(len(DATA)), "Expect": "100-continue"}
        connection.sendall(gateway.head("POST", f"/old/data/{NAME}", headers))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(DATA)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    with gateway.connect() as connection:
        connection.sendall(b"GET /old/data/ HTTP/1.0\r\n\r\n")
        answer = b""
        while more := connection.recv(4096):
            answer += more
    assert answer.endswith(b'["' + NAME.encode() + b'"]')
