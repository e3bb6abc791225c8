"""What came of a run of ``custody replicate``, in numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName

NOT_YET, AGAIN = "and is not copied again yet", "and was copied again"
NAMED_AGAIN = "and what it named is in another index"


@mutable
class Replicated:
    """What was done: objects and bytes copied by kind, objects read again, faults, and what is left for later."""

    copied: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    read: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)
    """What was copied once and was not there, with what came of it, in words."""
    left: int = 0
    waiting: int = 0
    """Snapshots that are not there yet, since a blob of theirs is not."""
    going: int = 0
    """Objects that nothing there needs any more."""
    keeper: str | None = None
    """Who lets them go: the key that is named there."""

    def say_of_gone(self, name: ObjectName, what: str) -> None:
        """What came of an object, if it was gone."""
        if str(name) in self.gone:
            self.gone[str(name)] = what

    def indexes_are_written(self) -> None:
        """Each pack that is there is in an index again, whichever it was in before."""
        for thing in self.gone:
            if thing.startswith(f"{Kind.INDEX.value}/"):
                self.gone[thing] = NAMED_AGAIN

    def again(self) -> list[str]:
        """Of what was gone, what is there again, or stands in another."""
        return [thing for thing, what in self.gone.items() if what in (AGAIN, NAMED_AGAIN)]
