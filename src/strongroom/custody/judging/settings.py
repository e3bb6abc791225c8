"""What an operator says of one source: paths that must not change, and how long its backups take."""

from __future__ import annotations

import json

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import field, keyword_record

_MOST_CANARIES = 100


@keyword_record
class SourceSettings:
    """``canaries``: path in the snapshot and what stood there when it was named, as ``canaries.mark`` says it.

    ``longest_backup``: hours between a snapshot's claimed time and its arrival that are no wonder. ``most_a_day``: so
    many snapshots a day are no wonder. ``retired_ns``: since when it sends nothing more, by an operator's word.
    """

    canaries: dict[str, str] = field(default_factory=dict)
    longest_backup: int = 48
    most_a_day: int = 48
    retired_ns: int | None = None

    def encode(self) -> str:
        """As the state keeps it."""
        members = {"canaries": self.canaries, "longest_backup": self.longest_backup, "most_a_day": self.most_a_day}
        return json.dumps(members | ({} if self.retired_ns is None else {"retired_ns": self.retired_ns}))


def parse_settings(text: str) -> SourceSettings:
    """Read what ``encode`` wrote; nothing is the default."""
    return checked(SourceSettings(**json.loads(text))) if text else SourceSettings()


def checked(settings: SourceSettings) -> SourceSettings:
    """The settings. Raises ``ConfigurationError`` where they make no sense."""
    if not 1 <= settings.longest_backup <= 24 * 30 or not 1 <= settings.most_a_day <= 10_000:
        raise ConfigurationError("hours are 1 to 720, and snapshots a day 1 to 10000", subject="source")
    if len(settings.canaries) > _MOST_CANARIES:
        raise ConfigurationError(f"has more than {_MOST_CANARIES} canaries", subject="source")
    return settings
