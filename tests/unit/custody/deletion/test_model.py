"""The model of deletion: nothing that is needed is lost, and without any one guard spin finds how it would be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import peers

MODEL = Path(__file__).parents[4] / "docs" / "model" / "deletion.pml"
GUARDS = (
    "HOLD", "AGAIN", "RETURN", "READ", "INDEXED", "STAYS", "NAMED", "SUCCESSOR", "TRASH",
)  # fmt: skip


def search(folder: Path, *defines: str) -> str:
    """What spin says of the model with small bounds."""
    spin = peers.require("spin")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    options = ["-DTICKS=3", *(f"-D{define}" for define in defines)]
    for command in (
        [str(spin), "-a", *options, str(MODEL)],
        [compiler, "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=1500", "-o", "pan", "pan.c"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return subprocess.run(
        [folder / "pan", "-m100000"], cwd=folder, capture_output=True, text=True, check=True, timeout=300
    ).stdout


def test_no_state_loses_what_is_needed(tmp_path: Path) -> None:
    """All states that two hosts, a judge that may be killed and an executor can reach keep what the page promises."""
    found = search(tmp_path)
    assert "errors: 0" in found
    assert "max search depth too small" not in found


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_is_there_for_a_reason(guard: str, tmp_path: Path) -> None:
    """Without it there is a state in which something is lost."""
    found = search(tmp_path, f"NO_{guard}", *(("COPIES",) if guard == "NAMED" else ()))
    assert "assertion violated" in found
