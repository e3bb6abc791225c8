"""The local cache: index, snapshots and tree packs as ciphertext. Nothing in it is trusted.

It lies in ``<cache>/strongroom/<repository id>``, never in restic's folder, even where both are pointed at the same
place. Objects are kept under their names, so a whole one is checked by its hash; a range of a pack is checked by the
blob that comes out of it. Entries appear by a rename and are not synced: an entry that a crash tore is a miss.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.base.record import record
from strongroom.repository.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# This file is a cache directory tag, made by Strongroom. It may be removed with all beside it.\n"
)
_NAMED = (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA)
_DAY_NS = 86_400 * 1_000_000_000
_NO_FOLLOW = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # nor wait at a pipe


@record
class CacheSummary:
    """A line of `cache`: a repository's folder, when it was last used, its size in bytes, and whether it is old."""

    repository_id: str
    last_used_ns: int
    size: int
    old: bool


def default_cache_folder() -> str:
    """``$STRONGROOM_CACHE_DIR``, else ``$XDG_CACHE_HOME``, else ``~/.cache``; ours is the folder strongroom in it."""
    environment = os.environ
    return (
        environment.get("STRONGROOM_CACHE_DIR")
        or environment.get("XDG_CACHE_HOME")
        or os.path.join(os.path.expanduser("~"), ".cache")
    )


class Cache:
    """The caches of all repositories, in ``folder`` below ``base``, marked with a CACHEDIR.TAG."""

    def __init__(self, base: str, surroundings: Surroundings | None = None) -> None:
        self.folder = os.path.join(os.path.abspath(base), "strongroom")
        self._surroundings = surroundings or Surroundings()

    def repository(self, repository_id: str) -> RepositoryCache | None:
        """The cache of one repository, made if need be. A folder that cannot be made is a warning, and None."""
        folder = os.path.join(self.folder, repository_id)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            tag = os.path.join(self.folder, "CACHEDIR.TAG")
            if not os.path.exists(tag):
                with open(tag, "wb") as file:
                    file.write(_TAG)
            os.utime(folder)
        except OSError as problem:
            self._surroundings.warn(f"cannot use the cache in {self.folder}: {problem.strerror}; going on without")
            return None
        return RepositoryCache(folder, self._surroundings)

    def summaries(self, max_age_days: int = 30) -> list[CacheSummary]:
        """What `cache` lists, in the order of their IDs."""
        try:
            names = sorted(name for name in os.listdir(self.folder) if is_object_name(name))
        except FileNotFoundError:
            return []
        now = self._surroundings.clock.now_ns()
        found = []
        for name in names:
            folder = os.path.join(self.folder, name)
            with contextlib.suppress(OSError):
                used = os.stat(folder).st_mtime_ns
                found.append(CacheSummary(name, used, _size(folder), now - used > max_age_days * _DAY_NS))
        return found

    def remove_old(self, max_age_days: int = 30) -> list[str]:
        """Remove the folders that were not used for so many days; returns their repository IDs (`cache --cleanup`)."""
        old = [summary.repository_id for summary in self.summaries(max_age_days) if summary.old]
        if old:
            import shutil
        for name in old:
            shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)
        return old


class RepositoryCache:
    """The cache of one repository. Every failure of the disk is a miss, never an error."""

    def __init__(self, folder: str, surroundings: Surroundings) -> None:
        self.folder = folder
        self._surroundings = surroundings
        self._broken = False

    def load(self, kind: Kind, name: str, limit: int) -> bytes | None:
        """The bytes whose SHA-256 is ``name``, or None; an entry that is damaged or beyond the limit is removed."""
        try:
            with open(os.open(self._path(kind, name), os.O_RDONLY | _NO_FOLLOW), "rb") as file:
                data = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else b""
        except OSError:
            return None
        if len(data) <= limit and _kernel.sha256_hex(data) == name:
            return data
        self._remove(self._path(kind, name))
        return None

    def load_range(self, kind: Kind, name: str, offset: int, length: int) -> bytes | None:
        """A range of an entry, unverified, or None."""
        try:
            descriptor = os.open(self._path(kind, name), os.O_RDONLY | _NO_FOLLOW)
            try:
                data = os.pread(descriptor, length, offset)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        return data if len(data) == length else None

    def store(self, kind: Kind, name: str, data: bytes) -> bool:
        """Keep an object's bytes, atomically; whether that worked. The first failure is a warning, the rest silent."""
        path = self._path(kind, name)
        temporary = f"{path}.{os.getpid()}.{self._surroundings.random_bytes(4).hex()}.tmp"
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
            with open(descriptor, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError as problem:
            self._remove(temporary)
            if not self._broken:
                self._broken = True
                self._surroundings.warn(f"cannot write to the cache in {self.folder}: {problem.strerror}")
            return False
        return True

    def forget(self, kind: Kind, name: str) -> None:
        """Remove an entry that turned out to be bad."""
        self._remove(self._path(kind, name))

    def has_any(self, kind: Kind) -> bool:
        """Whether there is any entry of a kind."""
        return next(self._entries(kind), None) is not None

    def prune(self, kind: Kind, present: Iterable[str]) -> int:
        """Forget the entries of a kind that the repository no longer has, and leftovers; returns how many went."""
        keep = set(present)
        gone = 0
        for path, name in self._entries(kind):
            if name not in keep and (is_object_name(name) or self._is_leftover(path)):
                self._remove(path)
                gone += 1
        return gone

    def _is_leftover(self, path: str) -> bool:
        """A temporary file that is a day old was left by a run that died; a younger one may be a neighbour's."""
        try:
            return self._surroundings.clock.now_ns() - os.stat(path).st_mtime_ns > _DAY_NS
        except OSError:
            return False

    def _entries(self, kind: Kind) -> Iterator[tuple[str, str]]:
        root = os.path.join(self.folder, kind.value)
        for folder, _, names in os.walk(root):
            for name in names:
                yield os.path.join(folder, name), name

    def _path(self, kind: Kind, name: str) -> str:
        if kind not in _NAMED:
            raise ValueError(f"{kind} is never cached")
        return os.path.join(self.folder, ObjectName(kind, name).path)

    @staticmethod
    def _remove(path: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _size(folder: str) -> int:
    """The size of the files below a folder in bytes."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(parent, name))
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total
