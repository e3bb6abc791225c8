"""Files and folders stay small enough to be looked over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
LONGEST_FILE = 300
FULLEST_FOLDER = 20
SPARED = {"src/strongroom/cli"}
"""The command line's folder has a file for each verb."""


def _files() -> list[Path]:
    code = [*ROOT.glob("src/**/*.py"), *ROOT.glob("src/**/*.pyi"), *ROOT.glob("tests/**/*.py")]
    tools = [*ROOT.glob("scripts/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("benchmarks/**/*.rs")]
    return [*code, *tools, *ROOT.glob("crates/*/src/**/*.rs")]


def test_files_stay_small() -> None:
    """No file of the project is longer than the cap: one file, one idea."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in _files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_folders_stay_small() -> None:
    """No folder has more files than the cap, packages' own faces apart: a folder beyond it wants rooms of its own."""
    counted = Counter(
        str(path.relative_to(ROOT).parent) for path in _files() if path.name not in {"__init__.py", "__init__.pyi"}
    )
    assert {name: count for name, count in counted.items() if count > FULLEST_FOLDER and name not in SPARED} == {}
