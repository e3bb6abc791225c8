"""Removing for good what lay in a gateway's trash until its hold was over."""

from __future__ import annotations

import os


def purge(path: str) -> None:
    """Remove one file of a trash. Raises OSError; a file that is not there was purged by another."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
