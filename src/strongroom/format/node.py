"""The entries of a directory, as trees hold them.

The kernel has the one implementation, since restic's spelling of an entry is part of a tree's hash.
"""

from __future__ import annotations

from strongroom._kernel import Node, Tree

__all__ = ["Node", "Tree"]
