"""Which snapshot `latest` is."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs import Strongroom


def test_latest_is_not_guessed_beside_a_damaged_snapshot(
    strongroom: Strongroom, repository: Path, tmp_path: Path
) -> None:
    """The one that cannot be read might be the newest: nothing is restored, exit code 1, as restic has it; an ID is
    still good."""
    strongroom.init(repository)
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for text in ("old", "new"):
        (source / "file").write_text(text)
        strongroom.backup(repository, source)
    old, new = sorted(strongroom.snapshots(repository), key=lambda one: str(one["time"]))
    path = repository / "snapshots" / new["id"]
    path.chmod(0o600)
    damaged = bytearray(path.read_bytes())
    damaged[20] ^= 1
    path.write_bytes(damaged)
    ended = strongroom.on(repository, "--no-cache", "restore", f"latest:{source}", "--target", out).expect(1)
    assert "might be the one that is meant" in ended.err and new["id"] in ended.err
    assert not out.exists()
    strongroom.on(repository, "--no-cache", "restore", f"{old['id'][:8]}:{source}", "--target", out).expect(0)
    assert (out / "file").read_text() == "old"
