"""The words for what a principal may do with a repository, and the one for a server without append-only."""

from __future__ import annotations

import enum

from strongroom.base.objects import Kind
from strongroom.gateway.access.own_names import CUSTODY


class Role(enum.Enum):
    """What a principal may do with a repository."""

    HOST = "host"
    """Create objects, read, remove its own locks."""
    AUDITOR = "auditor"
    """Read, and have locks of its own (``restic check`` needs one)."""
    CUSTODIAN = "custodian"
    """As the auditor, move objects to the trash and back, and add packs, indexes, and a key that a window admits."""
    JUDGE = "judge"
    """As the custodian, and deletes nothing but its own locks: for a custodian whose executor is elsewhere."""
    ENROLLER = "enroller"
    """Let hosts in below a path, and its own go again; with no repository anything at all (``enrolling.py``)."""
    FULL = "full"
    """Everything that rest-server without ``--append-only`` allows; no policy gives this."""

    @property
    def creates(self) -> bool:
        """Whether it may begin repositories and add objects of every kind."""
        return self in (Role.HOST, Role.FULL)

    def may_add(self, kind: Kind | str) -> bool:
        """Whether it may add an object of a kind, or a file of ours (``own_names.py``). Locks are for all."""
        if kind == CUSTODY:
            return self.cares or self is Role.FULL
        return self.creates or kind is Kind.LOCK or (self.cares and kind in _CUSTODIANS)

    @property
    def cares(self) -> bool:
        """Whether it is a custodian's: that deletes, or that judges alone."""
        return self in (Role.CUSTODIAN, Role.JUDGE)


_CUSTODIANS = (Kind.INDEX, Kind.DATA, Kind.KEY)
"""What a custodian adds: packs written anew, indexes without what goes, and its own key. No snapshot: it makes none.
Besides, files of its own, which no host may write."""
GIVEN = {role.value: role for role in (Role.HOST, Role.AUDITOR, Role.CUSTODIAN, Role.JUDGE)}
"""What a policy may name: what somebody may do with a repository."""
ADDED = GIVEN | {Role.ENROLLER.value: Role.ENROLLER}
"""What ``principal add`` may name."""
