"""One flipped answer of a server costs nothing: what does not fit its hash is read a second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer


@pytest.mark.parametrize("kind", ["config", "keys/", "snapshots/", "index/", "locks/", "data/"])
def test_each_kind_of_object_is_read_a_second_time(strongroom: Strongroom, tmp_path: Path, kind: str) -> None:
    """Restore, dump and check succeed though the first answer for an object of each kind has a wrong bit."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(bytes(range(256)) * 40)
    with RestServer() as server:
        place = f"rest:{server.url}"
        strongroom.init(place)
        strongroom.backup(place, source)
        file = f"{source}/file"
        verbs: list[list[str]] = [
            ["restore", "latest", "--target", str(tmp_path / "target")],
            ["dump", "latest", file],
            ["check", "--read-data"],
            ["ls", "latest"],
        ]
        for verb in verbs:
            fresh = {"STRONGROOM_CACHE_DIR": str(tmp_path / verb[0])}
            names = [key.partition("/")[2] for key in server.objects if f"/{kind}" in key and len(key) > 64]
            for name in ["config"] if kind == "config" else names:
                server.fail("GET", "flip", matching=name)
            ended = strongroom.on(place, *verb, env=fresh).expect(0)
            assert "damaged" not in ended.err
            server.faults.clear()
            if verb[0] == "dump":
                assert ended.stdout == (source / "file").read_bytes()
        assert (tmp_path / "target" / file.lstrip("/")).read_bytes() == (source / "file").read_bytes()


def test_a_pack_that_is_shown_is_read_a_second_time(strongroom: Strongroom, tmp_path: Path) -> None:
    """`cat pack` gives the right bytes after one wrong answer, and says so with exit 1 after two."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content")
    with RestServer() as server:
        place = f"rest:{server.url}"
        strongroom.init(place)
        strongroom.backup(place, source)
        key = next(key for key in server.objects if "/data/" in key)
        server.fail("GET", "flip", matching=key[-64:])
        assert strongroom.on(place, "cat", "pack", key[-64:]).expect(0).stdout == server.objects[key]
        server.fail("GET", "flip", 2, matching=key[-64:])
        twice = strongroom.on(place, "cat", "pack", key[-64:]).expect(1)
        assert "does not have the content" in twice.err


def test_packs_that_were_swapped_in_the_cache(strongroom: Strongroom, tmp_path: Path) -> None:
    """A backup reads nothing again for them and warns of nothing; after readers the cache is right, too."""
    source, cache = tmp_path / "source", tmp_path / "cache"
    (source / "in").mkdir(parents=True)
    (source / "in" / "file").write_bytes(b"content")

    def packs() -> list[Path]:
        return sorted(cache.glob("strongroom/*/data/*/*"))

    def swap() -> dict[Path, bytes]:
        right = {path: path.read_bytes() for path in packs()}
        assert len(right) >= 2  # the folders above the source may have changed meanwhile
        for path, other in zip(right, [*right.values()][1:] + [*right.values()][:1], strict=True):
            path.write_bytes(other)
        return right

    with RestServer() as server:
        place, env = f"rest:{server.url}", {"STRONGROOM_CACHE_DIR": str(cache)}
        strongroom.init(place)
        strongroom.on(place, "backup", source, env=env).expect(0)
        (source / "more").write_bytes(b"more")
        strongroom.on(place, "backup", source, env=env).expect(0)
        swap()
        ended = strongroom.on(place, "backup", "--json", source, env=env).expect(0)
        assert ended.err == "" and ended.lines()[-1]["files_unmodified"] == 2
        right = swap()
        assert strongroom.on(place, "ls", "latest", env=env).expect(0).err == ""
        strongroom.on(place, "ls", "latest", env=env).expect(0)
        after = {path: path.read_bytes() for path in packs()}
        assert any(after.get(path) == data for path, data in right.items())
