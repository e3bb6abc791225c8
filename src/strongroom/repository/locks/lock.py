"""Locks as restic takes them (format page 1.12): written, checked twice, refreshed, frozen when they get old.

Differences, both on the side of not being locked out: a file in ``locks/`` that nobody with the repository's key has
made is skipped with a warning, while one whose bytes do not fit its name may be half-written: it is looked at again for
some seconds, and then stands in the way of exclusive locks only.

restic's wait between writing a lock and looking again is kept, but what changes nothing goes on meanwhile (``settle``).
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Self

from strongroom.base.errors import (
    Exists,
    Full,
    Interrupted,
    Locked,
    Missing,
    Refused,
    StrongroomError,
    Unsupported,
)
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.quantities import duration_text
from strongroom.format.lock import LockFile
from strongroom.repository.locks.foreign import ForeignLocks
from strongroom.repository.parallel import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from strongroom.repository.surroundings import Surroundings
    from strongroom.repository.unpacked import UnpackedFiles
    from strongroom.storage.contract import Store

SETTLE = 0.2
"""Seconds between writing our lock and looking at others' again."""
REFRESH = 300.0
"""Seconds after which a lock is written anew."""
REFRESH_AGAIN = 60.0
"""Seconds between tries while refreshing fails."""
FREEZE = 22.5 * 60
"""Seconds without a refresh after which nothing may be written any more: others may remove it at 30 minutes."""
_RETRY_FIRST, _RETRY_LAST = 5.0, 60.0
_POLL = 1.0


class Lock:
    """A lock that is held: refreshed every five minutes in a thread of its own, frozen after 22.5 without success."""

    def __init__(self, store: Store, files: UnpackedFiles, surroundings: Surroundings, *, exclusive: bool) -> None:
        """Not held yet: call ``acquire``."""
        self.exclusive = exclusive
        self._store = store
        self._files = files
        self._surroundings = surroundings
        self._clock = surroundings.clock
        self._names: list[str] = []  # the lock that counts is the last; earlier ones could not be removed yet
        self._begun: list[str] = []  # perhaps in the store: nobody has said so
        self._written = (0, 0.0)
        self._last_try = 0.0
        self._lost = False
        self._guard = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked = threading.Event()  # the second look is over; ``_refusal`` says how it ended
        self._refusal: StrongroomError | None = None

    @property
    def names(self) -> list[str]:
        """What it has in the store, or may have."""
        return [*self._names, *self._begun]

    def acquire(self, retry_seconds: float = 0.0, *, settle: bool = True) -> Self:
        """Take the lock, or raise ``Locked`` when others' stood in the way for ``retry_seconds``.

        Without ``settle`` the lock is written when this returns, and the wait and the second look go on in a thread:
        reading and walking need not wait for them. Nothing may be stored before ``settled`` (``check`` calls it).
        """
        foreign = ForeignLocks(self._store, self._files, self._surroundings)
        self._surroundings.locks.add(self)
        try:
            self._acquire(foreign, retry_seconds, settle=settle)
        except BaseException:
            self._forget()
            raise
        return self

    def _acquire(self, foreign: ForeignLocks, retry_seconds: float, *, settle: bool) -> None:
        if not settle and not retry_seconds:
            foreign.check(self.exclusive)
            self._write()
            self._start(lambda: self._look_again(foreign))
            return
        deadline = self._clock.monotonic() + retry_seconds
        delay = _RETRY_FIRST
        while True:
            try:
                self._try(foreign)
                break
            except Locked:
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    raise
                if delay == _RETRY_FIRST:  # restic's words, which wrappers match
                    wait = duration_text(int(retry_seconds * 1e9))
                    self._surroundings.warn(f"repo already locked, waiting up to {wait} for the lock")
                self._clock.sleep(min(delay, left))
                delay = min(2 * delay, _RETRY_LAST)
        self._looked.set()
        self._start(lambda: None)

    def _start(self, first: Callable[[], None]) -> None:
        def run() -> None:
            first()
            self._run()

        self._thread = threading.Thread(target=run, name="strongroom-lock", daemon=True)
        self._thread.start()

    def _look_again(self, foreign: ForeignLocks) -> None:
        """The second look, in the lock's own thread."""
        try:
            if not self._stop.wait(SETTLE):
                foreign.check(self.exclusive, own=tuple(self._names))
        except StrongroomError as problem:
            self._refusal = problem
        except Exception as problem:
            self._refusal = StrongroomError(f"locking failed: {problem}", subject=self._store.location)
        finally:
            self._looked.set()

    def settled(self, *, wait: bool = True) -> None:
        """Wait for the second look, and raise what it found. Without ``wait`` only what is known by now is raised."""
        if wait:
            wait_for(self._looked)
        if self._refusal is not None:
            raise self._refusal

    def _try(self, foreign: ForeignLocks) -> None:
        foreign.check(self.exclusive)
        self._write()
        try:
            self._clock.sleep(SETTLE)
            foreign.check(self.exclusive, own=self._names)
        except BaseException:
            self._remove_all()
            raise

    def _write(self) -> None:
        here = self._surroundings
        moment = (self._clock.now_ns(), self._clock.monotonic())
        file = LockFile(moment[0], self.exclusive, here.hostname, here.username, here.pid, here.uid, here.gid)
        try:
            name = self._files.save(Kind.LOCK, file.encode(), self._begun.append)
        except (Exists, Full, Refused, Unsupported):
            self._begun.clear()
            raise
        self._names.append(name)
        self._begun.remove(name)
        self._written = moment

    def _age(self) -> float:
        """Seconds since the last refresh, by whichever clock moved more: the steady one stops while a laptop sleeps."""
        wall, steady = self._written
        return max((self._clock.now_ns() - wall) / 1e9, self._clock.monotonic() - steady)

    @property
    def frozen(self) -> bool:
        """True when the lock may be taken for stale by others: nothing may be written under it any more."""
        return self._lost or self._age() >= FREEZE

    def check(self) -> None:
        """Raise ``Locked`` unless the lock has settled and still holds. Call before each write.

        It costs nothing while all is well. An old lock that nobody has removed in the meantime is refreshed here and
        now, as restic does after a sleep.
        """
        self.settled()
        if self.frozen:
            with self._guard:
                if self.frozen and not self._lost:
                    self._thaw()
                if self._lost:
                    raise Locked(
                        "our lock was not refreshed for too long and somebody has removed it",
                        subject=self._store.location,
                        hint="Nothing is damaged. Run the command again.",
                    )

    def tick(self) -> None:
        """Refresh if it is time to. The thread calls this each second; a failure is a warning."""
        with self._guard:
            if self._stop.is_set() or self._lost or self._age() < REFRESH:
                return
            if self._clock.monotonic() - self._last_try < REFRESH_AGAIN and self._last_try > self._written[1]:
                return
            self._last_try = self._clock.monotonic()
            try:
                if self._age() >= FREEZE:
                    self._thaw()
                else:
                    self._write()
                    self._remove_older()
            except StrongroomError as problem:
                self._surroundings.warn(f"cannot refresh the lock: {problem}")

    def _thaw(self) -> None:
        """Write a new lock in place of one that is old, if that was there all the while; else it is lost for good."""
        old = self._names[-1]
        if self._exists(old):
            self._write()
            self._clock.sleep(SETTLE)
            if self._exists(old):
                self._remove_older()
                return
        self._lost = True
        self._surroundings.warn(
            f"the lock on {self._store.location} was removed by somebody; writing nothing more there"
        )

    def _exists(self, name: str) -> bool:
        try:
            self._store.stat(ObjectName(Kind.LOCK, name))
        except Missing:
            return False
        return True

    def _remove_older(self) -> None:
        for name in self._names[:-1]:
            self._store.release_lock(name)
            self._names.remove(name)

    def _remove_all(self) -> None:
        """Remove what we have in the store: a failure is a warning, ``Interrupted`` leaves the rest."""
        for name in [*self._names, *self._begun]:
            try:
                self._store.release_lock(name)
            except Interrupted:
                raise
            except StrongroomError as problem:
                if name in self._names:
                    self._surroundings.warn(f"cannot remove our lock {name[:8]}: {problem}")
            for known in (self._names, self._begun):
                if name in known:
                    known.remove(name)
        self._forget()

    def _forget(self) -> None:
        """Nothing of ours is in the store any more, so that nobody has to see to it; unless there is."""
        if not self._names and not self._begun:
            self._surroundings.locks.remove(self)

    def abandon(self) -> None:
        """Remove what we may have in the store, and wait for nobody: the process ends at once."""
        self._stop.set()
        for name in [*self._names, *self._begun]:
            with contextlib.suppress(StrongroomError):
                self._store.release_lock(name)

    def _run(self) -> None:
        while not self._stop.wait(_POLL):
            self.tick()

    def release(self) -> None:
        """Stop refreshing and remove the lock. Idempotent; a failure to remove it is a warning.

        Raises ``Interrupted``, and may be called again then.
        """
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            wait_for(self._looked)  # the thread may be looking at the list of locks this moment
        with self._guard:
            self._remove_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2 * _POLL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.settled()
        finally:
            self.release()
