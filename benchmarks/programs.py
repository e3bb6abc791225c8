"""The programs measured, and how each one is told to do the work of a row."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import peers

from benchmarks import measure

PASSWORD = "benchmark"
NO_EXTRA_VERIFY = "strongroom --no-extra-verify"
DAY_NS = 86_400 * 10**9


@dataclass
class Program:
    """A program with a home of its own, so that caches and state begin empty with the home."""

    name: str
    executable: Path
    options: tuple[str, ...] = ()
    """Options of the backup verb that make this entry differ from another one of the same program."""

    def environment(self, home: Path) -> dict[str, str]:
        """A clean environment with everything this program keeps below ``home``."""
        home.mkdir(parents=True, exist_ok=True)
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TZ") if key in os.environ}
        return kept | {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "STRONGROOM_STATE_DIR": str(home / "state"),
            "RESTIC_PASSWORD": PASSWORD,
            "RUSTIC_PASSWORD": PASSWORD,
            "RUSTIC_NO_PROGRESS": "true",
            "TMPDIR": str(home),
        }

    def run(self, home: Path, *arguments: str | Path) -> measure.Run:
        """Run it with these arguments."""
        return measure.run([self.executable, *arguments], self.environment(home))

    def backup(self, home: Path, repositories: Sequence[Path], source: Path) -> list[measure.Run]:
        """Back a folder up to repositories: one run for each, unless the program can do it in one pass."""
        return [self.run(home, "-r", repository, "backup", *self.options, source) for repository in repositories]

    def restore(self, home: Path, repository: Path, target: Path) -> measure.Run:
        """Restore the latest snapshot."""
        return self.run(home, "-r", repository, "restore", "latest", "--target", target)

    def check(self, home: Path, repository: Path) -> measure.Run:
        """Check a repository with all its data."""
        return self.run(home, "-r", repository, "check", "--read-data")

    def copy(self, home: Path, source: Path, targets: Sequence[Path]) -> list[measure.Run]:
        """Copy all snapshots to these repositories: one run for each, unless the program can do it in one pass."""
        env = self.environment(home) | {"RESTIC_FROM_PASSWORD": PASSWORD}
        words: list[str | Path] = ["copy", "--from-repo", source]
        return [measure.run([self.executable, "-r", target, *words], env) for target in targets]

    def a_day_later(self, home: Path) -> None:
        """Make it so that the last backup was a day ago, for programs that do something daily."""


class Strongroom(Program):
    """The installed command."""

    def backup(self, home: Path, repositories: Sequence[Path], source: Path) -> list[measure.Run]:
        """All repositories in one pass."""
        named = [word for repository in repositories for word in ("-r", str(repository))]
        return [self.run(home, *named, "backup", *self.options, source)]

    def copy(self, home: Path, source: Path, targets: Sequence[Path]) -> list[measure.Run]:
        """All repositories in one pass."""
        named: list[str | Path] = [word for target in targets for word in ("-r", str(target))]
        env = self.environment(home) | {"RESTIC_FROM_PASSWORD": PASSWORD}
        return [measure.run([self.executable, *named, "copy", "--from-repo", source], env)]

    def a_day_later(self, home: Path) -> None:
        """Set the recorded last run back by a day, so that one day's share of unchanged files is read again."""
        changed = 0
        for path in (home / "state").rglob("*.json"):
            state = json.loads(path.read_bytes())
            changed += _set_back(state)
            path.write_text(json.dumps(state))
        if not changed:
            raise measure.Failed("no time of a last run was found in the state folder; the row would measure less work")


def _set_back(value: object) -> int:
    """Move every ``started_ns`` of a JSON value back by a day; the number of them."""
    changed = 0
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "started_ns" and isinstance(inner, int):
                value[key] = min(inner, time.time_ns()) - DAY_NS
                changed += 1
            else:
                changed += _set_back(inner)
    elif isinstance(value, list):
        changed = sum(_set_back(inner) for inner in value)
    return changed


class Rustic(Program):
    """rustic names the target of a restore without an option."""

    def restore(self, home: Path, repository: Path, target: Path) -> measure.Run:
        """Restore the latest snapshot."""
        target.mkdir(parents=True, exist_ok=True)
        return self.run(home, "-r", repository, "restore", "latest", target)


@dataclass
class Field:
    """Who takes part: ours twice for backups, restic, and rustic where it is there."""

    strongroom: Strongroom
    unverified: Strongroom
    restic: Program
    rustic: Rustic | None


def find() -> Field:
    """The programs of this machine. Without restic there is nothing to stand beside: exits."""
    ours = Path(sys.executable).parent / "strongroom"
    restic, rustic = peers.find("restic"), peers.find("rustic")
    if restic is None:
        raise SystemExit("bench: restic is not there; make peers obtains it")
    return Field(
        Strongroom("strongroom", ours),
        Strongroom(NO_EXTRA_VERIFY, ours, ("--no-extra-verify",)),
        Program("restic", restic),
        Rustic("rustic", rustic) if rustic else None,
    )


class Templates:
    """Two empty repositories made once by restic; every run gets a copy, so that all share one key file and polynomial.

    A key's scrypt cost is part of every run; with one key file it is the same for all.
    """

    def __init__(self, restic: Program, place: Path) -> None:
        self.paths = [place / "template0", place / "template1"]
        home = place / "template-home"
        restic.run(home, "-r", self.paths[0], "init")
        env = restic.environment(home) | {"RESTIC_FROM_PASSWORD": PASSWORD}
        second: list[str | Path] = [
            restic.executable,
            "-r",
            self.paths[1],
            "init",
            "--copy-chunker-params",
            "--from-repo",
            self.paths[0],
        ]
        measure.run(second, env)

    def copy(self, number: int, target: Path) -> Path:
        """A fresh copy of template 0 or 1."""
        shutil.copytree(self.paths[number], target)
        return target
