"""The three words for what a principal may do with a repository, and the one for a server without append-only."""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """What a principal may do with a repository."""

    HOST = "host"
    """Create objects, read, remove its own locks."""
    AUDITOR = "auditor"
    """Read, and have locks of its own (``restic check`` needs one)."""
    CUSTODIAN = "custodian"
    """As the auditor, and move objects to the trash."""
    FULL = "full"
    """Everything that rest-server without ``--append-only`` allows; no policy gives this."""

    @property
    def creates(self) -> bool:
        """Whether it may add objects."""
        return self in (Role.HOST, Role.FULL)


GIVEN = {role.value: role for role in (Role.HOST, Role.AUDITOR, Role.CUSTODIAN)}
"""What a policy or ``principal add`` may name."""
