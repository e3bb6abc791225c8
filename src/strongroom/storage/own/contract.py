"""Small files of ours beside a repository or a log, written once, in whatever place: a small contract of their own.

Nothing here replaces or deletes.
"""

from __future__ import annotations

from typing import Protocol


class OwnFiles(Protocol):
    """Files that are written once. Paths are relative, of lower-case letters, digits, dots, dashes and underlines."""

    def write_once(self, path: str, data: bytes) -> None:
        """Make the file exist, durable on return. The same bytes again are success, others ``Exists``."""
        ...

    def read(self, path: str) -> bytes:
        """The whole file. Raises ``Missing``."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, in any order; empty when there is no such folder."""
        ...

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, in any order; empty when there is no such folder."""
        ...
