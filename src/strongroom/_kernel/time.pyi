"""Points in time, as restic writes them."""

from typing import Self, final

@final
class Timestamp:
    """A point in time: whole nanoseconds since 1970-01-01 UTC, and the seconds east of UTC that it is written with.

    Equal only if both are; compare ``ns`` for the instant. ``str`` gives RFC 3339 as Go writes it, years bounded to
    0 to 9999. Raises ``ValueError`` for an offset beyond 25 hours or an instant that no computer has.
    """

    def __new__(cls, ns: int, offset: int = 0) -> Self: ...
    @staticmethod
    def parse(text: str) -> Timestamp:
        """What an RFC 3339 time says; digits of the second beyond the ninth are dropped. Raises ``Damaged``."""
    @staticmethod
    def local(ns: int) -> Timestamp:
        """An instant with the offset of this process's time zone (``TZ`` by Go's rules, read once)."""
    @property
    def ns(self) -> int: ...
    @property
    def offset(self) -> int: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[int, int]: ...
