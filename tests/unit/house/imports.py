"""The project's imports as a graph of files: Python's with those for types alone, Rust's with re-exports resolved."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src"
CRATES = ROOT / "crates"
Graph = Mapping[str, set[str]]


@functools.cache
def python_graph() -> dict[str, set[str]]:
    """Each module of the package with the modules that it names in any import, wherever the import stands."""
    modules = {_dotted(path): path for path in (SOURCE / "strongroom").rglob("*.py")}
    return {name: set(_imported(name, path, modules)) - {name} for name, path in modules.items()}


def rooms(part: str) -> dict[str, set[str]]:
    """The files and folders that lie directly in a part's folder, with those that they need; a folder counts as one."""
    below = len(part) + 1
    found: dict[str, set[str]] = {}
    for name, needed in python_graph().items():
        if name.startswith(f"{part}."):
            room = name[below:].partition(".")[0]
            others = {other[below:].partition(".")[0] for other in needed if other.startswith(f"{part}.")}
            found.setdefault(room, set()).update(others - {room})
    return found


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def _imported(name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{name}: a relative import"
            for one in node.names:
                inner = f"{node.module}.{one.name}"
                if inner in modules:
                    yield inner
                elif node.module in modules:
                    yield node.module


def rust_graph(crate: str) -> dict[str, set[str]]:
    """Each file of a crate with the files whose items it names; a module and its parent count as one."""
    folder = CRATES / crate / "src"
    files = {_module(path.relative_to(folder)): path for path in sorted(folder.rglob("*.rs"))}
    texts = {name: _without_comments_and_tests(path.read_text()) for name, path in files.items()}
    exported = {name: _exports(name, text, files) for name, text in texts.items()}
    return {
        name: {
            found
            for path in _paths(name, text)
            if (found := _resolve(path, files, exported)) not in {None, name}
            and found is not None
            and not _parent_and_child(name, found)
        }
        for name, text in texts.items()
    }


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    if parts[-1] in {"mod", "lib"}:
        parts = parts[:-1]
    return "::".join(("crate", *parts))


def _without_comments_and_tests(text: str) -> str:
    text = re.sub(r"//[^\n]*", "", text)
    return re.split(r"#\[cfg\(test\)\]\s*mod \w+ \{", text)[0]


def _flat(prefix: str, tree: str) -> Iterator[str]:
    """The paths of a ``use`` tree: ``a::{b, c::d}`` is ``a::b`` and ``a::c::d``."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        yield prefix + re.sub(r"\s+as\s+\w+$", "", tree)
        return
    depth, begun = 0, 0
    inside = rest[: rest.rindex("}")]
    for at, letter in enumerate(inside + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if part := inside[begun:at].strip():
                yield from _flat(prefix + head.strip(), part)
            begun = at + 1


def _absolute(name: str, path: str) -> str:
    here = name.split("::")
    parts = [part.strip() for part in path.split("::")]
    if parts[0] == "self":
        return "::".join([*here, *parts[1:]])
    while parts and parts[0] == "super":
        here, parts = here[:-1], parts[1:]
        if not parts or parts[0] != "super":
            return "::".join([*here, *parts])
    return "::".join(parts)


def _paths(name: str, text: str) -> Iterator[str]:
    for one in re.findall(r"\buse\s+([^;]+);", text):
        yield from (_absolute(name, path) for path in _flat("", one))
    rest = re.sub(r"\buse\s+[^;]+;", "", text)
    for one in re.findall(r"\b((?:crate|super|self)(?:::\w+)+)", rest):
        yield _absolute(name, one)


def _exports(name: str, text: str, files: Mapping[str, Path]) -> dict[str, str]:
    """What a module has under its own name from elsewhere, if only for the modules below it: names and full paths."""
    found = {}
    for one in re.findall(r"\buse\s+([^;]+);", text):
        for path in _flat("", one):
            full = _absolute(name, path)
            if not full.startswith("crate") and f"{name}::{full.split('::', maxsplit=1)[0]}" in files:
                full = f"{name}::{full}"
            found[full.rsplit("::", 1)[-1]] = full
    return found


def _resolve(path: str, files: Mapping[str, Path], exported: Mapping[str, Mapping[str, str]]) -> str | None:
    if not path.startswith("crate"):
        return None
    parts = path.split("::")
    for length in range(len(parts), 0, -1):
        module = "::".join(parts[:length])
        if module in files:
            item = parts[length] if length < len(parts) else None
            if item is not None and (other := exported[module].get(item)) and other != path:
                return _resolve(other, files, exported)
            return module
    return None


def _parent_and_child(one: str, other: str) -> bool:
    return one.rpartition("::")[0] == other or other.rpartition("::")[0] == one


def circles(graph: Graph) -> list[list[str]]:
    """The groups of nodes that reach each other, sorted (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(group := stack[at:]) > 1:
                found.append(sorted(group))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)
