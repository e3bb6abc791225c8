"""The foreign verifier of logs: a small Go program over golang.org/x/mod/sumdb, built once for each machine."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

SOURCE = Path(__file__).parent / "go" / "logcheck"


def build(folder: Path) -> Path:
    """The built program. Skips the test with a reason when there is no Go; under CI=true that fails it."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("the foreign verifier needs go")
    program = folder / "logcheck"
    subprocess.run([go, "build", "-trimpath", "-o", str(program), "."], cwd=SOURCE, check=True, timeout=300)
    return program


def run(program: Path, *arguments: str | Path, stdin: str = "") -> tuple[bool, str]:
    """Whether the program accepts, and what it says."""
    done = subprocess.run(
        [str(program), *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def question(
    *, inclusion: bool, old: int, new: int, leaf: bytes, roots: tuple[bytes, bytes], proof: Sequence[bytes]
) -> dict[str, object]:
    """A proof as the program reads it: for inclusion ``old`` is the leaf's index."""
    encode = [base64.b64encode(data).decode() for data in (leaf, *roots, *proof)]
    return {
        "Inclusion": inclusion,
        "Old": old,
        "New": new,
        "Leaf": encode[0],
        "OldR": encode[1],
        "NewR": encode[2],
        "Proof": encode[3:],
    }


def lines(questions: Iterable[dict[str, object]]) -> str:
    """Questions for standard input."""
    return "\n".join(json.dumps(one) for one in questions)
