"""``ls --ncdu``: a snapshot in ncdu's export format 1.2, to be browsed with ``ncdu -f``, with restic's members."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

from strongroom.cli.output.text import as_text

if TYPE_CHECKING:
    from strongroom.archive.vfs import SnapshotEntry
    from strongroom.cli.output.out import Out
    from strongroom.format.node import Node

_BLOCK = 512
_SPECIAL = ((1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000))
"""Go's bits for set-user-ID, set-group-ID and sticky, and those of inode(7)."""


class Ncdu:
    """Writes entries that come in the order of a walk; folders are closed when the walk has left them."""

    def __init__(self, out: Out, snapshot: dict[str, Any]) -> None:
        self._out = out
        self._open = [b"/"]
        out.write(f'[1, 2, {_json(snapshot)}, [{{"name":"/"}}')

    def entry(self, entry: SnapshotEntry) -> None:
        """The next entry of the walk."""
        self._leave(posixpath.dirname(entry.path))
        indent = "  " * len(self._open)
        if entry.is_dir:
            self._out.write(f",\n{indent}[\n{indent}  {_json(ncdu_node(entry.node))}")
            self._open.append(entry.path)
        else:
            self._out.write(f",\n{indent}{_json(ncdu_node(entry.node))}")

    def close(self) -> None:
        """The end of the walk."""
        self._leave(b"/")
        self._out.write("\n]\n]\n")

    def _leave(self, folder: bytes) -> None:
        while self._open[-1] != folder and len(self._open) > 1:
            self._open.pop()
            self._out.write(f"\n{'  ' * len(self._open)}]")


def ncdu_node(node: Node) -> dict[str, Any]:
    """An entry as ncdu takes it."""
    mode = node.mode & 0o777
    for bit, octal in _SPECIAL:
        mode |= octal if node.mode & bit else 0
    return {
        "name": as_text(node.name),
        "asize": node.size,
        "dsize": -(-node.size // _BLOCK) * _BLOCK,
        "dev": node.device_id,
        "ino": node.inode,
        "nlink": node.links,
        "notreg": node.type not in ("dir", "file"),
        "uid": node.uid,
        "gid": node.gid,
        "mode": mode,
        "mtime": max(0, node.mtime.ns // 1_000_000_000),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
