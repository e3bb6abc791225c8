"""What a host remembers of the scheduled runs of a source: a small file each, so that a restart moves no date."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.file_lock import file_lock
from strongroom.base.own_files import open_own_file
from strongroom.base.record import as_dict, names_of, record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 1 << 16


@record
class RunMemory:
    """One source. Times are seconds since 1970 by this host's clock; 0 is never.

    ``since``: the schedule is known from then on, and no due date before it counts. ``due_done``: the newest due date
    whose run came to an end, good or bad. ``last_code``: the exit code of the last run; -1 before the first.
    """

    since: int = 0
    due_done: int = 0
    last_end: int = 0
    last_good: int = 0
    last_code: int = -1
    failures: int = 0
    """Runs in a row that failed, retries counted."""


class ScheduleMemory:
    """The folder with a file for each source. Lost or broken it begins anew, as on a new host."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "schedule")

    def of(self, source: str) -> RunMemory:
        """What is remembered of a source."""
        try:
            with open_own_file(self._path(source)) as file:
                found = json.loads(file.read(_LARGEST))
            known = {name: int(found[name]) for name in names_of(RunMemory) if name in found}
        except (OSError, ValueError, TypeError, OverflowError):
            return RunMemory()
        return RunMemory(**known)

    def change(self, source: str, **values: int) -> RunMemory:
        """Remember something, durably. Raises OSError."""
        changed = replace(self.of(source), **values)
        os.makedirs(self._folder, 0o700, exist_ok=True)
        replace_file(self._path(source), json.dumps(as_dict(changed)).encode())
        return changed

    @contextlib.contextmanager
    def alone(self, source: str) -> Iterator[bool]:
        """The lock of a source: yields whether it is ours; else another run of it is under way. Raises OSError."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        with file_lock(self._path(source) + ".lock", wait=False) as ours:
            yield ours

    def _path(self, source: str) -> str:
        return os.path.join(self._folder, source)
