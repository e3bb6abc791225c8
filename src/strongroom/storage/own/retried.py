"""Small files of ours behind a network: what fails for a while is tried again, for a minute.

A write whose answer was lost is written again. It finds its own bytes there, and that is success: nobody takes the file
for another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.storage.wrappers.retry import retrier_of

if TYPE_CHECKING:
    from strongroom.storage.contract import Store
    from strongroom.storage.own.contract import OwnFiles
    from strongroom.storage.wrappers.retry import Retrier


def retried(files: OwnFiles, store: Store) -> OwnFiles:
    """Files beside a store, with the retries that are around it."""
    retrier = retrier_of(store)
    return files if retrier is None else RetriedFiles(files, retrier)


class RetriedFiles:
    """Files whose passing faults are tried again; implements ``OwnFiles``."""

    def __init__(self, files: OwnFiles, retrier: Retrier) -> None:
        self._files = files
        self._retrier = retrier

    def write_once(self, path: str, data: bytes) -> None:
        """Retried."""
        self._retrier.attempts(briefly=True).call(lambda: self._files.write_once(path, data))

    def read(self, path: str) -> bytes:
        """Retried."""
        return self._retrier.attempts(briefly=True).call(lambda: self._files.read(path))

    def names(self, folder: str) -> list[str]:
        """Retried."""
        return self._retrier.attempts(briefly=True).call(lambda: self._files.names(folder))

    def folders(self, folder: str) -> list[str]:
        """Retried."""
        return self._retrier.attempts(briefly=True).call(lambda: self._files.folders(folder))
