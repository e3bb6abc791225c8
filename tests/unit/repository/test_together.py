"""Blobs that lie beside each other are read by one question, and one that is bad costs itself alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.repository.packs import together
from tests.support.forge import Forge
from tests.support.snapshots import opened

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from strongroom.storage.contract import Reader


def test_neighbours_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is far apart, in another pack or in none is read by itself or left out; a flipped bit costs one blob."""
    monkeypatch.setattr(together, "GAP", 1000)
    plains = [b"%d" % number * 700 for number in range(8)]
    forge = Forge(tmp_path)
    first = forge.pack(*(("data", plain) for plain in plains[:6]))
    second = forge.pack(*(("data", plain) for plain in plains[6:]))
    forge.index()
    repository = opened(tmp_path)
    repository.load_index()
    asked: list[tuple[str, int]] = []
    read = repository.open_pack

    def noting(pack: str, offset: int, length: int) -> Reader:
        asked.append((pack, length))
        return read(pack, offset, length)

    monkeypatch.setattr(repository, "open_pack", noting)
    wanted = [first[number] for number in (5, 0, 1)] + second + ["a" * 64]

    def load(blobs: list[str]) -> dict[str, bytes]:
        return {blob: bytes(plain) for blob, plain in together.load_together(repository, blobs).items()}

    found = load(wanted)
    assert found == {blob: plain for blob, plain in zip(first + second, plains, strict=True) if blob in wanted}
    assert len(asked) == 3

    (copy,) = repository.locations("data", second[0])
    path = tmp_path / "data" / copy.pack[:2] / copy.pack
    stored = bytearray(path.read_bytes())
    stored[copy.offset + 20] ^= 1
    path.chmod(0o600)
    path.write_bytes(stored)
    assert load(second) == {second[1]: plains[7]}
    path.unlink()
    assert load([first[0], *second]) == {first[0]: plains[0]}
