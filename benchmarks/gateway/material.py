"""What is sent and what is listed: bodies made once into one file, and names of packs."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGE = 16 << 20
"""restic's usual pack."""
SMALL = 20_000


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies of one size in a file, one behind the other, with their names."""

    file: Path
    size: int
    names: tuple[str, ...]

    def posts(self, repository: str) -> list[str]:
        """The requests that store all of them."""
        return [
            f"POST /{repository}/data/{name} {self.file} {number * self.size} {self.size}"
            for number, name in enumerate(self.names)
        ]

    def asks(self, method: str, repository: str, count: int) -> list[str]:
        """``count`` requests for them, in turn."""
        return [f"{method} /{repository}/data/{self.names[n % len(self.names)]}" for n in range(count)]


def bodies(file: Path, size: int, count: int) -> Bodies:
    """Make random bodies."""
    names = []
    with file.open("wb") as out:
        for _ in range(count):
            data = os.urandom(size)
            names.append(hashlib.sha256(data).hexdigest())
            out.write(data)
    return Bodies(file, size, tuple(names))


def config(file: Path) -> tuple[str, ...]:
    """The requests that make repositories need a config's body; it is written here."""
    file.write_bytes(b"a config of the bench")
    return (str(file), "0", str(file.stat().st_size))


def making(repository: str, body: tuple[str, ...]) -> list[str]:
    """The requests that make a repository."""
    return [f"POST /{repository}/?create=true", f"POST /{repository}/config {' '.join(body)}"]


def fill(repository: Path, count: int) -> None:
    """Put so many packs of no bytes behind the server's back into a repository that it has made."""
    chance = random.Random("packs")
    for name in _names(chance, count):
        folder = repository / "data" / name[:2]
        folder.mkdir(mode=0o700, exist_ok=True)  # the server makes it with the first pack that belongs there
        os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600))


def _names(chance: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        yield chance.randbytes(32).hex()
