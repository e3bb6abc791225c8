"""The trash of a repository: for folders alone, purged by age, undone by run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Unsupported
from strongroom.base.objects import Kind, ObjectName
from strongroom.maintenance.removing import Remover
from strongroom.maintenance.trash import Trash
from strongroom.repository.opening import open_repository
from strongroom.retention.calendar import Span
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest.store import RestStore
from strongroom.storage.rest.url import parse
from tests.support.repositories import PASSWORD, Machine, make, opened, put
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_are_kept_apart_and_go_by_age(tmp_path: Path) -> None:
    """Two runs a day apart: after a week of the first it goes, the second can be undone still."""
    make(tmp_path)
    machine = Machine()
    repository = opened(tmp_path, machine)
    names = [ObjectName(Kind.DATA, put(repository.store, Kind.DATA, os.urandom(20))) for _ in range(2)]
    trash = Trash(repository)
    for name, verb in zip(names, ("forget", "prune"), strict=True):
        Remover(repository, trash.keeping(verb)).remove_all([name])
        machine.clock.seconds += 86400
    assert [run.verb for run in trash.runs()] == ["forget", "prune"]
    machine.clock.seconds += 5.5 * 86400
    assert [run.verb for run in trash.purge_older(Span(days=7))] == ["forget"]
    (left,) = trash.runs()
    trash.bring_back(left)
    assert [info.name for info in repository.store.list(Kind.DATA)] == names[1:]


def test_only_folders_keep_what_is_removed(tmp_path: Path) -> None:
    """A server's objects could be kept by copying them alone, so it is refused before anything is removed."""
    make(tmp_path)
    with RestServer() as server:
        for path in tmp_path.rglob("*"):
            if path.is_file():
                server.objects[f"repo/{path.relative_to(tmp_path)}"] = path.read_bytes()
        store = RestStore(parse(server.url, StoreOptions()), StoreOptions())
        repository = open_repository(store, PASSWORD, surroundings=Machine().surroundings)
        with repository, pytest.raises(Unsupported, match="in folders alone"):
            Trash(repository)
