"""The house rules that the import contracts in pyproject.toml cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "strongroom"
KERNEL_IMPORTERS = {"format", "repository", "archive", "maintenance", "custody"}


def _trees(*words: bytes) -> Iterator[tuple[Path, ast.AST]]:
    """Each file that has one of these words in its text at all; the others need not be parsed."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_bytes()
        if any(word in text for word in words):
            yield path, ast.parse(text)


def _imports_kernel(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(name.name.startswith("strongroom._kernel") for name in node.names):
            return True
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.endswith("_kernel") or any(name.name == "_kernel" for name in node.names):
                return True
    return False


def test_few_packages_import_the_kernel() -> None:
    """The kernel is imported by format, repository, archive, maintenance and custody alone."""
    importers = {path.relative_to(SOURCE) for path, tree in _trees(b"_kernel") if _imports_kernel(tree)}
    assert importers
    strangers = [str(path) for path in importers if path.parts[0] not in KERNEL_IMPORTERS]
    assert strangers == []


@pytest.mark.parametrize("package", ["base", "storage", "receipts", "gateway"])
def test_packages_that_must_not_decrypt_load_no_kernel(package: str) -> None:
    """Importing all of a package that must not decrypt loads neither the kernel nor a package that uses it."""
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((SOURCE / package).rglob("*.py"))
        if path.name != "__main__.py"
    ]
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"forbidden = {tuple(f'strongroom.{name}' for name in ('_kernel', *sorted(KERNEL_IMPORTERS)))!r}\n"
        "print(*(name for name in sys.modules if name.startswith(forbidden)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


WORDS = {"what", "sentence", "hint", "alarm"}
"""Attributes that hold words for people."""


def _looks_into_words(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        inside = node.func.value
        return node.func.attr in {"startswith", "endswith", "find"} and _is_words(inside)
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    if isinstance(node.ops[0], ast.In | ast.NotIn):
        return _is_words(sides[1])
    texts = any(isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value for one in sides)
    return isinstance(node.ops[0], ast.Eq | ast.NotEq) and texts and any(map(_is_words, sides))


def _is_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in WORDS


def test_nothing_hangs_on_a_sentence() -> None:
    """No decision looks into words that are made for people: there is a class of errors, or a code."""
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path, tree in _trees(*(f".{word}".encode() for word in WORDS))
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and _looks_into_words(node)
    ]
    assert found == []
    assert _looks_into_words(ast.parse("'gone' in error.what", mode="eval").body)
    assert _looks_into_words(ast.parse("one.what == 'gone'", mode="eval").body)


def test_the_inside_of_argparse_is_touched_in_one_file() -> None:
    """Private attributes of a parser, which a newer Python may move, are named in one file."""
    private = {"_actions", "_option_string_actions", "_action_groups", "_group_actions", "_defaults", "_positionals"}
    found = {
        path.name
        for path, tree in _trees(b"argparse")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in private
        if not (isinstance(node.value, ast.Name) and node.value.id == "self" and path.name != "parser.py")
    }
    assert found == {"argparse_inside.py"}


def _files_that_call(module: str, *names: str) -> set[str]:
    """The files that import a module, or call a function of it where functions are named."""
    return {
        str(path.relative_to(SOURCE))
        for path, tree in _trees(module.encode())
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and not names and any(one.name == module for one in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == module and not names)
        or (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == module)
    }


def test_one_file_reads_configuration() -> None:
    """All files of configuration are read in one place, which checks them and says "did you mean"."""
    assert _files_that_call("tomllib") == {"base/configuration/document.py"}


def test_a_file_is_replaced_in_one_place() -> None:
    """Replacing a file whole is one function, which makes it durable; the cache alone can do without that."""
    assert _files_that_call("os", "replace") == {"base/durable.py", "repository/cache.py"}
