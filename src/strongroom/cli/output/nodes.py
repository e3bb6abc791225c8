"""Entries of a snapshot as ``ls`` and ``find`` print them, in restic's formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.base.quantities import format_bytes
from strongroom.cli.arguments.times import local_text
from strongroom.cli.output.text import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.format.node import Node

_LETTERS = "dalTLDpSugct?"
"""Go's letters for the upper bits of a file mode, the highest first."""


def mode_text(mode: int) -> str:
    """Go's text of a file mode, such as ``drwxr-xr-x`` or ``Lrwxrwxrwx``."""
    kind = "".join(letter for place, letter in enumerate(_LETTERS) if mode & 1 << 31 - place)
    return (kind or "-") + "".join(letter if mode & 1 << 8 - place else "-" for place, letter in enumerate("rwxrwxrwx"))


def long_line(node: Node, path: bytes, name: Callable[[bytes], str], *, human: bool = False) -> str:
    """A line of ``ls -l``: mode, owner, group, size, time in local time, path, and where a link leads."""
    target = f" -> {name(node.linktarget)}" if node.type == "symlink" else ""
    size = format_bytes(node.size) if human else f"{node.size:6d}"
    return f"{mode_text(node.mode)} {node.uid:5d} {node.gid:5d} {size} {local_text(node.mtime.ns)} {name(path)}{target}"


def ls_json(node: Node, path: bytes) -> dict[str, Any]:
    """An entry as ``ls --json`` prints it: restic's names in restic's order."""
    members: dict[str, Any] = {
        "name": as_text(node.name),
        "type": node.type,
        "path": as_text(path),
        "uid": node.uid,
        "gid": node.gid,
    }
    if node.type == "file":
        members["size"] = node.size
    members |= {
        "mode": node.mode,
        "permissions": mode_text(node.mode),
        "mtime": str(node.mtime),
        "atime": str(node.atime),
        "ctime": str(node.ctime),
        "inode": node.inode,
        "message_type": "node",
        "struct_type": "node",
    }
    return {name: value for name, value in members.items() if name != "inode" or value}


_NOT_IN_FIND = ("name", "extended_attributes", "generic_attributes", "device", "content", "subtree")


def find_json(node: Node, path: bytes) -> dict[str, Any]:
    """An entry as ``find --json`` prints it: the stored object without what restic leaves out, path and mode before."""
    stored: dict[str, Any] = json.loads(node.json)
    kept = {name: value for name, value in stored.items() if name not in _NOT_IN_FIND}
    return {"path": as_text(path), "permissions": mode_text(node.mode)} | kept
