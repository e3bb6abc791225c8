"""restic's REST protocol at the gateway, request by request: rest-server's cases, rclone's, and what they lack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.gateways import V2, Gateway, chunked, name_of
from tests.support.waiting import until

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)
KINDS = ("data", "index", "keys", "locks", "snapshots")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An append-only gateway without authentication, for all tests of this file; each makes its own repositories."""
    with Gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


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


def test_lists_have_exactly_the_types_that_clients_compare(gateway: Gateway) -> None:
    """Versions 1 and 2, empty and with objects, by Accept; strangers in the folder are not listed."""
    gateway.make("lists")
    empty = gateway.ask("GET", "/lists/data/", headers={"Accept": V2})
    assert (empty.status, empty.body, empty.headers["content-type"]) == (200, b"[]", V2)
    packs = [b"pack %d" % number for number in range(20)]
    for pack in packs:
        assert gateway.put(f"/lists/data/{name_of(pack)}", pack) == 200
    for shard in ("00", "ab", NAME[:2]):
        (gateway.data / "lists/data" / shard).mkdir(exist_ok=True)
    for stray in (".DS_Store", "ab/notes.txt", f"{NAME[:2]}/{NAME}.tmp"):
        path = gateway.data / "lists/data" / stray
        path.write_text("stray")
    (gateway.data / "lists/data/00" / ("0" * 64)).symlink_to("/etc/passwd")
    expected = {name_of(pack): len(pack) for pack in packs}
    found = gateway.ask("GET", "/lists/data/", headers={"Accept": V2}).json()
    assert {one["name"]: one["size"] for one in found} == expected
    one = gateway.ask("GET", "/lists/data/")
    assert one.headers["content-type"] == "application/vnd.x.restic.rest.v1"
    assert sorted(one.json()) == sorted(expected)
    assert gateway.ask("GET", "/lists/data/", headers={"Accept": "text/html, " + V2 + ";q=0.9"}).json() == found
    assert gateway.ask("GET", "/lists/data/", headers={"Accept": "application/vnd.x.restic.rest.v9"}).status == 406
    assert gateway.ask("GET", "/lists/data/", headers={"Accept": "application/vnd.x.restic.rest.v9, */*"}).status == 200
    assert gateway.ask("GET", "/lists/data").status == 404
    assert gateway.ask("HEAD", "/lists/data/").status == 405
    assert gateway.ask("GET", f"/lists/data/{'0' * 64}").status in (403, 500)
    assert gateway.ask("GET", "/never-made/data/", headers={"Accept": V2}).body == b"[]"


def test_a_large_list_streams(gateway: Gateway) -> None:
    """A list that is longer than a piece arrives whole, in chunks, and once."""
    gateway.make("many")
    names = [f"{number:064x}" for number in range(3000)]
    for name in names:
        (gateway.data / "many/snapshots" / name).write_bytes(b"12345")
    reply = gateway.ask("GET", "/many/snapshots/", headers={"Accept": V2})
    assert reply.headers["transfer-encoding"] == "chunked"
    assert [one["name"] for one in reply.json()] == names
    assert {one["size"] for one in reply.json()} == {5}


def test_the_paginated_draft(gateway: Gateway) -> None:
    """Version 3 gives pages by name; what is there throughout comes exactly once though others come and go."""
    v3 = {"Accept": "application/vnd.x.restic.rest.v3"}
    gateway.make("pages")
    folder = gateway.data / "pages/index"
    names = [f"{number * 10:064x}" for number in range(25)]
    for name in names:
        (folder / name).write_bytes(b"1")
    seen: list[str] = []
    token = ""
    for page in range(100):
        reply = gateway.ask("GET", f"/pages/index/?count=4&continue={token}", headers=v3)
        assert reply.headers["content-type"] == v3["Accept"]
        seen += [one["name"] for one in reply.json()["items"]]
        token = reply.json()["continue"]
        if not token:
            break
        (folder / f"{page * 10 + 5:064x}").write_bytes(b"1")
        Path(folder / f"{page * 10 + 5 - 10:064x}").unlink(missing_ok=True)
    assert [name for name in seen if name in names] == names
    assert len(seen) == len(set(seen))
    for bad in ("count=0", "count=10001", "count=x", "continue=../x"):
        assert gateway.ask("GET", f"/pages/index/?{bad}", headers=v3).status == 400


RANGES = [
    ("bytes=0-", 206, b"abcdef", "bytes 0-5/6"),
    ("bytes=3-100", 206, b"def", "bytes 3-5/6"),
    ("bytes=1-2", 206, b"bc", "bytes 1-2/6"),
    ("bytes=-2", 206, b"ef", "bytes 4-5/6"),
    ("bytes=-100", 206, b"abcdef", "bytes 0-5/6"),
    ("bytes=6-", 416, None, "bytes */6"),
    ("bytes=5-2", 416, None, "bytes */6"),
    ("bytes=-0", 416, None, "bytes */6"),
    ("items=0-1", 416, None, "bytes */6"),
    ("bytes=0-1,3-4", 200, b"abcdef", None),
]


@pytest.mark.parametrize(("asked", "status", "body", "content_range"), RANGES)
def test_ranges_as_gos_server_reads_them(
    gateway: Gateway, asked: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    """Each form of range has Go's status, bytes and Content-Range, with a Content-Length."""
    gateway.make("ranges")
    path = f"/ranges/data/{name_of(b'abcdef')}"
    assert gateway.put(path, b"abcdef") == 200
    reply = gateway.ask("GET", path, headers={"Range": asked})
    assert reply.status == status
    assert reply.headers.get("content-range") == content_range
    assert "content-length" in reply.headers
    if body is not None:
        assert reply.body == body


def test_empty_files_and_whole_configs(gateway: Gateway) -> None:
    """An empty lock is 200 and empty whatever range is asked; a config is whole; HEAD has the true length."""
    config = gateway.make("heads")
    (gateway.data / "heads/locks" / NAME).write_bytes(b"")
    empty = gateway.ask("GET", f"/heads/locks/{NAME}", headers={"Range": "bytes=0-"})
    assert (empty.status, empty.body) == (200, b"")
    whole = gateway.ask("GET", "/heads/config", headers={"Range": "bytes=0-"})
    assert (whole.status, whole.body) == (200, config)
    head = gateway.ask("HEAD", "/heads/config")
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(config)), b"")
    assert gateway.ask("HEAD", f"/heads/data/{NAME}").status == 404


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 70_000, 1_000_000])
def test_chunked_bodies(gateway: Gateway, size: int) -> None:
    """rustic's bodies without a length are stored whole, for every kind, and a wrong one is refused."""
    gateway.make(f"chunked{size}")
    data = os.urandom(size)
    for kind in ("data", "index", "keys", "locks", "snapshots"):
        path = f"/chunked{size}/{kind}/{name_of(data)}"
        headers = {"Transfer-Encoding": "chunked"}
        assert gateway.ask("POST", path, chunked(data + b"x"), headers).status in (400, 507)
        if size <= 65536 or kind not in ("keys", "locks"):
            assert gateway.ask("POST", path, chunked(data), headers).status == 200
            assert gateway.ask("GET", path).body == data
        else:
            assert gateway.ask("POST", path, chunked(data), headers).status == 507


@pytest.mark.parametrize(
    "line", [b" 3", b"3 ", b"3 ;a", b"\t3", b"+3", b"0x3", b"3_0", b"", b";", b"3;a\rb", b"-3", b"3" * 16, b"\xb23"]
)
def test_a_chunks_size_is_plain_digits(gateway: Gateway, line: bytes) -> None:
    """What another parser might read as another length is no chunk, and nothing is stored."""
    path = f"/chunks/data/{name_of(b'abc')}"
    gateway.make("chunks")
    assert gateway.ask("POST", path, line + b"\r\nabc\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}).status == 400
    assert gateway.ask("GET", path).status == 404


@pytest.mark.parametrize(
    "count",
    [
        "000000001999999999",
        "9" * 5000,
        "01",
        "+5",
        "-1",
        "0",
        "",
        "%D9%A5",
        "1_0",
        "1e3",
        "%205",
        "0x5",
        "10001",
        "5.0",
    ],
)
def test_a_pages_count_is_plain_digits(gateway: Gateway, count: str) -> None:
    """A count that is no number within its bounds is refused, however it is written."""
    gateway.make("counted")
    accept = {"Accept": "application/vnd.x.restic.rest.v3"}
    assert gateway.ask("GET", f"/counted/keys/?count={count}", headers=accept).status == 400
    assert gateway.ask("GET", "/counted/keys/?count=10000", headers=accept).status == 200


def test_absolute_targets_are_read_as_paths(gateway: Gateway) -> None:
    """A target with scheme and host is its path; what follows a question mark is never one."""
    config = gateway.make("absolute")
    assert gateway.ask("GET", "http://elsewhere:8000/absolute/config").body == config
    assert gateway.ask("GET", "https://elsewhere?x=/absolute/config").status in (404, 405)


def test_short_bodies_leave_nothing(gateway: Gateway) -> None:
    """A body that breaks off stores nothing, leaves no file, and the next upload of the name succeeds."""
    gateway.make("short")
    for path, data in ((f"/short/data/{NAME}", DATA), (f"/short/keys/{NAME}", DATA)):
        with gateway.connect() as connection:
            connection.sendall(gateway.head("POST", path, {"Content-Length": str(len(data) + 42)}) + data)
        with gateway.connect() as connection:
            connection.sendall(gateway.head("POST", path, {"Transfer-Encoding": "chunked"}) + b"10\r\n" + data[:16])
        assert gateway.ask("GET", path).status == 404
        assert gateway.put(path, data) == 200
    until(lambda: not os.listdir(gateway.data / "short/.strongroom/tmp"), gateway.said)


def test_a_cut_config_bricks_nothing(gateway: Gateway) -> None:
    """A connection that is cut within ``POST config`` leaves no config, and the whole one is stored afterwards."""
    assert gateway.put("/cut/?create=true", b"") == 200
    with gateway.connect() as connection:
        connection.sendall(gateway.head("POST", "/cut/config", {"Content-Length": "155"}) + b"abc")
    assert gateway.ask("HEAD", "/cut/config").status == 404
    assert gateway.put("/cut/config", b"x" * 155) == 200


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
