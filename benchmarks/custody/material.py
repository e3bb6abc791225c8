"""Repositories and states of the sizes that the rows ask for, made without waiting for what a round would read."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
from collections.abc import Callable
from pathlib import Path

from strongroom import _kernel
from strongroom.base.clock import SYSTEM
from strongroom.base.objects import CONFIG
from strongroom.custody.adopting import adopt
from strongroom.custody.identity import load_file
from strongroom.custody.policy import CustodyPolicy
from strongroom.custody.schemas import main as schema
from strongroom.custody.state import State
from strongroom.format.config import RepositoryConfig
from strongroom.repository.opened import Repository
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.local.store import LocalStore


def apart(make: Callable[..., None], *arguments: object, **options: object) -> None:
    """Make something in a process of its own: a program's peak memory counts from that of whoever starts it, and this
    process stays small."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=make, args=arguments, kwargs=options)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"what is measured could not be made: exit code {process.exitcode}")


def one_repository(folder: Path, packs: int, blobs: int, *, files: bool = True) -> None:
    """A repository ``r`` of the state ``state``, with packs as ``add_packs`` makes them."""
    identity = adopted(folder / "state", folder / "r", "one")
    add_packs(folder / "state", folder / "r", identity, packs, blobs, files=files)


def many_repositories(folder: Path, count: int) -> None:
    """So many of a hundred objects."""
    for number in range(count):
        identity = adopted(folder / "state", folder / f"{number}", f"r{number}")
        add_packs(folder / "state", folder / f"{number}", identity, 98, 10)


def adopted(state: Path, place: Path, name: str) -> str:
    """Make an empty repository, and take it into the care of a state that is there; its ID.

    It has the custodian's key alone: another one's scrypt takes a second, and a thousand of them are made.
    """
    store = LocalStore(str(place))
    store.prepare()
    config = RepositoryConfig(2, os.urandom(32).hex(), _kernel.random_polynomial())
    key = _kernel.Key.generate()
    store.create(CONFIG, key.seal(config.encode()))
    with (
        Repository(store, config, key, "", Surroundings()) as repository,
        State(str(state)) as opened,
    ):
        adopt(opened, repository, name, str(place), load_file(str(state / "identity")), CustodyPolicy())
    return config.id


def add_packs(state: Path, place: Path, repository: str, packs: int, blobs: int, *, files: bool = True) -> None:
    """Packs of ``blobs`` blobs each, as a round leaves them that has read them all; ``files``: in the folder as well.

    No round reads them again within W, so a small file stands for each.
    """
    dice = random.Random(packs * 1000 + blobs)
    now_ns = SYSTEM.now_ns()
    objects: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []
    for _ in range(packs):
        content = dice.randbytes(100)
        name = hashlib.sha256(content).hexdigest()
        stamp_ns = None
        if files:
            path = place / "data" / name[:2] / name
            path.write_bytes(content)
            stamp_ns = os.stat(path).st_mtime_ns
        held = [_kernel.BlobEntry("data", dice.randbytes(32).hex(), number * 900, 900, 1000) for number in range(blobs)]
        rows.append({"repository": repository, "name": name, "blobs": _kernel.encode_rows(held)})
        objects.append(
            {
                "repository": repository,
                "kind": "data",
                "name": name,
                "size": len(content),
                "stamp_ns": stamp_ns,
                "arrival_ns": now_ns,
                "earliest_ns": now_ns,
                "evidence": "round",
                "verified_ns": now_ns,
                "sound_ns": now_ns,
                "proven": 0,
            }
        )
        if len(rows) == 2000:
            _insert(state, objects, rows)
            objects, rows = [], []
    _insert(state, objects, rows)


def _insert(state: Path, objects: list[dict[str, object]], rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    with State(str(state)) as opened, opened.database.write() as connection:
        connection.execute(schema.stored.insert(), objects)
        connection.execute(schema.pack.insert(), rows)
