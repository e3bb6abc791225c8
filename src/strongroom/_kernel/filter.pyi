"""restic's patterns."""

from collections.abc import Sequence
from typing import Self, final

@final
class Filter:
    """restic's patterns, of the options ``--exclude``, ``--iexclude``, ``--include`` and ``--iinclude``.

    Patterns and paths are bytes, or strings as ``os.fsdecode`` makes them. Raises ``Unsupported`` for malformed ones:
    see ``malformed_patterns``.
    """

    def __new__(
        cls,
        excludes: Sequence[bytes | str] = ...,
        iexcludes: Sequence[bytes | str] = ...,
        includes: Sequence[bytes | str] = ...,
        iincludes: Sequence[bytes | str] = ...,
    ) -> Self: ...
    def excludes(self, path: bytes | str) -> bool:
        """Whether the excludes leave out this absolute path."""
    def select(self, path: bytes | str, is_dir: bool) -> tuple[bool, bool]:
        """Whether this path in a snapshot is taken, and whether something below it may be."""

def malformed_patterns(patterns: Sequence[bytes | str]) -> list[bytes]:
    """Those that are no patterns, such as ``a[``."""

def glob_names(pattern: bytes, names: Sequence[bytes]) -> list[bytes] | None:
    """Those names that a pattern for one component matches (Go's ``filepath.Match``).

    None where one of them shows that the pattern is malformed: it is read only as far as a name goes along.
    """
