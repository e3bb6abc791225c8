"""Paths that a pattern stands for, as Go's ``filepath.Glob`` finds them: what ``--files-from`` means in restic."""

from __future__ import annotations

import os
import stat

from strongroom import _kernel

_SIGNS = b"*?[\\"
MAX_PARTS = 10_000
"""Components of a pattern, as in Go."""


def glob(pattern: bytes) -> list[bytes] | None:
    """The paths that are there, folder by folder in the order of names; None where the pattern is malformed.

    Names that begin with a dot are names like any other. A pattern without signs stands for its own path if that is
    there. Go reads a pattern only as far as a name goes along, so a malformed part counts where there is a name to
    show it.
    """
    if _kernel.glob_names(pattern, [b""]) is None:
        return None
    parts: list[bytes] = []  # what follows the folder, the last one first
    folder = pattern
    while _has_signs(folder):
        above, _, name = folder.rpartition(b"/")
        parts.append(name)
        above = above if b"/" in folder else b"."
        folder = above or b"/"
        if len(parts) >= MAX_PARTS:
            return None
    if not parts:
        return [pattern] if os.path.lexists(pattern) else []
    found = [folder]
    for part in reversed(parts):
        below: list[bytes] = []
        for path in found:
            names = _kernel.glob_names(part, _names(path))
            if names is None:
                return None
            below += [_join(path, name) for name in names]
        found = below
    return found


def _has_signs(path: bytes) -> bool:
    return any(sign in path for sign in _SIGNS)


def _names(folder: bytes) -> list[bytes]:
    try:
        return sorted(os.listdir(folder)) if stat.S_ISDIR(os.stat(folder).st_mode) else []
    except (OSError, ValueError):
        return []


def _join(folder: bytes, name: bytes) -> bytes:
    """As Go joins and cleans: without ``.``, and with ``..`` only where the path begins with it."""
    path = os.path.normpath(folder + b"/" + name)
    return path[1:] if path.startswith(b"//") else path
