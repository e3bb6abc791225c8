"""Making and opening repositories; blobs and their second copies; the cache at work; snapshots that are unreadable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.archive.check.run import CheckOptions, check
from strongroom.base.errors import (
    Damaged,
    Exists,
    LimitExceeded,
    Missing,
    NoRepository,
    Unsupported,
    UsageError,
)
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.repository import keyring
from strongroom.repository.cache import Cache
from strongroom.repository.opening import initialise, open_repository
from strongroom.storage.contract import Reader
from strongroom.storage.local.store import LocalStore
from tests.support.forge import Forge, dumps, node, ordinary, sha, zstd_bomb
from tests.support.repositories import PASSWORD, POLYNOMIAL, Machine, make
from tests.support.snapshots import opened

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are made here open fast."""
    monkeypatch.setattr(keyring, "SCRYPT", (1024, 8, 1))


@pytest.mark.parametrize("version", [1, 2])
def test_a_new_repository_opens(tmp_path: Path, version: int) -> None:
    """What was made opens with its password and is what was asked for; indexes and snapshots come back."""
    store = LocalStore(str(tmp_path / "r"))
    made = initialise(store, b"secret", version=version, polynomial=POLYNOMIAL, surroundings=Machine().surroundings)
    repository = open_repository(LocalStore(str(tmp_path / "r")), b"secret", surroundings=Machine().surroundings)
    assert (repository.id, repository.version, repository.polynomial) == (made.id, version, POLYNOMIAL)
    assert repository.key_id == made.key_id and len(repository.id) == 64
    name = repository.save_unpacked(Kind.INDEX, b'{"packs":[]}\n')
    assert repository.load_unpacked(Kind.INDEX, name) == b'{"packs":[]}\n'
    with pytest.raises(Exists):
        initialise(store, b"other", surroundings=Machine().surroundings)


def test_what_init_refuses(tmp_path: Path) -> None:
    """No other version, no reducible polynomial, no place with keys but no config; nothing is left behind."""
    store = LocalStore(str(tmp_path / "r"))
    with pytest.raises(UsageError):
        initialise(store, b"secret", version=3)
    with pytest.raises(Damaged):
        initialise(store, b"secret", polynomial=0x38F1E565E288DF)
    assert not (tmp_path / "r").exists()
    make(tmp_path / "old")
    (tmp_path / "old" / "config").unlink()
    with pytest.raises(Exists, match="keys"):
        initialise(LocalStore(str(tmp_path / "old")), b"secret")
    with pytest.raises(NoRepository):
        open_repository(LocalStore(str(tmp_path / "old")), PASSWORD)


def test_configs_that_do_not_open(tmp_path: Path) -> None:
    """A config of another key, or of absurd length, is damage and said so."""
    store = make(tmp_path / "one")
    other = make(tmp_path / "two")
    path = tmp_path / "one" / "config"
    for content in (other.read_bytes(CONFIG), b"x" * 100_000, b""):
        path.chmod(0o600)
        path.write_bytes(content)
        with pytest.raises(Damaged, match="config"):
            open_repository(store, PASSWORD, surroundings=Machine().surroundings)


def test_rustic_repositories_that_backup_refuses(tmp_path: Path) -> None:
    """Fixed-size chunks are read and not written to; foreign chunk sizes are a warning; its other settings are kept."""
    cases: list[tuple[dict[str, object], bool]] = [
        ({"chunker": "FixedSize", "chunk_size": 1 << 16}, True),
        ({"is_hot": True}, True),
        ({"chunk_size": 1 << 22}, False),
    ]
    for number, (extra, refused) in enumerate(cases):
        store = make(tmp_path / str(number), extra=extra)
        machine = Machine()
        repository = open_repository(store, PASSWORD, surroundings=machine.surroundings)
        assert repository.config.extra == extra
        if refused:
            with pytest.raises(Unsupported, match="rustic"):
                repository.refuse_unless_writable_by_backup()
        else:
            repository.refuse_unless_writable_by_backup()
            assert len(machine.warnings) == 1


def test_a_bad_copy_is_passed_over(tmp_path: Path) -> None:
    """A blob that is damaged, cut short or gone in one pack is read from another; if all are bad, that is damage."""
    forge = Forge(tmp_path)
    content = b"content" * 100
    for number in range(4):
        forge.pack(("data", content), ("data", b"%d" % number))
    forge.index()
    packs = [tmp_path / "data" / entry["id"][:2] / entry["id"] for entry in forge.entries]
    repository = opened(tmp_path)
    packs[0].unlink()
    packs[1].write_bytes(packs[1].read_bytes()[:50])
    packs[2].write_bytes(b"\0" * packs[2].stat().st_size)
    assert repository.load_blob("data", sha(content)) == content
    packs[3].write_bytes(packs[2].read_bytes())
    with pytest.raises(Damaged, match="every copy"):
        repository.load_blob("data", sha(content))
    with pytest.raises(Missing):
        repository.load_blob("tree", sha(content))


def test_bombs_are_refused(tmp_path: Path) -> None:
    """Blobs, snapshots and indexes that expand beyond their budget, or are stored beyond it, cost an error each."""
    forge = Forge(tmp_path)
    forge.pack(("data", b"bomb"), frames={0: (zstd_bomb(1 << 30), 0xFFFFFFFF)})
    forge.entries[0]["blobs"].append({"id": "d" * 64, "type": "data", "offset": 0, "length": 1 << 31})
    forge.index()
    repository = opened(tmp_path)
    for blob in (sha(b"bomb"), "d" * 64):
        with pytest.raises((LimitExceeded, Damaged)):
            repository.load_blob("data", blob)
    for kind in (Kind.SNAPSHOT, Kind.INDEX):
        path = forge.compressed(kind.value, zstd_bomb(1 << 30, content=b"{"))
        with pytest.raises(LimitExceeded):
            repository.load_unpacked(kind, path.name)
    path = forge.write("snapshots", bytes(20 << 20))
    with pytest.raises(LimitExceeded):
        repository.load_unpacked(Kind.SNAPSHOT, path.name)


def test_an_index_that_was_damaged_is_never_passed_over(tmp_path: Path) -> None:
    """Loading fails naming the file whose bytes are not its name's, unless the caller asked to hear of it and go on."""
    forge = ordinary(tmp_path)
    path = forge.write("index", b"junk", "0" * 64)
    with pytest.raises(Damaged, match=f"index/{path.name}"):
        opened(tmp_path)
    repository = open_repository(LocalStore(str(tmp_path)), PASSWORD, surroundings=Machine().surroundings)
    failed: list[str] = []
    files: dict[str, int] = {}
    repository.load_index(
        on_error=lambda name, _: failed.append(name), on_file=lambda name, packs: files.update({name: len(packs)})
    )
    assert failed == [path.name] and list(files.values()) == [4] and len(repository.index) == 6


def test_unreadable_snapshots_are_reported_and_the_others_come(tmp_path: Path) -> None:
    """Junk among the snapshots costs a warning each, or goes to whoever asks."""
    forge = ordinary(tmp_path)
    forge.write("snapshots", b"junk")
    forge.unpacked("snapshots", b'{"time":7}')
    forge.write("snapshots", b"under another name", "0" * 64)
    machine = Machine()
    repository = open_repository(LocalStore(str(tmp_path)), PASSWORD, surroundings=machine.surroundings)
    assert len(list(repository.snapshots())) == 1
    assert len(machine.warnings) == 3
    errors: list[str] = []
    assert len(list(repository.snapshots(lambda name, _: errors.append(name)))) == 1
    assert "0" * 64 in errors and len(errors) == 3


def test_large_snapshots_come_in_their_place(tmp_path: Path) -> None:
    """Small ones are read many at once; a large one among them, and one of another form, as any other file."""
    forge = ordinary(tmp_path)
    names = [forge.snapshot("a" * 64, hostname=f"host{number}").name for number in range(200)]
    names.append(forge.snapshot("a" * 64, tags=["x" * 100] * 2000).name)
    names.append(forge.unpacked("snapshots", b' {"time":"2026-01-01T00:00:00Z","tree":"' + b"a" * 64 + b'"}').name)
    machine = Machine()
    repository = open_repository(LocalStore(str(tmp_path)), PASSWORD, surroundings=machine.surroundings)
    found = dict(repository.snapshots())
    assert list(found) == sorted(found) and set(names[:-1]) <= set(found) and len(found) == 202
    assert all(snapshot == repository.load_snapshot(name) for name, snapshot in found.items())
    (warning,) = machine.warnings  # neither JSON nor compressed JSON, in its first byte
    assert names[-1] in warning


class NearStore(LocalStore):
    """A folder that counts what is read."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.reads: list[str] = []

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        self.reads.append(str(name))
        return super().read(name, offset, length)


class FarStore(NearStore):
    """The same without descriptors, as one behind a network is."""

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        return _Far(super().read(name, offset, length))


class _Far(Reader):
    def __init__(self, near: Reader) -> None:
        self._near = near
        self.size = near.size

    def read(self, limit: int = -1, /) -> bytes:
        return self._near.read(limit)

    def close(self) -> None:
        self._near.close()


def _far(place: Path, cache: Cache | None) -> tuple[Repository, FarStore]:
    store = FarStore(str(place))
    repository = open_repository(store, PASSWORD, surroundings=Machine().surroundings, cache=cache)
    list(repository.snapshots())
    repository.load_index()
    return repository, store


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository whose trees lie in one pack."""
    forge = Forge(tmp_path / "r")
    leaf = dumps({"nodes": [node("x", "file")]})
    forge.pack(("tree", leaf), ("tree", dumps({"nodes": [node("d", "dir", subtree=sha(leaf))]})))
    forge.pack(("data", b"data"))
    forge.index()
    forge.snapshot(forge.entries[0]["blobs"][1]["id"])
    return forge


def test_the_cache_spares_the_store(tmp_path: Path, forge: Forge) -> None:
    """Of a far store, index, snapshots and packs of trees are read once; a second run reads config and key alone."""
    cache = Cache(str(tmp_path / "cache"), Machine().surroundings)
    trees = [blob["id"] for blob in forge.entries[0]["blobs"]]
    for run in range(2):
        repository, store = _far(forge.place, cache)
        for tree in trees:
            assert repository.load_tree(tree).nodes
        assert repository.load_blob("data", sha(b"data")) == b"data"
        kinds = [name.split("/")[0] for name in store.reads]
        assert kinds.count("data") == (1 if run else 2)
        assert kinds.count("index") == kinds.count("snapshots") == (0 if run else 1)
    folder = tmp_path / "cache" / "strongroom" / repository.id
    (pack,) = (folder / "data").rglob("?" * 64)
    pack.write_bytes(b"\0" * pack.stat().st_size)
    repository, store = _far(forge.place, cache)
    assert repository.load_tree(trees[0]).nodes and any(name.startswith("data/") for name in store.reads)
    assert _far(forge.place, cache)[0].without_cache().cache is None
    for path in (forge.place / "data").rglob("*"):
        if path.is_file():
            path.unlink()
    for path in (forge.place / "index").iterdir():
        path.unlink()
    _far(forge.place, cache)
    assert list((folder / "data").rglob("?" * 64)) == []


def test_without_a_cache_packs_of_trees_are_read_once(forge: Forge) -> None:
    """With --no-cache a far pack of trees is fetched whole once and kept in memory."""
    repository, store = _far(forge.place, None)
    for blob in forge.entries[0]["blobs"]:
        repository.load_tree(blob["id"])
    assert len([name for name in store.reads if name.startswith("data/")]) == 1


def test_a_store_on_this_machine_is_not_cached(tmp_path: Path, forge: Forge) -> None:
    """Copies of what lies on a disk next door gain nothing."""
    cache = Cache(str(tmp_path / "cache"), Machine().surroundings)
    store = LocalStore(str(forge.place))
    repository = open_repository(store, PASSWORD, surroundings=Machine().surroundings, cache=cache)
    assert repository.near and repository.cache is None
    assert not os.path.exists(cache.folder)


def test_check_asks_the_store_unless_told_otherwise(tmp_path: Path, forge: Forge) -> None:
    """Damage in the store is hidden by a cache that has the object; check looks past it, but not --with-cache."""
    repository, _ = _far(forge.place, Cache(str(tmp_path / "cache"), Machine().surroundings))
    repository.load_index()
    for path in (forge.place / "index").iterdir():
        path.write_bytes(b"x" * path.stat().st_size)
    assert check(repository, CheckOptions(with_cache=True)).num_errors == 0
    assert check(repository, CheckOptions()).num_errors > 0
