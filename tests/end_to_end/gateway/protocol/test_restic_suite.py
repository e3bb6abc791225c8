"""Cases of restic's backend suite and of rest-server's tests, over raw sockets, at a server that deletes."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateway_inside import descriptors
from tests.support.servers.gateways import V2, Gateway, name_of, over_tls
from tests.support.servers.replies import chunked
from tests.support.waiting import until

KINDS = ("keys", "locks", "snapshots", "index", "data")
DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)


@pytest.fixture(scope="module", params=["http", "https"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway without --append-only, as restic's suite wants it, spoken to plainly and over TLS."""
    gateway = Gateway(tmp_path_factory.mktemp("full"), flags=("--no-auth",), workers=2)
    with over_tls(gateway) if request.param == "https" else gateway as running:
        yield running


def listed(gateway: Gateway, path: str) -> dict[str, int]:
    """A list as names and sizes."""
    return {one["name"]: one["size"] for one in gateway.ask("GET", path, headers={"Accept": V2}).json()}


@pytest.mark.parametrize("prefix", ["", "/a/b"])
@pytest.mark.parametrize("kind", KINDS)
def test_restic_test_backend(full: Gateway, prefix: str, kind: str) -> None:
    """TestBackend: absent is 404 also by odd names; saved, read in parts, removed, made again, listed."""
    assert full.put(f"{prefix}/?create=true", b"") == 200
    folder = f"{prefix}/{kind}"
    assert full.ask("HEAD", f"{folder}/foobar").status == 404
    assert full.ask("GET", f"{folder}/foobar").status == 404
    assert listed(full, f"{folder}/") == {}
    texts = [b"foobar", b"baz-%d" % len(kind), b"longer text" * 100, b"", os.urandom(5000)]
    names = {name_of(text): len(text) for text in texts}
    for text in texts:
        path = f"{folder}/{name_of(text)}"
        assert full.ask("HEAD", path).status == 404
        assert full.ask("GET", path, headers={"Range": "bytes=0-"}).status == 404
        assert full.put(path, text) == 200
        head = full.ask("HEAD", path)
        assert (head.status, int(head.headers["content-length"])) == (200, len(text))
        if len(text) > 6:
            part = full.ask("GET", path, headers={"Range": f"bytes=3-{len(text) - 2}"})
            assert (part.status, part.body) == (206, text[3:-1])
    assert listed(full, f"{folder}/") == names
    first = f"{folder}/{name_of(texts[0])}"
    assert full.ask("DELETE", first).status == 200
    assert full.ask("HEAD", first).status == 404
    assert full.put(first, texts[0]) == 200
    assert full.ask("GET", first).body == texts[0]
    for text in texts:
        assert full.ask("DELETE", f"{folder}/{name_of(text)}").status == 200
    assert listed(full, f"{folder}/") == {}


def test_restic_test_config(full: Gateway) -> None:
    """TestConfig, TestCreateWithConfig: absent, stored, read whole; creating again leaves it alone."""
    assert full.put("/configs/?create=true", b"") == 200
    assert full.ask("GET", "/configs/config").status == 404
    assert full.ask("HEAD", "/configs/config").status == 404
    assert full.put("/configs/config", b"test-config") == 200
    assert full.put("/configs/?create=true", b"") == 200
    for asked in ({}, {"Range": "bytes=0-"}):
        assert full.ask("GET", "/configs/config", headers=asked).body == b"test-config"
    assert full.put("/configs/config", b"another") == 403


def test_restic_test_list_with_parallel_saves(full: Gateway) -> None:
    """TestList: forty objects that are saved at once are all listed, with their sizes."""
    full.make("parallel")
    dice = random.Random(3)
    objects = [dice.randbytes(dice.randrange(1, 200_000)) for _ in range(40)]
    assert full.put_at_once([(f"/parallel/data/{name_of(one)}", one) for one in objects]) == [200] * 40
    assert listed(full, "/parallel/data/") == {name_of(one): len(one) for one in objects}


def test_restic_test_list_cancel(full: Gateway) -> None:
    """TestListCancel: clients that go away within a list leave nothing open, and the next one gets all of it."""
    full.make("cancelled")
    for number in range(5000):
        (full.data / "cancelled/index" / f"{number:064x}").write_bytes(b"x")
    assert len(listed(full, "/cancelled/index/")) == 5000
    before = descriptors(full)
    for _ in range(20):
        with full.connect() as connection:
            connection.sendall(full.head("GET", "/cancelled/index/", {"Accept": V2}))
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    until(lambda: descriptors(full) <= before, full.said)
    assert len(listed(full, "/cancelled/index/")) == 5000


def test_restic_test_load(full: Gateway) -> None:
    """TestLoad: any range of an object has its bytes; one from its end on is 416; cut reads are harmless."""
    full.make("ranges")
    dice = random.Random(5)
    data = dice.randbytes(300_000)
    path = f"/ranges/data/{name_of(data)}"
    assert full.put(path, data) == 200
    for _ in range(50):
        offset = dice.randrange(len(data))
        length = dice.randrange(1, len(data) + 1000)
        reply = full.ask("GET", path, headers={"Range": f"bytes={offset}-{offset + length - 1}"})
        assert (reply.status, reply.body) == (206, data[offset : offset + length])
        assert int(reply.headers["content-length"]) == len(reply.body)
    for offset in (len(data), len(data) + 1):
        assert full.ask("GET", path, headers={"Range": f"bytes={offset}-"}).status == 416
    before = descriptors(full)
    for _ in range(10):
        with full.connect() as connection:
            connection.sendall(full.head("GET", path, {"Range": "bytes=0-"}))
            connection.recv(10)
    until(lambda: descriptors(full) <= before, full.said)


def test_restic_test_save_and_zzz_delete(full: Gateway) -> None:
    """TestSave, TestZZZDelete: objects up to megabytes come back; all is deleted, the absent and the config, too."""
    full.make("deleted")
    objects = [os.urandom(size) for size in (1, 23, 4096, 1 << 20, (3 << 20) + 1)]
    for one in objects:
        path = f"/deleted/data/{name_of(one)}"
        assert full.put(path, one) == 200
        assert full.ask("GET", path).body == one
        for _ in range(2):
            assert full.ask("DELETE", path).status == 200
    for _ in range(2):
        assert full.ask("DELETE", "/deleted/config").status == 200
    assert listed(full, "/deleted/data/") == {}


@pytest.mark.parametrize("kind", KINDS)
def test_restic_test_save_error(full: Gateway, kind: str) -> None:
    """TestSaveError: a sender that fails within a body, of a known length or chunked, has stored nothing."""
    full.make(f"failing-{kind}")
    data = os.urandom(40_000)
    path = f"/failing-{kind}/{kind}/{name_of(data)}"
    for headers, body in (({"Content-Length": "40000"}, data), ({"Transfer-Encoding": "chunked"}, chunked(data))):
        for sent in (0, 1, 17_000, len(body) - 1):
            with full.connect() as connection:
                connection.sendall(full.head("POST", path, headers) + body[:sent])
    left = full.data / f"failing-{kind}/.strongroom/tmp"
    until(lambda: not left.exists() or not os.listdir(left), full.said)
    assert full.ask("HEAD", path).status == 404
    assert listed(full, f"/failing-{kind}/{kind}/") == {}
    assert full.put(path, data) == 200


@pytest.mark.parametrize("kind", KINDS)
def test_restic_test_save_wrong_hash(full: Gateway, kind: str) -> None:
    """TestSaveWrongHash: other bytes than the name's are refused and not stored, and the right ones are stored then."""
    full.make(f"wrong-{kind}")
    data = os.urandom(2000)
    path = f"/wrong-{kind}/{kind}/{name_of(data)}"
    for wrong in (b"", data[:-1], data + b"x", data[:-1] + bytes([data[-1] ^ 1])):
        assert full.put(path, wrong) == 400
        assert full.ask("POST", path, chunked(wrong), {"Transfer-Encoding": "chunked"}).status == 400
        assert full.ask("HEAD", path).status == 404
    assert listed(full, f"/wrong-{kind}/{kind}/") == {}
    assert full.put(path, data) == 200
    assert full.put(path, data[:-1]) in (400, 403)
    assert full.ask("GET", path).body == data


def test_restic_test_required_attributes(full: Gateway) -> None:
    """TestRequiredAttributes: what its client takes for granted: five connections at once, each kept from one request
    to the next, and a length with every object."""
    full.make("attributes")
    data = os.urandom(1000)
    path = f"/attributes/data/{name_of(data)}"
    assert full.put(path, data) == 200
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(full.connect()) for _ in range(5)]
        for _ in range(3):
            for connection in connections:
                connection.sendall(full.head("GET", path))
            for connection in connections:
                answer = b""
                while not answer.endswith(data):
                    more = connection.recv(65536)
                    assert more
                    answer += more
                assert b"content-length: 1000\r\n" in answer.lower()


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_restic_test_strip_password_call(tmp_path: Path, tls: bool) -> None:
    """TestStripPasswordCall: no password is in what either end says or keeps, right or wrong."""
    secrets = {"right": "pass-word-right", "wrong": "pass-word-wrong"}
    flags = ("--log", str(tmp_path / "access.log"))
    gateway = Gateway(tmp_path, flags=flags, users={"user": secrets["right"]})
    with over_tls(gateway) if tls else gateway:
        said = ""
        for password in secrets.values():
            scheme = f"http{'s' if tls else ''}"
            place = f"rest:{scheme}://user:{password}@localhost:{gateway.address.rpartition(':')[2]}/r/"
            trust = ("--cacert", str(tmp_path / "authority.pem")) if tls else ()
            env = environment(tmp_path, {"STRONGROOM_PASSWORD": "secret"})
            for verb in ("init", "snapshots"):
                done = run([STRONGROOM, "-r", place, *trust, verb], env=env)
                assert (done.code == 0) == (password == secrets["right"]), done.err
                said += done.out + done.err
        gateway.stop()
        said += gateway.said() + (tmp_path / "access.log").read_text()
        assert "/r/" in said
        assert not any(password in said for password in secrets.values())


def test_rest_server_test_aborted_request(full: Gateway) -> None:
    """TestAbortedRequest: an upload that hangs and fails does not touch what another upload stored under its name."""
    full.make("aborted")
    for kind in ("data", "locks"):
        path = f"/aborted/{kind}/{NAME}"
        hanging = full.connect()
        hanging.sendall(full.head("POST", path, {"Content-Length": str(len(DATA))}) + DATA[:100])
        assert full.ask("DELETE", path).status == 200
        assert full.put(path, DATA) == 200
        hanging.close()
        until(lambda: not os.listdir(full.data / "aborted/.strongroom/tmp"), full.said)
        assert full.ask("GET", path).body == DATA
        assert full.put(path, DATA) == 200
    assert os.listdir(full.data / "aborted/.strongroom/tmp") == []


def test_rest_server_test_error_handler(full: Gateway) -> None:
    """TestResticErrorHandler: a config that cannot be read is never 404, a repository that is not there is."""
    config = full.data / "unreadable/config"
    config.parent.mkdir()
    if os.geteuid():
        config.write_bytes(b"config")
        config.chmod(0)
        assert full.ask("GET", "/unreadable/config").status == 500
        config.unlink()
    config.symlink_to("config")  # a loop: root, too, cannot read it
    assert full.ask("GET", "/unreadable/config").status in (403, 500)
    assert full.ask("GET", "/not-there/config").status == 404
