"""Compare the stubs of the kernel with what was compiled: ``mypy.stubtest``, for a folder of stubs and one module.

At runtime ``strongroom._kernel`` is one module. So that each of its stub files is compared, too, a module of
the file's name holds what the file declares while this runs; that they declare all, ``__all__`` of the whole says.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from mypy import stubtest

KERNEL = "strongroom._kernel"
ROOT = Path(__file__).parents[1]
STUBS = ROOT / "src" / "strongroom" / "_kernel"
ALLOWLIST = ROOT / "crates" / "kernel-py" / "stubtest-allowlist"


def _declared(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def main() -> int:
    """Compare, and return how the command ends: 0 where all is as the stubs say."""
    kernel = importlib.import_module(KERNEL)
    for path in STUBS.glob("[!_]*.pyi"):
        module = ModuleType(f"{KERNEL}.{path.stem}")
        for name in _declared(path):
            if hasattr(kernel, name):
                setattr(module, name, getattr(kernel, name))
        sys.modules[module.__name__] = module
    return stubtest.test_stubs(
        stubtest.parse_options([KERNEL, "--allowlist", str(ALLOWLIST), "--ignore-unused-allowlist"])
    )


if __name__ == "__main__":
    sys.exit(main())
