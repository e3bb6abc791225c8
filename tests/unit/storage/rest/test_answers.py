"""The REST store against a server that goes wrong in every way that the protocol's reference names."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest import lists as rest_list
from strongroom.storage.transient import Busy
from tests.support.clock import ManualClock
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from strongroom.storage.contract import Store

DATA = b"the bytes of a pack"
PACK = ObjectName(Kind.DATA, hashlib.sha256(DATA).hexdigest())
KEY = f"repo/{PACK}"
ONCE = StoreOptions(retry_for=0)


def retrying(server: RestServer) -> Store:
    """A store that retries on a clock of its own."""
    return open_store(f"rest:{server.url}", StoreOptions(clock=ManualClock()))


def test_a_lost_answer_is_settled_by_reading_back(server: RestServer, store: Store) -> None:
    """The server stored the object and the answer was lost: that is success, found out by a GET, without a DELETE."""
    server.fail("POST", "lost-answer")
    store.create(PACK, DATA)
    assert server.objects[KEY] == DATA
    assert server.methods == ["POST", "GET"]


def test_a_lost_answer_to_staged_bytes(server: RestServer, store: Store) -> None:
    """The same where the bytes came in pieces and are gone: their hash is compared."""
    server.fail("POST", "lost-answer")
    with store.stage(PACK, len(DATA)) as upload:
        upload.write(DATA[:5])
        upload.write(DATA[5:])
        upload.commit()
    assert server.objects[KEY] == DATA


def test_a_lost_request_is_sent_again(server: RestServer) -> None:
    """Nothing was stored: the object is sent again, and nothing is deleted in between."""
    server.fail("POST", "lost", times=3)
    store = retrying(server)
    store.create(PACK, DATA)
    assert server.objects[KEY] == DATA
    assert "DELETE" not in server.methods


def test_our_own_bytes_under_the_name_are_success(server: RestServer, store: Store) -> None:
    """403 because the name is taken: the same bytes are success, others are Exists."""
    store.create(PACK, DATA)
    store.create(PACK, DATA)
    server.objects[KEY] = DATA[::-1]
    with pytest.raises(errors.Exists):
        store.create(PACK, DATA)
    assert server.objects[KEY] == DATA[::-1]


def test_a_403_for_an_absent_name_is_a_refusal(server: RestServer, store: Store) -> None:
    """403 although nothing is there means that we may not; it is not retried."""
    server.fail("POST", "status", status=403, text="keys are frozen\n")
    with pytest.raises(errors.Refused, match="keys are frozen"):
        store.create(PACK, DATA)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.Unavailable),
        (401, errors.Refused),
        (405, errors.Unsupported),
        (409, errors.Unavailable),
        (413, errors.Refused),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (502, errors.Unavailable),
        (503, errors.Unavailable),
        (507, errors.Full),
    ],
)
def test_statuses_of_uploads(server: RestServer, store: Store, status: int, error: type[Exception]) -> None:
    """Each status of a POST is the error that its place in the reference's table asks for."""
    server.fail("POST", "status", status=status)
    with pytest.raises(error) as caught:
        store.create(PACK, DATA)
    assert type(caught.value) is error
    assert not server.objects


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, errors.Refused),
        (400, errors.Refused),
        (401, errors.Refused),
        (403, errors.Refused),
        (404, errors.Missing),
        (500, errors.Unavailable),
        (504, errors.Unavailable),
    ],
)
def test_statuses_of_reads(server: RestServer, store: Store, status: int, error: type[Exception]) -> None:
    """Each status of HEAD and GET; a fault of the server is never Missing."""
    server.fail("HEAD", "status", status=status)
    server.fail("GET", "status", status=status)
    with pytest.raises(error):
        store.stat(PACK)
    with pytest.raises(error):
        store.read_bytes(PACK)


def test_patience_that_the_server_asks_for(server: RestServer, store: Store) -> None:
    """Retry-After is handed on."""
    server.fail("POST", "status", status=503, headers={"Retry-After": "7"})
    with pytest.raises(Busy) as caught:
        store.create(PACK, DATA)
    assert caught.value.retry_after == 7


def test_an_early_refusal_is_heard(server: RestServer, store: Store) -> None:
    """A server that refuses a large body before reading it is heard, not taken for a broken connection."""
    server.fail("POST", "status", status=507, text="quota\n")
    with pytest.raises((errors.Full, errors.Unavailable)):
        store.create(PACK, bytes(64 << 20))
    assert not server.objects


def test_a_short_body_is_noticed(server: RestServer, store: Store) -> None:
    """A body that ends before its length is a passing fault, never a short object; a retry completes it."""
    data = os.urandom(300_000)
    name = ObjectName(Kind.DATA, hashlib.sha256(data).hexdigest())
    store.create(name, data)
    server.fail("GET", "short", times=2)
    with pytest.raises(errors.Unavailable):
        store.read_bytes(name)
    with pytest.raises(errors.Unavailable):
        store.read_bytes(name, 5, 200_000)
    server.fail("GET", "short", times=3)
    assert retrying(server).read_bytes(name) == data


def test_another_range_is_noticed(server: RestServer, store: Store) -> None:
    """A server that answers with another range than it was asked for is not believed."""
    store.create(PACK, DATA)
    server.fail("GET", "wrong-range")
    with pytest.raises(errors.StoreError, match="another range"):
        store.read_bytes(PACK, 3, 5)


def test_a_range_of_the_config(store: Store) -> None:
    """rest-server ignores ranges of the config: what comes before the range is left out."""
    store.create(CONFIG, b"0123456789")
    assert store.read_bytes(CONFIG, 3, 4) == b"3456"
    with pytest.raises(errors.Damaged):
        store.read_bytes(CONFIG, 8, 4)


def test_an_answer_without_a_length(server: RestServer, store: Store) -> None:
    """Where a proxy takes the length away, it is asked for separately."""
    store.create(PACK, DATA)
    server.fail("GET", "no-length", times=2)
    assert store.read_bytes(PACK) == DATA
    assert store.read_bytes(PACK, 2, 4) == DATA[2:6]


def test_lists_in_pieces() -> None:
    """A list of 50,000 objects that arrives in odd pieces comes out sorted, without strays and doubles."""
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(50_000)]
    rows = [{"name": name, "size": number} for number, name in enumerate(names)]
    rows.insert(25_000, {"name": 'stray "}, {', "size": 1})
    rows.append(rows[0])
    text = json.dumps(rows).encode()
    position = 0

    def read(_: int) -> bytes:
        nonlocal position
        position += 65_537
        return text[position - 65_537 : position]

    found = list(rest_list.sorted_entries(read, None, "list"))
    assert found == sorted((name, number) for number, name in enumerate(names))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[1]", b'["a"]', b"nonsense", b"[" * 100_000, b'[{"name":"%s","size":-1}]' % (b"a" * 64),
        b'[{"name":"%s","size":1e3}]' % (b"a" * 64), b'[{"name":"%s"}]' % (b"a" * 64), b'[{"name":1,"size":1}',
    ],
)  # fmt: skip
def test_lists_that_are_none(text: bytes) -> None:
    """What is no list is Damaged, never empty."""
    parts = [text]
    with pytest.raises(errors.Damaged):
        list(rest_list.sorted_entries(lambda _: parts.pop() if parts else b"", None, "list"))


def test_a_server_without_folders(server: RestServer, store: Store) -> None:
    """404 for a list is an empty folder; from rclone, whose 404 can mean anything, it is a fault."""
    server.fail("GET", "status", times=2, status=404)
    assert not list(store.list(Kind.INDEX))
    server.banner = "rclone/v1.76"
    with pytest.raises(errors.Unavailable):
        list(open_store(f"rest:{server.url}", ONCE).list(Kind.INDEX))


def test_a_server_that_replaces_is_asked_first(server: RestServer) -> None:
    """rclone would replace what is there, and so might an unknown server: a look goes before the upload."""
    for banner, asked in (
        ("rclone/v1.76", ["HEAD", "POST", "HEAD", "GET"]),
        ("other", ["HEAD", "POST", "POST", "GET"]),
    ):
        server.banner = banner
        server.objects.clear()
        server.requests.clear()
        store = open_store(f"rest:{server.url}", ONCE)
        store.create(PACK, DATA)
        with pytest.raises(errors.Exists):
            store.create(PACK, DATA[::-1])
        assert server.methods == asked
        assert store.conditional_create is (banner == "other")


def test_racing_creators_through_one_store(server: RestServer, store: Store) -> None:
    """Twenty threads that send the same pack all succeed."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            store.create(PACK, DATA)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert server.objects == {KEY: DATA}


def test_promises_are_handed_on(server: RestServer) -> None:
    """What a gateway signs for an object that it accepted reaches whoever keeps promises, with the object's name."""
    server.accepted = {"Strongroom-Receipt": "signed"}
    kept: list[tuple[ObjectName, str]] = []
    options = StoreOptions(retry_for=0, on_promise=lambda name, promise: kept.append((name, promise)))
    with open_store(f"rest:{server.url}", options) as store:
        store.create(PACK, DATA)
    assert kept == [(PACK, "signed")]
