"""`repair packs` beside restic's, on copies of one damaged repository: at least as much is saved, and check agrees."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom import _kernel
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make, opened


def _data_pack(place: Path) -> Path:
    return max((place / "data").glob("*/*"), key=lambda path: path.stat().st_size)


def _tree_pack(place: Path) -> Path:
    return min((place / "data").glob("*/*"), key=lambda path: path.stat().st_size)


def _flip(path: Path, *places: int) -> Path:
    data = bytearray(path.read_bytes())
    for place in places:
        data[place] ^= 1
    return _write(path, bytes(data))


def _write(path: Path, data: bytes) -> Path:
    path.chmod(0o600)
    path.write_bytes(data)
    return path


def _wrong_index(place: Path) -> Path:
    """The index has another place for two of the blobs than the header, which is right."""
    repository = opened(place)
    repository.load_index()
    pack = _data_pack(place)
    entries = repository.index.pack_entries(pack.name)
    moved = [
        _kernel.BlobEntry(one.kind, one.id, one.offset + 1, one.length, one.uncompressed_length) for one in entries[:2]
    ]
    others = [(name, repository.index.pack_entries(name)) for name in repository.index.packs() if name != pack.name]
    for path in (place / "index").iterdir():
        path.unlink()
    repository.save_index([(pack.name, moved + entries[2:]), *others])
    return pack


def _no_header(place: Path) -> Path:
    """Half of the blobs are in no index, and the header is gone for the others, too."""
    return _flip(_data_pack(place), -30)


DAMAGES: dict[str, Callable[[Path], Path]] = {
    "a blob": lambda place: _flip(_data_pack(place), 50),
    "two trees": lambda place: _flip(_tree_pack(place), 40, 400),
    "the header": _no_header,
    "the end": lambda place: _write(_data_pack(place), _data_pack(place).read_bytes()[:-60_000]),
    "junk behind": lambda place: _write(_data_pack(place), _data_pack(place).read_bytes() + b"junk" * 100),
    "the index": _wrong_index,
}


def _blobs(place: Path) -> set[tuple[str, str]]:
    """All blobs that the index names and that are what they are called."""
    repository = opened(place)
    repository.load_index()
    found: set[tuple[str, str]] = set()
    for pack in repository.index.packs():
        entries = repository.index.pack_entries(pack)
        data = next((place / "data" / pack[:2]).glob(pack), None)
        if data is not None:
            report = _kernel.verify_pack(repository.key, pack, data.read_bytes(), entries)
            found |= {(blob.kind, blob.id) for blob in report.verified}
    return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that restic wrote: 40 files in a few folders."""
    folder = tmp_path_factory.mktemp("sound")
    for number in range(40):
        place = folder / "source" / f"folder{number % 4}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file{number}").write_bytes(b"".join(b"%d %d\n" % (number, line * number) for line in range(3000)))
    make(folder / "repository")
    Restic(folder / "home").backup(folder / "repository", folder / "source")
    return folder / "repository"


@pytest.mark.peer("restic")
@pytest.mark.parametrize("damage", DAMAGES)
def test_as_much_is_saved_as_by_restic(
    damage: str, strongroom: Strongroom, restic: Restic, sound: Path, tmp_path: Path
) -> None:
    """A copy of the pack stands in the current folder; after `repair snapshots` restic's check finds nothing wrong."""
    whole = _blobs(sound)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    shutil.copytree(sound, ours)
    pack = DAMAGES[damage](ours)
    kept = pack.read_bytes()
    shutil.copytree(ours, theirs)
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
    ended = strongroom.on(ours, "repair", "packs", pack.name[:12], cwd=tmp_path / "a").expect(0)
    restic.on(theirs, "repair", "packs", pack.name, cwd=tmp_path / "b").expect(0, 1)  # it gives an index that lies up
    assert (tmp_path / "a" / f"pack-{pack.name}").read_bytes() == kept
    assert not pack.exists()
    saved = _blobs(ours)
    assert saved >= _blobs(theirs)
    lost = whole - saved
    assert bool(lost) == (damage in ("a blob", "two trees", "the end"))
    for kind, blob in lost if damage != "two trees" else ():
        assert f"{kind} blob {blob}" in ended.err and "/folder" in ended.err
    strongroom.on(ours, "repair", "snapshots", "--forget").expect(0)
    restic.check(ours)


def test_a_pack_that_is_not_there(strongroom: Strongroom, restic: Restic, sound: Path, tmp_path: Path) -> None:
    """It is taken out of the index; what another pack has of it stays; and no pack that is unknown passes."""
    place = tmp_path / "r"
    shutil.copytree(sound, place)
    pack = _data_pack(place)
    spare = pack.read_bytes()
    pack.unlink()
    ended = strongroom.on(place, "repair", "packs", pack.name, cwd=tmp_path).expect(0)
    assert "not in the store" in ended.err and "/folder1/file1" in ended.err
    repository = opened(place)
    repository.load_index()
    assert pack.name not in repository.index.packs()
    strongroom.on(place, "repair", "packs", "0" * 64, cwd=tmp_path).expect(1)
    # The pack comes back from elsewhere: its blobs are found again.
    pack.write_bytes(spare)
    strongroom.on(place, "repair", "index").expect(0)
    restic.check(place)


def test_nothing_goes_before_a_copy_is_kept(strongroom: Strongroom, sound: Path, tmp_path: Path) -> None:
    """Where another file stands in the copy's place nothing is touched; where the very copy does, it serves."""
    place = tmp_path / "r"
    shutil.copytree(sound, place)
    pack = _flip(_data_pack(place), 50)
    copy = tmp_path / f"pack-{pack.name}"
    copy.write_bytes(b"another")
    ended = strongroom.on(place, "repair", "packs", pack.name, cwd=tmp_path).expect(1)
    assert "in the way" in ended.err and pack.exists() and copy.read_bytes() == b"another"
    copy.write_bytes(pack.read_bytes())
    strongroom.on(place, "repair", "packs", pack.name, cwd=tmp_path).expect(0)
    assert not pack.exists()


def test_a_blob_that_another_pack_has_is_not_lost(strongroom: Strongroom, sound: Path, tmp_path: Path) -> None:
    """Of a blob that lies in two packs the good copy serves, and nothing is said to be lost."""
    place = tmp_path / "r"
    shutil.copytree(sound, place)
    repository = opened(place)
    repository.load_index()
    pack = _data_pack(place)
    entry = repository.index.pack_entries(pack.name)[0]
    builder = _kernel.PackBuilder(repository.key)
    builder.add(entry.kind, entry.id, repository.load_blob(entry.kind, entry.id))
    name, data, entries = builder.finish()
    (place / "data" / name[:2] / name).write_bytes(data)
    repository.save_index([(name, entries)])
    _flip(pack, entry.offset + 20)
    ended = strongroom.on(place, "repair", "packs", pack.name, cwd=tmp_path).expect(0)
    assert "lost" not in ended.err and "could not be saved" not in ended.out
    strongroom.check(place)
