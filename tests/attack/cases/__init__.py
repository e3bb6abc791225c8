"""Attack repositories by name: each case makes one with the forge and says in its docstring what is wrong with it."""

from __future__ import annotations

from tests.attack.cases import bombs, damaged, indexes, trees
from tests.attack.cases.registry import CASES, Case

__all__ = ["CASES", "Case", "bombs", "damaged", "indexes", "trees"]
