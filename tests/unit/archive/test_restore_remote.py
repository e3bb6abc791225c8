"""Restoring from a store that has no file descriptors: what is asked of it, and what happens when it goes away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.archive.restore.run import RestoreOptions, restore
from strongroom.base.errors import Unavailable
from strongroom.repository.opening import open_repository
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support.command import PASSWORD
from tests.support.forge import Forge, node
from tests.support.restoring import Files, Listener
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKS = 6


@pytest.fixture
def contents() -> dict[str, bytes]:
    """Files by path."""
    return {f"d{number % 5}/file{number:03}": os.urandom(3000 + 100 * number) for number in range(120)}


@pytest.fixture
def server(contents: dict[str, bytes], tmp_path: Path) -> Iterator[tuple[RestServer, str]]:
    """A server with a repository of these files in six packs, and the root tree."""
    forge = Forge(tmp_path / "repository")
    files = Files(forge)
    folders: dict[str, list[dict[str, object]]] = {}
    for number, (path, content) in enumerate(contents.items()):
        folder, name = path.split("/")
        folders.setdefault(folder, []).append(files.node(name, content))
        if (number + 1) % (len(contents) // PACKS) == 0:
            files.pack()
    trees = {name: forge.tree(*nodes) for name, nodes in folders.items()}
    root = forge.tree(*(node(name, "dir", subtree=trees[name]) for name in sorted(trees)))
    forge.index()
    with RestServer() as server:
        for file in filter(Path.is_file, forge.place.rglob("*")):
            kind = file.relative_to(forge.place).parts[0]
            key = "config" if kind == "config" else f"{kind}/{file.name}"
            server.objects[f"repo/{key}"] = file.read_bytes()
        yield server, root


def _restore(server: RestServer, root: str, out: Path, retry_for: float = 30) -> Listener:
    store = open_store(f"rest:{server.url}", StoreOptions(retry_for=retry_for))
    repository = open_repository(store, PASSWORD.encode())
    listener = Listener()
    try:
        repository.load_index()
        server.requests.clear()
        restore(repository, root, RestoreOptions(str(out)), listener)
    finally:
        repository.close()
    return listener


def test_each_pack_is_read_once(server: tuple[RestServer, str], contents: dict[str, bytes], tmp_path: Path) -> None:
    """Everything comes back, with one request for each pack of data."""
    listener = _restore(*server, tmp_path / "out")
    assert listener.errors == {}
    for path, content in contents.items():
        assert (tmp_path / "out" / path).read_bytes() == content
    asked = [path for method, path in server[0].requests if method == "GET" and "/data/" in path]
    trees = 6
    assert len(asked) <= PACKS + trees + 1
    assert len(set(asked)) == PACKS + trees


def test_passing_faults(server: tuple[RestServer, str], contents: dict[str, bytes], tmp_path: Path) -> None:
    """Answers that are lost or cut off are asked for again, and nothing is missing at the end."""
    for what in ("lost", "short", "slow"):
        server[0].fail("GET", what, times=2, matching="/data/")
    listener = _restore(*server, tmp_path / "out")
    assert listener.errors == {}
    assert all((tmp_path / "out" / path).read_bytes() == content for path, content in contents.items())


def test_a_missing_pack_costs_its_files_alone(
    server: tuple[RestServer, str], contents: dict[str, bytes], tmp_path: Path
) -> None:
    """A pack that is gone is no reason to stop: its files are named, the others are whole."""
    largest = max((key for key in server[0].objects if "/data/" in key), key=lambda key: len(server[0].objects[key]))
    del server[0].objects[largest]
    listener = _restore(*server, tmp_path / "out")
    assert len(listener.errors) == len(contents) // PACKS
    for path, content in contents.items():
        if b"/" + path.encode() not in listener.errors:
            assert (tmp_path / "out" / path).read_bytes() == content


def test_a_server_that_goes_away_ends_the_run(server: tuple[RestServer, str], tmp_path: Path) -> None:
    """When the server stays away the restore ends with that, not with an error for each file."""
    server[0].fail("GET", "status", times=10_000, matching="/data/", status=503)
    with pytest.raises(Unavailable):
        _restore(*server, tmp_path / "out", retry_for=1)
