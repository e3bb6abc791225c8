"""Repositories for tests: a clock that the test moves, a machine that it makes up, a cheap password hash."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.format.config import RepositoryConfig
from strongroom.format.key import KeyFile, encode_material
from strongroom.repository.opening import open_repository
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.local.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

PASSWORD = b"correct horse battery staple"
POLYNOMIAL = 0x25B468838DCB75
START_NS = 1_790_000_000 * 1_000_000_000


@dataclass
class ManualClock:
    """Moves when told to, or when somebody sleeps; ``on_sleep`` is called then, for what others do meanwhile."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], None] = lambda: None

    def now_ns(self) -> int:
        return START_NS + int(self.seconds * 1e9)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        self.on_sleep()


@dataclass
class Machine:
    """A made-up machine: ``surroundings`` for the code, what it was warned of for the test."""

    hostname: str = "alpha"
    pid: int = 4242
    living: tuple[int, ...] = (4242,)
    clock: ManualClock = field(default_factory=ManualClock)
    warnings: list[str] = field(default_factory=list)
    random_bytes: Callable[[int], bytes] = os.urandom

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            clock=self.clock,
            random_bytes=self.random_bytes,
            warn=self.warnings.append,
            hostname=self.hostname,
            username="ann",
            uid=0,
            gid=0,
            pid=self.pid,
            process_alive=self.living.__contains__,
        )


def put(store: Store, kind: Kind, data: bytes) -> str:
    """Store bytes under their hash; returns the name."""
    name = _kernel.sha256_hex(data)
    store.create(ObjectName(kind, name), data)
    return name


def put_key(store: Store, key: _kernel.Key, password: bytes = PASSWORD, *, n: int = 1024, p: int = 1) -> str:
    """Store a key file that is cheap to open."""
    salt = os.urandom(64)
    derived = _kernel.derive_key(password, salt, n, 8, p)
    file = KeyFile(n, 8, p, salt, derived.seal(encode_material(key.material())), hostname="made-up")
    return put(store, Kind.KEY, file.encode())


def make(path: Path, *, version: int = 2, extra: dict[str, object] | None = None) -> LocalStore:
    """A repository with one cheap key for ``PASSWORD``; ``extra`` goes into its config."""
    store = LocalStore(str(path))
    store.prepare()
    key = _kernel.Key.generate()
    put_key(store, key)
    store.create(CONFIG, key.seal(RepositoryConfig(version, os.urandom(32).hex(), POLYNOMIAL, extra or {}).encode()))
    return store


def opened(path: Path, machine: Machine | None = None) -> Repository:
    """That repository, opened on a machine."""
    return open_repository(LocalStore(str(path)), PASSWORD, surroundings=(machine or Machine()).surroundings)


def another(machine: Machine, **changes: object) -> Machine:
    """The same machine with some things changed, on the same clock."""
    return replace(machine, **changes)  # type: ignore[arg-type]
