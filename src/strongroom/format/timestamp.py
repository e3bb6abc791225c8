"""Points in time as trees and snapshots hold them: whole nanoseconds and the offset they are written with.

The kernel has the one implementation, since restic's spelling of a time is part of a tree's hash.
"""

from __future__ import annotations

from strongroom._kernel import Timestamp

__all__ = ["Timestamp"]
