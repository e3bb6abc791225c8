"""What this host remembers of its repositories by itself: pins, parents, re-reading (design, 'State, parent').

One JSON file for each repository ID. It is the authority for a backup's parent, so a file that others can write is
treated like a lost one. Lost or broken: a warning, and everything is read again; never an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.durable import replace_file
from strongroom.base.file_lock import file_lock
from strongroom.base.objects import is_object_name
from strongroom.base.own_files import open_own_file
from strongroom.base.record import as_dict, record, replace
from strongroom.repository.proven import ProvenPacks
from strongroom.repository.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_VERSION = 1
_MAX_FILE = 16 << 20
_MAX_RUNS = 1000
"""How many sources are remembered; whoever names each run otherwise must not fill the file for ever."""
_SALT_BYTES = 32
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


def default_state_folder() -> str:
    """``$STRONGROOM_STATE_DIR``, for root ``/var/lib/strongroom``, else ``$XDG_STATE_HOME/strongroom``."""
    if folder := os.environ.get("STRONGROOM_STATE_DIR"):
        return folder
    if os.geteuid() == 0:
        return "/var/lib/strongroom"
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "strongroom")


def pin_url(location: str) -> str:
    """The form of a location that pins go by: a path is made absolute, a URL stays as it is."""
    return location if _SCHEME.match(location) else os.path.abspath(location)


@record
class Pin:
    """What was found at a URL when it was first opened. ``url`` is that of ``pin_url``; ``key_id`` opens it."""

    url: str
    repository_id: str
    polynomial: int
    key_id: str


@record
class LastRun:
    """This host's last backup of some paths: the snapshot's ID, its root tree's ID (the authority), and when.

    ``started_ns`` is the wall clock at the start of the run, in nanoseconds since 1970 UTC.
    """

    snapshot: str
    tree: str
    started_ns: int


_Source = tuple[str, tuple[str, ...]]


@record
class _Content:
    """A state file. ``pins`` by URL; ``runs`` by host and sorted paths."""

    salt: bytes
    pins: Mapping[str, Pin]
    runs: Mapping[_Source, LastRun]

    def encode(self, repository_id: str) -> bytes:
        pins = {url: {"polynomial": f"{pin.polynomial:x}", "key": pin.key_id} for url, pin in self.pins.items()}
        runs = [{"hostname": host, "paths": paths} | as_dict(run) for (host, paths), run in self.runs.items()]
        document = {
            "version": _VERSION,
            "repository": repository_id,
            "salt": self.salt.hex(),
            "pins": pins,
            "runs": runs,
        }
        return json.dumps(document, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, repository_id: str) -> _Content:
        """Raises ``ValueError``, ``KeyError``, ``TypeError``, ``OverflowError``, ``AttributeError`` for another."""
        document: dict[str, Any] = json.loads(data)
        if document["version"] != _VERSION or document["repository"] != repository_id:
            raise ValueError("of another version or repository")
        salt = bytes.fromhex(document["salt"])
        if len(salt) != _SALT_BYTES:
            raise ValueError("salt of another length")
        pins = {
            url: Pin(url, repository_id, int(pin["polynomial"], 16), _name(pin["key"]))
            for url, pin in document["pins"].items()
        }
        runs = {
            (str(run["hostname"]), tuple(map(str, run["paths"]))): LastRun(
                _name(run["snapshot"]), _name(run["tree"]), int(run["started_ns"])
            )
            for run in document["runs"]
        }
        return cls(salt, pins, runs)


def _name(text: str) -> str:
    if not is_object_name(text):
        raise ValueError("not an ID")
    return text


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    """While nobody else changes the state; where the file system has no locks, whoever comes last is believed."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # file systems say in many ways that they have none
            stack.enter_context(file_lock(path))
        yield


class StateDirectory:
    """The folder with one JSON file for each repository ID. ``surroundings.warn`` hears of lost and broken ones."""

    def __init__(self, folder: str, surroundings: Surroundings | None = None) -> None:
        self.folder = os.path.abspath(folder)
        self._surroundings = surroundings or Surroundings()

    def pins_at(self, url: str) -> list[Pin]:
        """The pins of a URL (``pin_url``) in all repositories' files: disks may take turns at one mount point."""
        try:
            files = sorted(os.listdir(self.folder))
        except OSError:
            return []
        found: list[Pin] = []
        for file in files:
            repository_id, extension = posixpath.splitext(file)
            if extension == ".json" and is_object_name(repository_id):
                content = self.repository(repository_id).content()
                if content is not None and url in content.pins:
                    found.append(content.pins[url])
        return found

    def repository(self, repository_id: str) -> RepositoryState:
        """The state of one repository; empty when there is none yet."""
        return RepositoryState(self.folder, repository_id, self._surroundings)


class RepositoryState:
    """What this host remembers of one repository. Each change is written at once: locked, replaced atomically."""

    def __init__(self, folder: str, repository_id: str, surroundings: Surroundings) -> None:
        self.repository_id = _name(repository_id)
        self.path = os.path.join(folder, f"{repository_id}.json")
        self._folder = folder
        self._surroundings = surroundings
        self._fresh_salt = surroundings.random_bytes(_SALT_BYTES)

    @property
    def proven(self) -> ProvenPacks:
        """The packs that this host wrote or verified, in a file beside this one."""
        return ProvenPacks(os.path.join(self._folder, f"{self.repository_id}.packs"), self._surroundings)

    @property
    def unindexed(self) -> ProvenPacks:
        """Packs that were in no index when a prune first saw them, in a file beside this one."""
        return ProvenPacks(os.path.join(self._folder, f"{self.repository_id}.unindexed"), self._surroundings)

    @property
    def salt(self) -> bytes:
        """32 random bytes, made once and kept: a file's slot for re-reading is H(salt, path)."""
        content = self.content()
        return self._fresh_salt if content is None else content.salt

    @property
    def pins(self) -> Mapping[str, Pin]:
        """The pins of this repository by URL."""
        content = self.content()
        return {} if content is None else content.pins

    def pin(self, pin: Pin) -> None:
        """Remember what stands at a URL. A disk that fails is a warning."""
        if self.pins.get(pin.url) != pin:
            self._change(lambda content: replace(content, pins={**content.pins, pin.url: pin}))

    def last_run(self, hostname: str, paths: Sequence[str]) -> LastRun | None:
        """This host's last backup of exactly these paths (their order does not count)."""
        content = self.content()
        return None if content is None else content.runs.get((hostname, tuple(sorted(paths))))

    def record_run(self, hostname: str, paths: Sequence[str], run: LastRun) -> None:
        """Remember a backup, once its snapshot is stored. A disk that fails is a warning."""
        source = (hostname, tuple(sorted(paths)))

        def change(content: _Content) -> _Content:
            runs = {**content.runs, source: run}
            newest = sorted(runs, key=lambda known: runs[known].started_ns)[-_MAX_RUNS:]
            return replace(content, runs={known: runs[known] for known in newest})

        self._change(change)

    def content(self) -> _Content | None:
        """The state file, or None where there is none or none that can be believed (a warning, then)."""
        try:
            with open_own_file(self.path) as file:
                status = os.fstat(file.fileno())
                if status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()):
                    raise ValueError("others can write it")
                data = file.read(_MAX_FILE)
            return _Content.parse(data, self.repository_id)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, OverflowError, AttributeError, RecursionError) as problem:
            reason = "it is not what was written there"
            if isinstance(problem, OSError):
                reason = problem.strerror or reason
            elif type(problem) is ValueError and str(problem):
                reason = str(problem)
            self._warn(f"ignoring the state in {self.path}: {reason}; its repository counts as new here")
            return None

    def _warn(self, text: str) -> None:
        """Once each: a run reads and writes the file several times."""
        if text not in self._surroundings.told:
            self._surroundings.told.add(text)
            self._surroundings.warn(text)

    def _change(self, change: Callable[[_Content], _Content]) -> None:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with _alone(os.path.join(self._folder, ".lock")):
                old = self.content() or _Content(self._fresh_salt, {}, {})
                replace_file(self.path, change(old).encode(self.repository_id))
        except OSError as problem:
            self._warn(f"cannot write {self.path}: {problem.strerror}; the next run reads all files again")
