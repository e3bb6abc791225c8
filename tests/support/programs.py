"""The three programs that share the format, with the few verbs that tests need, each said in its own way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import command, peers
from tests.support.cheap_keys import command as cheap_keys
from tests.support.cheap_keys.replacing import replace_keys
from tests.support.command import Result


class Program:
    """A backup program with a home of its own. ``repository`` is a path or a URL, always the first argument."""

    name: str

    def __init__(self, home: Path, executable: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.executable = executable
        self.env = command.environment(home)

    def run(
        self,
        *arguments: str | bytes | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: bytes | None = None,
        seconds: float = 120,
        memory: int = 2 * command.GIB,
    ) -> Result:
        """Run the program with these arguments; ``env`` is added to its environment."""
        merged = {**self.env, **(env or {})}
        return command.run(
            [self.executable, *arguments], env=merged, cwd=cwd, stdin=stdin, seconds=seconds, memory=memory
        )

    def start(self, *arguments: str | bytes | Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the program and leave it running; what it says is thrown away. The caller ends it."""
        command: list[str | bytes | Path] = [self.executable, *arguments]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env=self.env, stdin=stdin, stdout=quiet, stderr=quiet)

    def on(self, repository: Path | str, *arguments: str | bytes | Path, **options: Any) -> Result:
        """Run a verb on a repository."""
        return self.run("-r", str(repository), *arguments, **options)

    def init(self, repository: Path | str, *arguments: str, cheap: bool = True) -> Result:
        """Make a repository; ``cheap``: its key is made cheap to open, where the repository lies on this disk."""
        made = self.on(repository, "init", *arguments).expect(0)
        if cheap and Path(repository).is_dir():
            replace_keys(Path(repository), self.env["RESTIC_PASSWORD"])
        return made

    def backup(self, repository: Path | str, *paths: str | bytes | Path, **options: Any) -> Result:
        """Back up these paths."""
        return self.on(repository, "backup", *paths, **options).expect(0)

    def restore(self, repository: Path | str, target: Path, snapshot: str = "latest") -> Result:
        """Restore a whole snapshot below ``target``."""
        return self.on(repository, "restore", snapshot, "--target", target).expect(0)

    def check(self, repository: Path | str, *, read_data: bool = True) -> Result:
        """Check a repository, with all its data."""
        return self.on(repository, "check", *(["--read-data"] if read_data else [])).expect(0)

    def snapshots(self, repository: Path | str) -> Sequence[dict[str, Any]]:
        """The snapshots as JSON objects with restic's keys, ``id`` among them."""
        found: Sequence[dict[str, Any]] = self.on(repository, "snapshots", "--json").expect(0).json()
        return found


class Strongroom(Program):
    """The installed command of this project."""

    name = "strongroom"

    def __init__(self, home: Path) -> None:
        super().__init__(home, command.STRONGROOM)

    def init(self, repository: Path | str, *arguments: str, cheap: bool = True) -> Result:
        """Make a repository anywhere; ``cheap``: with a key that is cheap to open."""
        if not cheap:
            return super().init(repository, *arguments, cheap=False)
        return self.init_all(repository, arguments=arguments)

    def init_all(self, *repositories: Path | str, arguments: Sequence[str] = ()) -> Result:
        """Make several in one run, each with a key that is cheap to open."""
        places = [word for repository in repositories for word in ("-r", str(repository))]
        words = (sys.executable, cheap_keys.__file__, *places, "init", *arguments)
        return command.run(words, env=self.env).expect(0)


class Restic(Program):
    """restic: the newest that ``make peers`` obtains, or the one that ``STRONGROOM_PEER_RESTIC`` names."""

    name = "restic"

    def __init__(self, home: Path) -> None:
        super().__init__(home, peers.require(self.name))

    @property
    def old(self) -> bool:
        """Whether this is older than 0.17, whose exit codes and JSON of failures are those of today."""
        version = command.run([self.executable, "version"], env=self.env).expect(0).out.split()[1]
        return tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < (0, 17)


class DebianRestic(Restic):
    """Debian's restic, which is years older."""

    name = "restic-debian"


class Rustic(Program):
    """rustic."""

    name = "rustic"

    def __init__(self, home: Path) -> None:
        super().__init__(home, peers.require("rustic"))

    def restore(self, repository: Path | str, target: Path, snapshot: str = "latest") -> Result:
        """Restore a whole snapshot below ``target``."""
        target.mkdir(parents=True, exist_ok=True)
        return self.on(repository, "restore", snapshot, target).expect(0)

    def snapshots(self, repository: Path | str) -> Sequence[dict[str, Any]]:
        """The snapshots of all groups."""
        groups = self.on(repository, "snapshots", "--json").expect(0).json()
        return [
            snapshot for group in groups for snapshot in (group["snapshots"] if isinstance(group, dict) else group[1])
        ]


PROGRAMS: dict[str, type[Strongroom | Restic | Rustic]] = {
    "strongroom": Strongroom,
    "restic": Restic,
    "restic-debian": DebianRestic,
    "rustic": Rustic,
}
