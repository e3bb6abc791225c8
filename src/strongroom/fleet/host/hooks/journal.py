"""What must be run in any case, written down before anything is stopped.

One file for each run under way, locked while its process lives. Whoever starts next runs what a killed process has left
behind: what was stopped is started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import StrongroomError
from strongroom.base.file_lock import file_lock, try_lock
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_VERSION = 1
_LARGEST = 1 << 20


@record
class FinallyEntry:
    """The ``finally`` commands of a run: its job (empty: the host's), its ID, and seconds for each command."""

    job: str
    run: str
    commands: tuple[tuple[str, ...], ...]
    seconds: float


class FinallyJournal:
    """The folder of the journal, for its owner alone, since commands stand in it."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "hooks")

    def is_in_use(self) -> bool:
        """Whether there are entries, of runs under way or of killed ones."""
        try:
            return any(name.endswith(".json") for name in os.listdir(self._folder))
        except OSError:
            return False

    @contextlib.contextmanager
    def entered(self, entry: FinallyEntry) -> Iterator[None]:
        """While this lasts the entry is there; whoever finds it unlocked knows that this process has gone.

        Raises ``StrongroomError`` when it cannot be written: then nothing may be stopped.
        """
        path = os.path.join(self._folder, f"{entry.run}-{entry.job or 'host'}.json")
        document = {"version": _VERSION, "job": entry.job, "run": entry.run, "seconds": entry.seconds}
        data = json.dumps(document | {"commands": entry.commands}).encode()
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            with self._alone():
                replace_file(path, data)
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try_lock(descriptor)
        except OSError as error:
            raise StrongroomError(
                f"the journal of hooks cannot be written: {error.strerror}", subject=path, hint="Nothing was begun."
            ) from None
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)
            os.close(descriptor)

    @contextlib.contextmanager
    def left_behind(self) -> Iterator[Sequence[FinallyEntry]]:
        """The entries of processes that have gone. They are ours meanwhile, and removed afterwards.

        An entry that is removed by an error or a kill in between is not: it is run at the next start.
        """
        with contextlib.ExitStack() as stack:
            found: list[tuple[str, FinallyEntry]] = []
            if os.path.isdir(self._folder):
                with self._alone():
                    for name in sorted(os.listdir(self._folder)):
                        path = os.path.join(self._folder, name)
                        entry = self._take(path, stack) if name.endswith(".json") else None
                        if entry is not None:
                            found.append((path, entry))
            yield [entry for _, entry in found]
            for path, _ in found:
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def _take(self, path: str, stack: contextlib.ExitStack) -> FinallyEntry | None:
        """An entry, locked until the stack closes; None where its process lives, or where it is not to be trusted."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        stack.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not try_lock(descriptor):
            return None
        try:
            return _parse(os.pread(descriptor, _LARGEST, 0))
        except (ValueError, KeyError, TypeError):  # a disk was full, or another version wrote it
            return None

    def _alone(self) -> contextlib.AbstractContextManager[bool]:
        return file_lock(os.path.join(self._folder, "lock"))


def _parse(data: bytes) -> FinallyEntry:
    document = json.loads(data)
    if document["version"] != _VERSION:
        raise ValueError("of another version")
    commands = tuple(tuple(map(str, words)) for words in document["commands"])
    return FinallyEntry(str(document["job"]), str(document["run"]), commands, float(document["seconds"]))
