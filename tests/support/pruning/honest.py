"""An honest repository with something to prune, and packs that lie about what they hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.maintenance.prune_run import prune
from strongroom.repository.opening import open_repository
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.local.store import LocalStore
from tests.support.forge import Forge, Json, dumps, node, sha
from tests.support.repositories import PASSWORD

if TYPE_CHECKING:
    from strongroom.maintenance.prune_stats import PruneStats
    from strongroom.repository.opened import Repository

EVERYTHING = PruneOptions(max_unused=MaxUnused(percent=0))


class Honest:
    """A repository with two packs of data, each with a blob that nobody needs, two of trees, and one of garbage."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.forge = forge = Forge(place)
        self.contents = [os.urandom(20_000 + number) for number in range(8)]
        ids = [sha(content) for content in self.contents]
        garbage = [os.urandom(9_000), os.urandom(9_000), os.urandom(9_000)]
        forge.pack(*(("data", content) for content in [*self.contents[:4], garbage[0]]))
        forge.pack(*(("data", content) for content in [*self.contents[4:], garbage[1]]))
        forge.pack(("data", garbage[2]))
        files = [node(f"file{number}", "file", content=[blob], size=20_000) for number, blob in enumerate(ids)]
        self.folder = forge.tree(*files)
        self.root = forge.tree(node("folder", "dir", subtree=self.folder))
        forge.snapshot(self.root)
        self.packs = list(forge.entries)
        self.index = forge.index()

    def open(self) -> Repository:
        """The repository, on a machine that has seen nothing of it yet."""
        surroundings = Surroundings(warn=lambda _text: None)
        return open_repository(LocalStore(str(self.place)), PASSWORD, surroundings=surroundings)

    def prune(self, options: PruneOptions = EVERYTHING) -> PruneStats:
        """Prune it."""
        with self.open() as repository, repository.lock(exclusive=True) as lock:
            return prune(repository, options, Reporter(), lock=lock)

    def restores(self) -> bool:
        """Whether each file is there as it was, read from the store."""
        with self.open() as repository:
            load_to_read(repository)
            try:
                tree = repository.load_tree(self.root).nodes[0].subtree
                assert tree is not None
                found = [
                    repository.load_blob("data", blob)
                    for file in repository.load_tree(tree).nodes
                    for blob in file.content or ()
                ]
            except Exception:
                return False
        return found == self.contents

    def data(self) -> set[str]:
        """The packs that are there."""
        with self.open() as repository:
            return {info.name.name for info in repository.store.list(Kind.DATA)}

    def plant_first(self, packs: list[Json], **more: Any) -> None:
        """Write an index file whose name comes before the honest one's, so that it is read first."""
        while True:
            path = self.forge.unpacked("index", dumps({"packs": packs} | more))
            if path.name < self.index.name:
                return
            path.unlink()

    def false_pack(self, *blobs: Json) -> Json:
        """A pack of the right form whose header claims these blobs over other bytes; its entry in an index."""
        before = len(self.forge.entries)
        real = [os.urandom(max(1, blob["length"] - 32)) for blob in blobs]
        lying = _Lying(self.forge, {sha(content): blob["id"] for content, blob in zip(real, blobs, strict=True)})
        lying.pack([(blob["type"], content) for blob, content in zip(blobs, real, strict=True)])
        return self.forge.entries[before]


class _Lying:
    """Packs whose header and entry say other IDs than the blobs have."""

    def __init__(self, forge: Forge, names: dict[str, str]) -> None:
        self.forge = forge
        self.names = names

    def pack(self, blobs: list[tuple[str, bytes]]) -> None:
        forge, body, header, listed = self.forge, b"", b"", []
        for kind, plaintext in blobs:
            sealed = forge.secret.seal(plaintext)
            name = self.names[sha(plaintext)]
            header += bytes([kind == "tree"]) + len(sealed).to_bytes(4, "little") + bytes.fromhex(name)
            listed.append({"id": name, "type": kind, "offset": len(body), "length": len(sealed)})
            body += sealed
        sealed_header = forge.secret.seal(header)
        path = forge.write("data", body + sealed_header + len(sealed_header).to_bytes(4, "little"))
        forge.entries.append({"id": path.name, "blobs": listed})


def needed(honest: Honest, kind: str) -> list[Json]:
    """The honest entries of the blobs that the snapshot needs."""
    names = {sha(content) for content in honest.contents} | {honest.root, honest.folder}
    return [blob for pack in honest.packs for blob in pack["blobs"] if blob["id"] in names and blob["type"] == kind]
