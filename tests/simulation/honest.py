"""A seeded model of an honest host: edits, growth, a renamed tree, an upgrade, holidays, sleep in mid-backup, a dead
clock battery."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.format import rfc3339
from tests.support.clock import ManualClock
from tests.support.forge import Forge, node

Files = dict[str, bytes]
FILES = 24
_WORDS = ("harvest", "ledger", "figure", "north", "because", "river", "seven", "invoice")


@dataclass
class SimulatedHost:
    """``backups``: what each snapshot holds, by its ID. Paths are a folder and a name."""

    place: Path
    clock: ManualClock
    dice: random.Random
    backups: dict[str, Files] = field(default_factory=dict)
    stored: dict[bytes, str] = field(default_factory=dict)
    count: int = FILES
    prose: bool = False
    """Whether files hold text, or random bytes."""
    asleep_until: int = -1
    pending: Files | None = None
    """What a backup had stored when the lid was closed."""
    encrypted: Files = field(default_factory=dict)
    """What an intruder has made of files, a few more with each move."""

    def __post_init__(self) -> None:
        self.forge = Forge(self.place)
        self.listed = 0
        folders = ("docs", "mail", "code")
        self.files = {f"{folders[number % 3]}/{number}.txt": self.content() for number in range(self.count)}

    def content(self) -> bytes:
        """A file's."""
        length = self.dice.randrange(200, 1200)
        if self.prose:
            return " ".join(self.dice.choices(_WORDS, k=length // 6)).encode()
        return self.dice.randbytes(length)

    def day(self, number: int) -> str | None:
        """A day's work and a backup; the snapshot's ID, None where none was made."""
        if number < self.asleep_until:
            return None
        if self.pending is not None:  # the lid is open again: the backup of ten days ago ends
            files, self.pending = self.pending, None
            return self.save(files)
        self._work(number)
        chance = self.dice.random()
        if chance < 0.04:  # a weekend, or the holidays
            self.asleep_until = number + self.dice.choice((2, 2, 3, 12))
            return None
        if chance < 0.06:
            self.tree(self.files)
            self.pending, self.asleep_until = dict(self.files), number + 10
            return None
        claims = "1970-01-02T03:04:05Z" if chance < 0.07 else ""
        return self.save(self.files, **({"time": claims} if claims else {}))

    def _work(self, number: int) -> None:
        names = sorted(self.files)
        for name in self.dice.sample(names, k=min(len(names), self.dice.randrange(4))):
            self.files[name] = self.content()
        if self.dice.random() < 0.3:
            self.files[f"docs/new{number}.txt"] = self.content()
        if self.dice.random() < 0.03:  # a renamed tree
            self.files = {name.replace("mail/", f"mail{number}/"): what for name, what in self.files.items()}
        if number % 30 == 17:  # an upgrade
            for name in [one for one in self.files if one.startswith("code/")]:
                self.files[name] = self.content()

    def save(self, files: Files, **fields: Any) -> str:
        """Store a backup of files; the snapshot's ID."""
        root = self.tree(files)
        self.index()
        name: str = self.forge.snapshot(root, **({"time": rfc3339.format_utc(self.clock.now_ns())} | fields)).name
        self.backups[name] = dict(files)
        return name

    def index(self) -> None:
        """Index what no index names yet."""
        fresh, self.listed = self.forge.entries[self.listed :], len(self.forge.entries)
        if fresh:
            self.forge.index(fresh)

    def tree(self, files: Files) -> str:
        """Store files, in a pack, and the trees above them; the root."""
        fresh = [one for one in dict.fromkeys(files.values()) if one not in self.stored]
        if fresh:
            blobs = self.forge.pack(*(("data", one) for one in fresh))
            self.stored |= dict(zip(fresh, blobs, strict=True))
        folders: dict[str, list[Any]] = {}
        for path, content in sorted(files.items()):
            folder, _, name = path.partition("/")
            entry = node(name, "file", content=[self.stored[content]], size=len(content))
            folders.setdefault(folder, []).append(entry)
        nodes = [
            node(name, "dir", subtree=self.forge.tree(*sorted(below, key=lambda one: str(one["name"]))))
            for name, below in sorted(folders.items())
        ]
        return self.forge.tree(*nodes)
