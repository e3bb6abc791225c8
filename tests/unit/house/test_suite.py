"""A test that stumbles once is named and does not refuse a change; one that fails, many, and half a run do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ONCE = """
from pathlib import Path
def test_once():
    mark = Path(__file__).with_name("mark{}")
    if not mark.exists():
        mark.touch()
        {}
"""
GOOD = "def test_good(): pass\n"
BAD = "def test_bad(): assert False\n"
DIES = "import os; os._exit(1)"
FAILS = "assert False"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """The suite's runner over a folder: its exit code and what it printed."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    command = [sys.executable, "-m", "scripts.suite", "-p", "xdist.plugin", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={**env, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("accident", [FAILS, DIES], ids=["fails", "dies"])
def test_what_passes_alone_is_named(tmp_path: Path, accident: str) -> None:
    """The run is green, and says which test stumbled, also where its process died."""
    (tmp_path / "test_one.py").write_text(GOOD + ONCE.format("", accident))
    code, said = run(tmp_path, "-n", "1")
    assert "UNSTEADY: test_one.py::test_once" in said
    assert code == 0


@pytest.mark.parametrize(
    ("tests", "arguments", "code"),
    [
        ({"one": GOOD + BAD}, [], 1),
        ({"one": ONCE.format("", FAILS), "two": BAD}, [], 1),
        ({f"n{n}": ONCE.format(n, FAILS) for n in range(4)}, [], 1),
        ({"one": ONCE.format("", FAILS), "two": GOOD}, ["-x"], 1),
        ({"one": ONCE.format("", FAILS), "two": "import nothing_of_this_name\n"}, ["-n", "1"], 1),
        ({}, [], 5),
        ({"one": GOOD}, [], 0),
    ],
    ids=["always", "one of two always", "many", "stopped", "not collected", "none", "good"],
)
def test_everything_else_is_what_pytest_says(
    tmp_path: Path, tests: dict[str, str], arguments: list[str], code: int
) -> None:
    """A true failure, too many, a run that did not come to its end: red."""
    for name, text in tests.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    found, said = run(tmp_path, *arguments)
    assert found == code, said
    assert "UNSTEADY" not in said
