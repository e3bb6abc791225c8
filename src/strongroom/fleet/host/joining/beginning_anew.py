"""A host that joins once more, by a token that replaces: its old key and reports are put aside, never written over."""

from __future__ import annotations

import os

from strongroom.base.durable import replace_file

PASSWORD = "password"


def _coming(folder: str) -> str:
    return f"{folder}.new"


def finish(folder: str) -> None:
    """End what a kill has left half done. Raises OSError."""
    if not os.path.exists(folder) and os.path.exists(_coming(folder)):
        os.rename(_coming(folder), folder)


def begin_anew(folder: str, password: bytes | None) -> None:
    """Put the state of the fleet on this host aside, and begin another with the password that is kept. Raises OSError.

    The old one is beside it, with a number.
    """
    new = _coming(folder)
    os.makedirs(new, 0o700, exist_ok=True)
    if password is not None:
        replace_file(os.path.join(new, PASSWORD), password)
    number = 1
    while os.path.exists(f"{folder}.{number}"):
        number += 1
    if os.path.exists(folder):
        os.rename(folder, f"{folder}.{number}")
    os.rename(new, folder)
