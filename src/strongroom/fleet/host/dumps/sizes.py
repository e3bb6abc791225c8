"""How large each database's last dump was, in a file of this host's state."""

from __future__ import annotations

import contextlib
import json
import os

from strongroom.base.durable import replace_file
from strongroom.base.file_lock import file_lock

_LARGEST = 1 << 20


class DumpSizes:
    """Bytes by the label of a database. Lost or broken it says 0, and nothing is warned of."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "dump-sizes")

    def last(self, label: str) -> int:
        """The size of the last dump that was saved; 0 without any."""
        size = self._all().get(label)
        return size if isinstance(size, int) else 0

    def remember(self, label: str, size: int) -> None:
        """A dump was saved. A disk that is full costs the next warning, not this backup."""
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
            with file_lock(self._path + ".lock"):
                replace_file(self._path, json.dumps(self._all() | {label: size}).encode())

    def _all(self) -> dict[str, object]:
        try:
            with open(self._path, "rb") as file:
                found = json.loads(file.read(_LARGEST))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
