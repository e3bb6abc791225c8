"""Small files of ours in the bucket, written once: repository IDs, sealed keys, the log's tiles and checkpoints."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import Exists, Missing, Unavailable
from strongroom.storage.names import OWN_LARGEST, own_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.storage.own.keyed import Keyed

SECONDS = 60.0
"""How long one file may take to be written."""


class BucketFiles:
    """Files in a folder of the bucket; implements ``OwnFiles``."""

    def __init__(self, keyed: Keyed, folder: str, *, guarded: Callable[[], bool]) -> None:
        """When ``guarded`` says so, it looks before it writes: the store replaces what it has."""
        self._keyed = keyed
        self._folder = folder
        self._guarded = guarded
        self._names: dict[str, tuple[float, list[str]]] = {}

    def write_once(self, path: str, data: bytes) -> None:
        """Make the file exist. The same bytes again are success, others ``Exists``. Raises ``Unavailable``."""
        key = self._key(path)
        until = monotonic() + SECONDS
        digest = hashlib.sha256(data).hexdigest()
        if (self._guarded() and self._there(key)) or not self._keyed.put(
            key, io.BytesIO(data), len(data), digest, until=until
        ):
            try:
                found = self._keyed.read(key, max(len(data), 1 << 20))
            except Missing:
                raise Unavailable("the store says both that it has a file and that it has not", subject=path) from None
            if found != data:
                raise Exists("the store holds another file here, which is never replaced", subject=path)
        folder, _, name = path.rpartition("/")
        if folder in self._names and name not in self._names[folder][1]:
            self._names[folder][1].append(name)

    def read(self, path: str) -> bytes:
        """The whole file. Raises ``Missing``."""
        return self._keyed.read(self._key(path), OWN_LARGEST)

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder.

        A list costs a request for each thousand names. So the last one, with what was written since, serves for a
        minute for each thousand: whatever the log's age, asking for its newest checkpoint costs a request a minute.
        """
        until, found = self._names.get(folder, (0.0, []))
        if until < monotonic():
            found = self._keyed.list(f"{self._key(folder)}/")[0]
            self._names[folder] = (monotonic() + SECONDS * (1 + len(found) // 1000), found)
        return list(found)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, asked for each time."""
        return self._keyed.list(f"{self._key(folder)}/")[1]

    def _there(self, key: str) -> bool:
        try:
            self._keyed.head(key)
        except Missing:
            return False
        return True

    def _key(self, path: str) -> str:
        own_path(path)
        return f"{self._folder}/{path}" if self._folder else path
