"""Settings from the environment: our own name of a variable stands before restic's."""

from __future__ import annotations

import os
import sys

from strongroom.base.record import record

PREFIXES = ("STRONGROOM_", "RESTIC_")


@record
class Variable:
    """A variable that is set to something, and its full name."""

    name: str
    value: str

    @property
    def origin(self) -> str:
        """Where the value came from, as ``config show`` says it."""
        return f"${self.name}"


def lookup(*suffixes: str) -> Variable | None:
    """The first variable that is set and not empty: all of ``STRONGROOM_<suffix>``, then all of ``RESTIC_<suffix>``.

    Within a prefix the order of the suffixes decides. An empty variable counts as unset, as in restic.
    """
    for prefix in PREFIXES:
        for suffix in suffixes:
            value = os.environ.get(prefix + suffix, "")
            if value:
                return Variable(prefix + suffix, value)
    return None


def called_restic() -> bool:
    """Whether we stand in for restic, as a link of that name."""
    return os.path.basename(sys.argv[0]) == "restic"
