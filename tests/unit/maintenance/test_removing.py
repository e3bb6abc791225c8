"""Removing objects: several at once, what cannot be removed is named, and an append-only place is found out first."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Interrupted, Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.maintenance.removing import Remover, refuse_where_append_only
from strongroom.repository.opening import open_repository
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest.store import RestStore
from strongroom.storage.rest.url import parse
from tests.support.repositories import PASSWORD, Machine, make, opened, put
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


def served(server: RestServer, folder: Path) -> Repository:
    """A repository that a REST server keeps in memory."""
    make(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            server.objects[f"repo/{path.relative_to(folder)}"] = path.read_bytes()
    options = StoreOptions()
    store = RestStore(parse(server.url, options), options)
    return open_repository(store, PASSWORD, surroundings=Machine().surroundings)


def test_objects_go_and_those_that_are_gone_already_are_no_failure(tmp_path: Path) -> None:
    """Of ten packs and an index all go, one of them twice, and progress counts them."""
    make(tmp_path)
    repository = opened(tmp_path)
    names = [ObjectName(Kind.DATA, put(repository.store, Kind.DATA, os.urandom(20))) for _ in range(10)]
    names.append(ObjectName(Kind.INDEX, put(repository.store, Kind.INDEX, b"index")))
    counts: list[tuple[int, int]] = []
    assert Remover(repository).remove_all([*names, names[0]], lambda done, total: counts.append((done, total))) == []
    assert not list(repository.store.list(Kind.DATA)) and not list(repository.store.list(Kind.INDEX))
    assert counts[-1] == (12, 12)


def test_what_cannot_be_removed_is_returned_with_the_reason(tmp_path: Path) -> None:
    """A pack that the store will not let go of does not keep the others from going."""
    make(tmp_path)
    repository = opened(tmp_path)
    names = [ObjectName(Kind.DATA, put(repository.store, Kind.DATA, os.urandom(20))) for _ in range(3)]
    stuck = tmp_path / names[1].path
    stuck.unlink()
    stuck.mkdir()
    failed = Remover(repository).remove_all(names)
    assert [name for name, _ in failed] == [names[1]]
    assert not any((tmp_path / name.path).exists() for name in (names[0], names[2]))


def test_a_stop_is_heard_between_two_objects(tmp_path: Path) -> None:
    """Whoever asks to stop waits for what is under way, not for thousands of packs."""
    make(tmp_path)
    repository = opened(tmp_path)
    names = [ObjectName(Kind.DATA, put(repository.store, Kind.DATA, os.urandom(20))) for _ in range(50)]
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        Remover(repository).remove_all(names, stop=stop)
    assert len(list(repository.store.list(Kind.DATA))) > 30


@pytest.mark.parametrize("append_only", [True, False])
def test_an_append_only_server_is_found_out_before_any_work(tmp_path: Path, append_only: bool) -> None:
    """A server that refuses to delete is named with who does it instead; one that permits it lets us begin."""
    with RestServer(append_only=append_only) as server, served(server, tmp_path) as repository:
        before = dict(server.objects)
        if append_only:
            with pytest.raises(Refused, match="append-only") as refusal:
                refuse_where_append_only(repository)
            assert "custodian" in refusal.value.hint
        else:
            refuse_where_append_only(repository)
        assert server.objects == before
