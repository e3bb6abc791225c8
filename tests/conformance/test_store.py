"""What the storage contract promises, proved for every store."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from strongroom.base import errors
from strongroom.base.objects import CONFIG, NAMED_KINDS, Kind, ObjectName

if TYPE_CHECKING:
    from strongroom.storage.contract import Store
    from strongroom.storage.removal import Removal


def named(kind: Kind, data: bytes) -> ObjectName:
    """The object name of these bytes."""
    return CONFIG if kind is Kind.CONFIG else ObjectName(kind, hashlib.sha256(data).hexdigest())


def put(store: Store, kind: Kind, data: bytes) -> ObjectName:
    """Create an object under its hash."""
    name = named(kind, data)
    store.create(name, data)
    return name


def goes_away(store: Store, name: ObjectName) -> bool:
    """Whether the object is not there; rclone of old writes in place and needs a moment to clear a cut upload away."""
    patience = 2000 if store.location.startswith("rclone:") else 1
    for _ in range(patience):
        try:
            store.stat(name)
        except errors.Missing:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_round_trip(store: Store, kind: Kind) -> None:
    """What was created is listed, has its size, and reads back the same, whole and in ranges."""
    data = os.urandom(60_001)
    name = put(store, kind, data)
    assert store.stat(name).size == len(data)
    assert [(info.name, info.size) for info in store.list(kind)] == [(name, len(data))]
    assert store.read_bytes(name) == data
    assert store.read_bytes(name, 1, 5) == data[1:6]
    assert store.read_bytes(name, 60_000) == data[-1:]
    assert store.read_bytes(name, 0, 1) == data[:1]


def test_an_empty_store_is_empty(store: Store) -> None:
    """A prepared store lists nothing, and preparing it again destroys nothing."""
    assert all(not list(store.list(kind)) for kind in Kind)
    name = put(store, Kind.DATA, b"kept")
    store.prepare()
    assert store.read_bytes(name) == b"kept"


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_missing(store: Store, kind: Kind) -> None:
    """An object that is not there is Missing to stat and read."""
    name = named(kind, b"never stored")
    with pytest.raises(errors.Missing):
        store.stat(name)
    with pytest.raises(errors.Missing):
        store.read_bytes(name)
    with pytest.raises(errors.Missing):
        store.read_bytes(name, 3, 4)


def test_the_same_bytes_again_are_success(store: Store) -> None:
    """Creating an object a second time with the same bytes succeeds and changes nothing."""
    for kind in Kind:
        data = f"bytes of {kind}".encode()
        name = put(store, kind, data)
        put(store, kind, data)
        assert store.read_bytes(name) == data
        assert len(list(store.list(kind))) == 1


@pytest.mark.parametrize("kind", [Kind.CONFIG, Kind.DATA, Kind.KEY], ids=lambda kind: kind.value)
@pytest.mark.parametrize("other", [b"other bytes", b"four more bytes than that", b""], ids=["same", "longer", "empty"])
def test_other_bytes_never_replace(store: Store, kind: Kind, other: bytes) -> None:
    """Other bytes under a taken name are Exists, and the first bytes stay."""
    data = b"first bytes"
    name = put(store, kind, data)
    with pytest.raises((errors.Exists, errors.Unavailable)):
        store.create(name, other)
    with pytest.raises((errors.Exists, errors.Unavailable)), store.stage(name) as upload:
        upload.write(other)
        upload.commit()
    assert store.read_bytes(name) == data


def test_staging(store: Store) -> None:
    """An object exists once it is committed, not before, and not when it was aborted."""
    for size in (None, 500_000):
        name = named(Kind.DATA, os.urandom(8))
        with store.stage(name, size) as upload:
            upload.write(os.urandom(100_000))
        assert goes_away(store, name)
    # Another name than those: rclone 1.60 writes in place, and may still be tidying up.
    blocks = [os.urandom(100_000) for _ in range(5)]
    data = b"".join(blocks)
    name = named(Kind.DATA, data)
    with store.stage(name, len(data)) as upload:
        for block in blocks:
            upload.write(memoryview(bytearray(block)))
        upload.commit()
        upload.abort()
    assert store.read_bytes(name) == data


def test_a_short_upload_is_refused(store: Store) -> None:
    """Fewer bytes than announced do not become an object."""
    name = named(Kind.DATA, b"announced")
    with pytest.raises(errors.Damaged), store.stage(name, 9) as upload:
        upload.write(b"announ")
        upload.commit()
    assert goes_away(store, name)


def test_empty_objects(store: Store) -> None:
    """An object without bytes is stored, listed and read."""
    name = put(store, Kind.LOCK, b"")
    assert store.read_bytes(name) == b""
    assert [info.size for info in store.list(Kind.LOCK)] == [0]


def test_listing_is_ordered_and_continues(store: Store) -> None:
    """Listing is by name, holds each object once, and goes on after any name."""
    for kind in (Kind.DATA, Kind.SNAPSHOT):
        names = sorted(put(store, kind, f"{kind} {number}".encode()).name for number in range(30))
        assert [info.name.name for info in store.list(kind)] == names
        for index in (0, 7, 28, 29):
            assert [info.name.name for info in store.list(kind, after=names[index])] == names[index + 1 :]
        assert [info.name.name for info in store.list(kind, after="0" * 64)] == names
        assert not list(store.list(kind, after="f" * 64))
    assert not list(store.list(Kind.INDEX))


def test_ranges_beyond_the_end(store: Store) -> None:
    """A range that the object does not have is Damaged, never short."""
    name = put(store, Kind.DATA, b"0123456789")
    for offset, length in ((0, 11), (8, 3), (10, 1), (50, 1), (11, None)):
        with pytest.raises(errors.Damaged):
            store.read_bytes(name, offset, length)


def test_reading_in_pieces(store: Store) -> None:
    """A reader says how long it is, and gives every byte once."""
    data = os.urandom(300_000)
    name = put(store, Kind.DATA, data)
    with store.read(name, 1000, 250_000) as reader:
        assert reader.size == 250_000
        pieces = []
        while piece := reader.read(4096):
            assert len(piece) <= 4096
            pieces.append(piece)
    assert b"".join(pieces) == data[1000:251_000]


def test_a_descriptor_reads_the_range(store: Store) -> None:
    """Where a reader has a descriptor, it stands at the range's first byte."""
    name = put(store, Kind.DATA, b"0123456789")
    with store.read(name, 3, 4) as reader:
        descriptor = reader.fileno()
        assert (b"3456" if descriptor is None else os.read(descriptor, 4)) == b"3456"


def test_leaving_a_reader_early(store: Store) -> None:
    """A reader that is closed half-way disturbs nothing that comes after."""
    data = os.urandom(2_000_000)
    name = put(store, Kind.DATA, data)
    for _ in range(8):
        with store.read(name) as reader:
            reader.read(10)
    assert store.read_bytes(name, 5, 5) == data[5:10]


def test_many_threads(store: Store) -> None:
    """Forty objects created and read by eight threads are all there and whole."""
    bodies = [random.Random(number).randbytes(20_000 + number) for number in range(40)]
    failures: list[BaseException] = []

    def work(part: list[bytes]) -> None:
        try:
            for body in part:
                name = put(store, Kind.DATA, body)
                assert store.read_bytes(name, 100, 1000) == body[100:1100]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(bodies[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {info.name: info.size for info in store.list(Kind.DATA)} == {
        named(Kind.DATA, body): len(body) for body in bodies
    }


def test_racing_creators(store: Store) -> None:
    """Of twelve creators of one config with different bytes exactly one wins, where the store says so itself."""
    if not store.conditional_create:
        pytest.skip("this store cannot tell racing creators apart")
    won: list[bytes] = []
    lost: list[BaseException] = []
    barrier = threading.Barrier(12)

    def work(body: bytes) -> None:
        barrier.wait()
        try:
            store.create(CONFIG, body)
            won.append(body)
        except errors.Exists as error:
            lost.append(error)

    threads = [threading.Thread(target=work, args=(f"config {number:02}".encode(),)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 11
    assert store.read_bytes(CONFIG) == won[0]


def test_locks_are_released(store: Store) -> None:
    """A lock can be removed, twice even; nothing but a lock can."""
    data = b"a lock and a pack with one name"
    lock = put(store, Kind.LOCK, data)
    pack = put(store, Kind.DATA, data)
    assert lock.name == pack.name
    store.release_lock(lock.name)
    store.release_lock(lock.name)
    assert not list(store.list(Kind.LOCK))
    assert store.read_bytes(pack) == data
    for bad in ("../data", "config", lock.name.upper(), f"../data/{pack.name[:2]}/{pack.name}", ""):
        with pytest.raises(ValueError, match="not an object name"):
            store.release_lock(bad)


def test_removal(store: Store, removal: Removal) -> None:
    """Who has the right deletes objects of every kind; deleting what is gone is success."""
    for kind in (*NAMED_KINDS, Kind.CONFIG):
        name = put(store, kind, f"goes {kind}".encode())
        stays = None if kind is Kind.CONFIG else put(store, kind, f"stays {kind}".encode())
        removal.remove(name)
        removal.remove(name)
        with pytest.raises(errors.Missing):
            store.stat(name)
        assert [info.name for info in store.list(kind)] == ([stays] if stays else [])


def test_children(store: Store) -> None:
    """A repository below another has objects of its own, and its name cannot leave the place."""
    child = store.child("web01")
    child.prepare()
    put(store, Kind.DATA, b"above")
    below = put(child, Kind.DATA, b"below")
    assert [info.name for info in child.list(Kind.DATA)] == [below]
    assert len(list(store.list(Kind.DATA))) == 1
    assert child.location != store.location
    for bad in ("..", ".", "", "a/b", "/a", ".hidden", "data", "keys", "a\0b", "a\\b", "a%2fb"):
        with pytest.raises(errors.Unsupported):
            store.child(bad)
