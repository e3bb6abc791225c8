"""Pruning behind a REST server, which does not say how old its packs are, and the record of this host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from strongroom.base.objects import Kind, ObjectName
from strongroom.base.progress import Reporter
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.maintenance.prune_run import prune
from strongroom.repository.opened import Repository
from strongroom.repository.opening import open_repository
from strongroom.repository.packs.remembered import remember
from strongroom.repository.state import StateDirectory
from strongroom.storage.contract import Info, Reader
from strongroom.storage.local.store import LocalStore
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest.store import RestStore
from strongroom.storage.rest.url import parse
from strongroom.storage.wrappers.wrapper import Wrapper
from tests.support.forge import Forge, ordinary
from tests.support.pruning.repositories import contents, packs
from tests.support.repositories import PASSWORD, Machine
from tests.support.servers.rest_server import RestServer

EVERYTHING = PruneOptions(max_unused=MaxUnused(percent=0))


def behind(server: RestServer, machine: Machine, state: Path) -> Repository:
    """The server's repository, opened."""
    options = StoreOptions()
    store = RestStore(parse(server.url, options), options)
    surroundings = machine.surroundings
    return open_repository(store, PASSWORD, surroundings=surroundings, state=StateDirectory(str(state), surroundings))


def prune_all(repository: Repository) -> None:
    """Prune all that nobody needs."""
    with repository, repository.lock(exclusive=True) as lock:
        prune(repository, EVERYTHING, Reporter(), lock=lock)


def test_a_pack_in_no_index_goes_when_a_run_has_seen_it_more_than_a_day_ago(tmp_path: Path) -> None:
    """Where the store does not say how old it is, this host counts from the first prune that saw it."""
    forge = ordinary(tmp_path / "repository")
    stray = forge.write("data", b"x" * 500).name
    machine = Machine()
    with RestServer() as server:
        for path in (tmp_path / "repository").rglob("*"):
            if path.is_file():
                name = f"data/{path.name}" if path.parts[-3] == "data" else str(path.relative_to(forge.place))
                server.objects[f"repo/{name}"] = path.read_bytes()
        for days, there in ((0, True), (1, True), (1, False)):
            machine.clock.sleep(days * 86_400)
            prune_all(behind(server, machine, tmp_path / "state"))
            assert (f"repo/data/{stray}" in server.objects) == there


def local(place: Path, state: Path) -> Repository:
    """A repository in a folder, opened by a host with a memory."""
    surroundings = Machine().surroundings
    return open_repository(
        LocalStore(str(place)), PASSWORD, surroundings=surroundings, state=StateDirectory(str(state), surroundings)
    )


def doubled(place: Path) -> Forge:
    """A repository whose blobs of data lie in two packs."""
    forge = ordinary(place)
    forge.pack(*(("data", text) for text in (b"first file\n" * 50, b"third", b"of nobody")))
    forge.index(forge.entries[-1:])
    return forge


class CountingStore(Wrapper):
    """Counts the bytes that are read of packs, and how often they are listed."""

    count = 0
    lists = 0

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """List and count, once somebody wants to know."""
        self.lists += kind is Kind.DATA
        yield from self.inner.list(kind, after)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """Read and count."""
        reader = self.inner.read(name, offset, length)
        self.count += reader.size if name.kind is Kind.DATA else 0
        return reader


def prune_by(store: CountingStore, state: Path) -> None:
    """Prune all that nobody needs, as a host with this memory."""
    surroundings = Machine().surroundings
    prune_all(
        open_repository(store, PASSWORD, surroundings=surroundings, state=StateDirectory(str(state), surroundings))
    )


def read_by_prune(place: Path, state: Path) -> int:
    """How many bytes of packs a prune reads."""
    store = CountingStore(LocalStore(str(place)))
    prune_by(store, state)
    return store.count


def test_copies_in_packs_of_our_own_are_not_read_again(tmp_path: Path) -> None:
    """A host that wrote all packs reads their headers; one that wrote none reads the copies that stay."""
    doubled(tmp_path / "one")
    files = contents(tmp_path / "one")
    unknown = read_by_prune(tmp_path / "one", tmp_path / "nothing")
    assert contents(tmp_path / "one") == files
    doubled(tmp_path / "two")
    with local(tmp_path / "two", tmp_path / "state") as repository:
        remember(repository, packs(tmp_path / "two"))
    known = read_by_prune(tmp_path / "two", tmp_path / "state")
    assert contents(tmp_path / "two").keys() and known < unknown - 4000


def test_where_nothing_is_needed_no_pack_is_read(tmp_path: Path) -> None:
    """What packs say of themselves cannot cost a blob that no snapshot needs. With a snapshot each that goes speaks.

    A host that remembers no pack lists them once.
    """
    for place, has_snapshots in ((tmp_path / "none", False), (tmp_path / "one", True)):
        doubled(place)
        if not has_snapshots:
            for path in (place / "snapshots").iterdir():
                path.unlink()
        store = CountingStore(LocalStore(str(place)))
        prune_by(store, tmp_path / "state")
        assert (store.count > 0) == has_snapshots == bool(packs(place))
        assert has_snapshots or store.lists == 1


def test_packs_that_a_killed_run_has_moved_are_taken_up(tmp_path: Path) -> None:
    """A pack of this host's that is in no index, and is needed wholly, is indexed rather than made again."""
    place = tmp_path / "repository"
    forge = ordinary(place)
    forge.pack(("data", b"first file\n" * 50), ("data", b"third"))
    moved = forge.entries[-1]["id"]
    with local(place, tmp_path / "state") as repository:
        remember(repository, [moved])
    forge.pack(("data", b"of nobody"))
    forge.index(forge.entries[-1:])
    prune_all(local(place, tmp_path / "state"))
    with local(place, tmp_path / "state") as repository:
        assert repository.load_index().contains_pack(moved)
