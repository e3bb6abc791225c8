"""`migrate upgrade_repo_v2` on a repository of version 1."""

from __future__ import annotations

from pathlib import Path

from strongroom._kernel import BlobEntry
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make, opened
from tests.support.servers.rest_server import RestServer

RUSTIC: dict[str, object] = {"append_only": False, "treepack_size": 4_000_000}


def test_a_repository_of_version_1(strongroom: Strongroom, restic: Restic, repository: Path, source: Path) -> None:
    """It has version 2 afterwards, with all other fields; the old config is kept; both programs go on in it."""
    make(repository, version=1, extra=RUSTIC)
    restic.backup(repository, source)
    before, old = opened(repository), (repository / "config").read_bytes()
    strongroom.on(repository, "migrate", "upgrade_repo_v2").expect(0)
    after = opened(repository)
    assert (after.version, after.id, after.polynomial, after.config.extra) == (2, before.id, before.polynomial, RUSTIC)
    assert (repository / ".strongroom" / "config-of-version-1").read_bytes() == old
    assert (repository / "config").stat().st_mode & 0o777 == 0o400
    (source / "new").write_bytes(b"text " * 10_000)
    strongroom.backup(repository, source)
    restic.backup(repository, source)
    restic.check(repository)
    assert any(entry.uncompressed_length for entry in _entries(repository))


def _entries(repository: Path) -> list[BlobEntry]:
    found = opened(repository)
    found.load_index()
    return [entry for pack in found.index.packs() for entry in found.index.pack_entries(pack)]


def test_what_is_refused(strongroom: Strongroom, repository: Path, source: Path) -> None:
    """Nothing is changed in a damaged repository, behind a server, or by an unknown name."""
    make(repository, version=1)
    strongroom.backup(repository, source)
    assert "unknown migration" in strongroom.on(repository, "migrate", "s3_layout").expect(1).err
    pack = next(path for path in (repository / "data").glob("*/*"))
    kept = pack.read_bytes()
    pack.unlink()
    assert "nothing was changed" in strongroom.on(repository, "migrate", "upgrade_repo_v2").expect(1).err
    pack.write_bytes(kept)
    assert opened(repository).version == 1
    with RestServer() as server:
        strongroom.init(f"rest:{server.url}", "--repository-version", "1")
        ended = strongroom.on(f"rest:{server.url}", "migrate", "upgrade_repo_v2").expect(1)
    assert "in a folder only" in ended.err and "Traceback" not in ended.err
