"""The folder of one repository on a disk: where in it what is ours lies, and with which permissions it is made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.storage.local.modes import Modes

OWN = ".strongroom"


@dataclass(slots=True)
class RepositoryFolder:
    """One repository's folder."""

    path: str
    modes: Modes
    unsettled: bool = False
    """Whether something of this process lies in it that the log was not told of: a worker settles it."""

    @property
    def own(self) -> str:
        """The folder for what is ours in it."""
        return os.path.join(self.path, OWN)

    @property
    def temporary(self) -> str:
        """Where unfinished uploads and moves are."""
        return os.path.join(self.path, OWN, "tmp")

    @property
    def trash(self) -> str:
        """Where a custodian's delete puts objects."""
        return os.path.join(self.path, OWN, "trash")
