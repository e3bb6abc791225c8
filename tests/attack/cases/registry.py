"""Where the cases register, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.forge import Forge

Case = Callable[[Path], Forge]


CASES: dict[str, Case] = {}


def case(make: Case) -> Case:
    """Register a case under its function's name."""
    CASES[make.__name__] = make
    return make
