"""Blobs go from one repository's packs into those of others, and what is bad is taken from its other copies."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

import strongroom.repository.transfer
from strongroom import _kernel
from strongroom.base.errors import Full, Interrupted, Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.destination import Destination, PackOptions
from strongroom.repository.transfer import transfer
from strongroom.storage.contract import Reader, Upload
from strongroom.storage.local.store import LocalStore
from tests.support.repositories import Machine, make, opened
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


def _sha(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()


def _plain(number: int) -> bytes:
    return b"".join(hashlib.sha256(b"%d %d" % (number, block)).digest() for block in range(300))


def _fill(repository: Repository, numbers: range, kind: str = "data") -> str:
    """One pack with these blobs, every second one compressed, in the index of the repository; its name."""
    builder = _kernel.PackBuilder(repository.key)
    for number in numbers:
        plain = _plain(number)
        packed = bool(number % 2) and repository.version == 2
        builder.add(kind, _sha(plain), _kernel.compress(plain) if packed else plain, len(plain) if packed else 0)
    name, data, entries = builder.finish()
    repository.store.create(ObjectName(Kind.DATA, name), data)
    repository.save_index([(name, entries)])
    repository.index.insert_pack(name, entries)
    return name


def _pieces(repository: Repository) -> list[tuple[str, list[_kernel.BlobEntry]]]:
    return [(pack, repository.index.pack_entries(pack)) for pack in repository.index.packs()]


def _want_all(source: Repository, *destinations: Destination) -> None:
    for destination in destinations:
        for _, entries in _pieces(source):
            for entry in entries:
                destination.want(entry.kind, entry.id)


def _repository(path: Path, version: int = 2) -> Repository:
    make(path, version=version)
    return opened(path)


def _holds(path: Path, numbers: range, kind: str = "data") -> bool:
    """Whether a repository that is opened anew, by its own index files, gives all of these blobs."""
    repository = opened(path)
    repository.load_index()
    return all(repository.load_blob(kind, _sha(_plain(number))) == _plain(number) for number in numbers)


def test_several_repositories_in_one_pass(tmp_path: Path) -> None:
    """Each blob arrives in every repository, of either version, and is read once; what is there already is not read."""
    source = _repository(tmp_path / "source")
    for start in range(0, 40, 10):
        _fill(source, range(start, start + 10))
    _fill(source, range(100, 103), "tree")
    old, new = _repository(tmp_path / "old", 1), _repository(tmp_path / "new")
    _fill(new, range(20))
    reads: list[int] = []
    read = source.store.read

    def counting(name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        reads.append(length or 0)
        return read(name, offset, length)

    source.store.read = counting  # type: ignore[method-assign]
    both = [Destination(old), Destination(new, PackOptions(pack_size=50_000))]
    _want_all(source, *both)
    seen: list[str] = []
    assert transfer(source, _pieces(source), both, progress=lambda pack, _: seen.append(pack)) == []
    for destination in both:
        destination.finish()
        assert destination.failure is None and destination.writer.wanted() == []
    assert seen == source.index.packs() and len(reads) == 5
    assert [destination.blobs for destination in both] == [43, 23]
    for name in ("old", "new"):
        assert _holds(tmp_path / name, range(40)) and _holds(tmp_path / name, range(100, 103), "tree")
    assert both[1].packs > 3
    again = Destination(new)
    _want_all(source, again)
    assert again.writer.wanted() == []


def test_full_packs_do_not_wait_for_the_whole_of_a_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder, too, a pack is handed on in ranges, after each of which full packs go out: memory is for few."""
    monkeypatch.setattr(strongroom.repository.transfer, "MOST_AT_ONCE", 25_000)
    source = _repository(tmp_path / "source")
    _fill(source, range(20))
    lengths: list[int] = []
    read = source.store.read

    def noting(name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        lengths.append(length or 0)
        return read(name, offset, length)

    source.store.read = noting  # type: ignore[method-assign]
    destination = Destination(_repository(tmp_path / "target"))
    _want_all(source, destination)
    assert transfer(source, _pieces(source), [destination]) == []
    destination.finish()
    assert len(lengths) >= 8 and max(lengths) <= 25_000
    assert _holds(tmp_path / "target", range(20))


def test_another_copy_serves_where_one_is_bad(tmp_path: Path) -> None:
    """A flipped bit, a short pack and a missing one cost only the blobs that nobody else has, and these are named."""
    source = _repository(tmp_path / "source")
    packs = [_fill(source, range(start, start + 10)) for start in (0, 10, 20)]
    _fill(source, range(5))
    flipped, short, missing = (tmp_path / "source" / "data" / pack[:2] / pack for pack in packs)
    data = bytearray(flipped.read_bytes())
    for entry in source.index.pack_entries(packs[0])[4:6]:
        data[entry.offset + 30] ^= 1
    for path, content in ((flipped, bytes(data)), (short, short.read_bytes()[:40_000])):
        path.unlink()
        path.write_bytes(content)
    missing.unlink()
    destination = Destination(_repository(tmp_path / "target"))
    _want_all(source, destination)
    lost = transfer(source, _pieces(source), [destination])
    destination.finish()
    gone = [5, *range(14, 30)]
    assert sorted(one.entry.id for one in lost) == sorted(_sha(_plain(number)) for number in gone)
    assert sorted(blob for _, blob in destination.writer.wanted()) == sorted(one.entry.id for one in lost)
    assert {one.pack for one in lost} == set(packs)
    assert "verification failed" in next(one.reason for one in lost if one.pack == packs[0])
    assert (
        destination.failure is None
        and _holds(tmp_path / "target", range(5))
        and _holds(tmp_path / "target", range(6, 14))
    )


def test_one_repository_serves_as_source_and_destination(tmp_path: Path) -> None:
    """As in prune: what is compressed moves with the ciphertext that it had; what is not is compressed on the way."""
    repository = _repository(tmp_path / "r")
    pack = _fill(repository, range(10))
    old = {entry.id: entry for entry in repository.index.pack_entries(pack)}
    stored: list[str] = []
    destination = Destination(repository, on_stored=lambda pack, _: stored.append(pack))
    for number in range(3, 7):
        assert destination.writer.want("data", _sha(_plain(number)))
    assert transfer(repository, _pieces(repository), [destination]) == []
    destination.finish()
    (new,) = stored
    assert repository.index.contains_pack(new) and destination.blobs == 4
    for entry in repository.index.pack_entries(new):
        before = old[entry.id]
        is_same = repository.read_pack(new, entry.offset, entry.length) == repository.read_pack(
            pack, before.offset, before.length
        )
        assert is_same == (before.uncompressed_length > 0) and entry.uncompressed_length > 0


def test_indexes_follow_while_it_goes_on(tmp_path: Path) -> None:
    """Once two minutes are over the next pack brings an index file over all that is stored: a kill costs no more."""
    source = _repository(tmp_path / "source")
    for start in range(0, 60, 10):
        _fill(source, range(start, start + 10))
    make(tmp_path / "target")
    machine = Machine()
    target = opened(tmp_path / "target", machine)
    indexed: list[int] = []

    def stored(_pack: str, _entries: object) -> None:
        indexed.append(len(list(target.store.list(Kind.INDEX))))
        machine.clock.seconds += 70

    destination = Destination(target, PackOptions(pack_size=30_000), on_stored=stored)
    _want_all(source, destination)
    transfer(source, _pieces(source), [destination], workers=1)
    destination.abandon()
    assert indexed[:2] == [0, 0] and 2 <= indexed[-1] < len(indexed)


class _Down(LocalStore):
    """Cannot be read."""

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:  # noqa: ARG002
        raise Unavailable("the line is down", subject=str(name))


class _Broken(LocalStore):
    """Takes so many packs, then none."""

    room = 1

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        if name.kind is Kind.DATA:
            self.room -= 1
            if self.room < 0:
                raise Full("no space is left", subject=str(name))
        return super().stage(name, size)


def test_a_repository_that_fails_leaves_and_the_others_go_on(tmp_path: Path) -> None:
    """Its first error is kept, what it has stored is indexed nowhere by it, and the other one gets everything."""
    source = _repository(tmp_path / "source")
    for start in range(0, 60, 10):
        _fill(source, range(start, start + 10))
    broken = _repository(tmp_path / "broken")
    broken.store = _Broken(str(tmp_path / "broken"))
    bad = Destination(broken, PackOptions(pack_size=30_000))
    good = Destination(_repository(tmp_path / "good"), PackOptions(pack_size=30_000))
    _want_all(source, bad, good)
    assert transfer(source, _pieces(source), [bad, good]) == []
    bad.finish()
    good.finish()
    assert isinstance(bad.failure, Full) and good.failure is None
    assert bad.packs == 1 and _holds(tmp_path / "good", range(60))
    assert transfer(source, _pieces(source), [bad]) == []


def test_what_was_stored_before_a_stop_is_indexed(tmp_path: Path) -> None:
    """Stopped or cut off from its source, a run leaves packs and an index that the next one builds on."""
    source = _repository(tmp_path / "source")
    for start in range(0, 60, 10):
        _fill(source, range(start, start + 10))
    stop = threading.Event()
    destination = Destination(_repository(tmp_path / "target"), PackOptions(pack_size=30_000))
    _want_all(source, destination)
    seen: list[str] = []

    def progress(pack: str, _: object) -> None:
        seen.append(pack)
        if len(seen) == 3:
            until(lambda: destination.packs > 0)
            stop.set()

    with pytest.raises(Interrupted):
        transfer(source, _pieces(source), [destination], progress=progress, stop=stop)
    destination.abandon()
    assert seen and destination.packs
    target = opened(tmp_path / "target")
    target.load_index()
    assert len(target.index) == destination.blobs
    rest = Destination(target)
    _want_all(source, rest)
    assert len(rest.writer.wanted()) == 60 - destination.blobs

    working, source.store = source.store, _Down(str(tmp_path / "source"))
    with pytest.raises(Unavailable):
        transfer(source, _pieces(source), [rest])
    source.store = working
    transfer(source, _pieces(source), [rest])
    rest.finish()
    assert _holds(tmp_path / "target", range(60))
