"""Bodies at a gateway: ranges, chunks, empty ones, and those that end early."""

from __future__ import annotations

import os

import pytest

from tests.support.servers.gateways import Gateway, name_of
from tests.support.servers.replies import chunked
from tests.support.waiting import until

DATA = b"some bytes of a pack" * 100


NAME = name_of(DATA)


RANGES = [
    ("bytes=0-", 206, b"abcdef", "bytes 0-5/6"),
    ("bytes=3-100", 206, b"def", "bytes 3-5/6"),
    ("bytes=1-2", 206, b"bc", "bytes 1-2/6"),
    ("bytes=-2", 206, b"ef", "bytes 4-5/6"),
    ("bytes=-100", 206, b"abcdef", "bytes 0-5/6"),
    ("bytes=6-", 416, None, "bytes */6"),
    ("bytes=5-2", 416, None, "bytes */6"),
    ("bytes=-0", 416, None, "bytes */6"),
    ("bytes=x", 416, None, "bytes */6"),
    ("Bytes=1-2", 206, b"bc", "bytes 1-2/6"),
    ("items=0-1", 200, b"abcdef", None),
    ("bytes", 200, b"abcdef", None),
    ("bytes=0-1,3-4", 200, b"abcdef", None),
]


@pytest.mark.parametrize(("asked", "status", "body", "content_range"), RANGES)
def test_ranges_as_gos_server_reads_them(
    gateway: Gateway, asked: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    """Each form of range has Go's status, bytes and Content-Range, with a Content-Length; another unit is ignored."""
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
