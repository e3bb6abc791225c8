"""No file of the project needs, over whatever way, a file that needs it."""

from __future__ import annotations

import pytest

from tests.unit.house.imports import circles, python_graph, rooms, rust_graph

PARTS = sorted({name.rpartition(".")[0] for name in python_graph() if "." in name})
"""Every package of the tree, the root first."""


def test_python_files_form_no_circle() -> None:
    """No circle of Python files, counting imports for types alone and those inside functions."""
    assert circles(python_graph()) == []


@pytest.mark.parametrize("part", PARTS)
def test_rooms_of_a_part_form_no_circle(part: str) -> None:
    """No circle among the files and folders that lie directly in a package's folder, each folder counting as one."""
    assert circles(rooms(part)) == []


@pytest.mark.parametrize("crate", ["kernel", "kernel-py", "salsa-mix", "sha256-pair"])
def test_rust_files_form_no_circle(crate: str) -> None:
    """No circle of Rust files, a module and its parent counting as one."""
    assert circles(rust_graph(crate)) == []


def test_a_circle_is_found() -> None:
    """The search for circles finds one that is there, over any number of steps, and nothing beside it."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_graphs_are_not_empty() -> None:
    """The graphs hold what everybody knows to be there, so that an empty one cannot pass for a clean one."""
    assert "strongroom.base.errors" in python_graph()["strongroom.storage.local.store"]
    assert "crate::envelope" in rust_graph("kernel")["crate::pack::open"]
