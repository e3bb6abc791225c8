"""Others' locks: which of them stand in the way, which are stale."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Locked, Missing, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.quantities import duration_text
from strongroom.format.lock import LockFile
from strongroom.repository.unpacked import read_bounded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from strongroom.repository.surroundings import Surroundings
    from strongroom.repository.unpacked import UnpackedFiles
    from strongroom.storage.contract import Store

STALE_NS = 30 * 60 * 1_000_000_000
"""The age at which a lock that nobody refreshed is stale."""
MAX_LOCKS = 10_000
"""How many locks are looked at; a flood is an error that says so."""
_SECOND_LOOKS = (1.0, 2.0, 4.0)


class Torn(Damaged):
    """A lock whose bytes do not fit its name: half-written perhaps, or damaged."""


def is_stale(lock: LockFile, surroundings: Surroundings) -> bool:
    """Older than 30 minutes, or of a process of this machine that no longer runs."""
    if surroundings.clock.now_ns() - lock.time_ns > STALE_NS:
        return True
    return lock.hostname == surroundings.hostname and not surroundings.process_alive(lock.pid)


class ForeignLocks:
    """Looks at the locks of a repository. Remembers those it has read: locks never change."""

    def __init__(self, store: Store, files: UnpackedFiles, surroundings: Surroundings) -> None:
        self._store = store
        self._files = files
        self._surroundings = surroundings
        self._known: dict[str, LockFile | None] = {}
        self._torn: set[str] = set()  # they were so for long enough

    def check(self, exclusive: bool, own: Collection[str] = ()) -> None:
        """Raise ``Locked`` when a lock other than our ``own`` conflicts: any does with an exclusive one."""
        torn: str | None = None
        for look in range(len(_SECOND_LOOKS) + 1):
            if torn is not None:
                if look == 1:
                    self._surroundings.warn(
                        f"the lock {torn[:8]} is damaged, or half-written: looking again for {sum(_SECOND_LOOKS):.0f} s"
                    )
                self._surroundings.clock.sleep(_SECOND_LOOKS[look - 1])
            torn = None
            for name in self.names():
                if name in own or (name in self._torn and not exclusive):
                    continue
                if self._surroundings.locks.given_twice(name):
                    raise UsageError(
                        "the same repository is given twice: our own lock stands here already",
                        subject=self._store.location,
                        hint="Name each one once.",
                    )
                try:
                    lock = self._load(name)
                except Torn:
                    torn = name
                    continue
                if lock is not None and (exclusive or lock.exclusive):
                    raise self._conflict(name, lock)
            if torn is None:
                return
        if exclusive:
            raise Locked(
                f"the lock {torn[:8]} is damaged, so nobody can tell whose it is" if torn else "",
                subject=self._store.location,
                hint="If nobody else works on the repository, run `strongroom unlock --remove-all`.",
            )
        self._torn.update([torn] if torn else [])
        self._surroundings.warn(f"ignoring the lock {torn}: it is damaged")

    def names(self) -> Iterator[str]:
        """The names of the locks that are not empty files; restic leaves those out, too."""
        count = 0
        for info in self._store.list(Kind.LOCK):
            if info.size:
                count += 1
                if count > MAX_LOCKS:
                    raise Locked(
                        f"there are more than {MAX_LOCKS} locks",
                        subject=self._store.location,
                        hint="Run `strongroom unlock`, or read with --no-lock.",
                    )
                yield info.name.name

    def _load(self, name: str) -> LockFile | None:
        if name not in self._known:
            try:
                self._known[name] = load_lock(self._store, self._files, name)
            except Missing:
                return None
            except Torn:
                raise
            except (Damaged, LimitExceeded) as problem:
                self._surroundings.warn(f"ignoring a lock that is none: {problem}")
                self._known[name] = None
        return self._known[name]

    def _conflict(self, name: str, lock: LockFile) -> Locked:
        """In restic's words, which wrappers match line by line."""
        age = self._surroundings.clock.now_ns() - lock.time_ns
        how = "already locked exclusively" if lock.exclusive else "already locked"
        since = datetime.fromtimestamp(lock.time_ns // 1_000_000_000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return Locked(
            f"unable to create lock in backend: repository is {how} by PID {lock.pid} on {lock.hostname} by "
            f"{lock.username} (UID {lock.uid}, GID {lock.gid})",
            subject=self._store.location,
            hint=f"lock was created at {since} ({duration_text(age)} ago)\nstorage ID {name[:8]}\n"
            "the `unlock` command can be used to remove stale locks\n"
            + _advice(stale=is_stale(lock, self._surroundings), ahead=age < -STALE_NS),
        )


def _advice(*, stale: bool, ahead: bool) -> str:
    if stale:
        return "Whoever made it is gone: `strongroom unlock` removes it."
    if ahead:  # it would go stale in so many years
        return (
            "It is dated in the future: its host's clock is wrong, or this one's. If nobody works on the repository, "
            "run `strongroom unlock --remove-all`."
        )
    return "Wait for that to finish, with --retry-lock if you like. If it is dead, run `strongroom unlock`."


def load_lock(store: Store, files: UnpackedFiles, name: str) -> LockFile:
    """A lock of this repository. Raises ``Missing``, ``Torn``, ``Damaged`` or ``LimitExceeded`` for what is none."""
    object_name = ObjectName(Kind.LOCK, name)
    for _ in range(2):
        stored = read_bounded(store, object_name)
        if _kernel.sha256_hex(stored) == name:
            return LockFile.parse(files.open_stored(stored, object_name), str(object_name))
    raise Torn("does not have the content that its name promises", subject=str(object_name))
