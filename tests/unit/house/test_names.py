"""One word, one thing: no two classes of the program share a name, and files are called what they hold."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "strongroom"
UNTELLING = {
    "kept", "keeping", "trusting", "own", "apart", "passing", "people", "shown", "other", "beside", "patience", "near",
    "take", "tend", "misc", "util", "utils", "helpers", "common",
}  # fmt: skip
"""Names that do not say what is in a file."""


def test_no_two_classes_share_a_name() -> None:
    """Whoever reads a class's name knows which one is meant, whichever file he is in; private ones are a file's own."""
    places = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_bytes()
        for node in ast.parse(text).body if b"class " in text else ():
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(SOURCE)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_files_are_called_what_they_hold() -> None:
    """No module has a name that says nothing of what is in it."""
    assert [str(path) for path in SOURCE.rglob("*.py") if path.stem in UNTELLING] == []
