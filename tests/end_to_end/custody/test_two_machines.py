"""Judge and executor on two machines by their commands: two folders, and nothing passes but what lies between them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.custody.schema import check_output
from tests.support.forge import Forge, node, sha
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD


@pytest.fixture
def care(strongroom: Strongroom, tmp_path: Path) -> Custodian:
    """The judge's machine with a repository in care."""
    forge = Forge(tmp_path / "r")
    data = b"some bytes of a file"
    forge.pack(("data", data))
    tree = forge.tree(node("a", "file", content=[sha(data)], size=len(data)))
    forge.index()
    forge.snapshot(tree)
    custodian = Custodian(strongroom, tmp_path / "judge")
    password = tmp_path / "password"
    password.write_bytes(PASSWORD)
    custodian.adopt("web", forge.place, "--password-file", str(password))
    return custodian


def test_what_was_planted_goes_by_an_executor_elsewhere(
    care: Custodian, strongroom: Strongroom, tmp_path: Path
) -> None:
    """The executor's key stands in custody.toml, its folder is its own; a key that is none goes by it, what it did is
    known at the judge by the next round, and the judge brings it back. An executor that no round knows says so."""
    place, folder = tmp_path / "r", str(tmp_path / "executor")

    def executor(action: str, *words: str) -> str:
        done = strongroom.run("custody", "executor", action, *words, "--executor", folder, "--json")
        check_output(["executor", action], done.expect(0).out)
        return done.out

    care.round()
    judge = (place / ".strongroom" / "custodian").read_text().strip()
    identity = care.run("repositories", "--json").expect(0).json()[0]["id"]
    key = json.loads(executor("init", "web", "--store", str(place), "--repository", identity, "--judge", judge))["key"]
    (care.state / "custody.toml").write_text(f'version = 1\n[repository.web]\nexecutor = "{key}"\n')
    planted = b"no key"
    path = place / "keys" / hashlib.sha256(planted).hexdigest()
    path.write_bytes(planted)
    said = care.round()
    assert path.exists()
    assert "has said nothing yet" in said.out + said.err
    assert json.loads(executor("run"))["removed"] == []
    (shown,) = json.loads(executor("show"))
    assert (shown["kind"], shown["names"], shown["waits"]) == ("aside", [f"keys/{path.name}"], "")
    said = care.round()
    assert "is confirmed" in said.out + said.err
    assert json.loads(executor("run"))["removed"] == [f"keys/{path.name}"]
    assert not path.exists()
    care.round()
    assert care.incidents("web") == []
    (plan,) = care.run("plan", "show", "web", "--json").expect(0).json()
    care.run("undo", "web", str(plan["number"])).expect(0)
    assert path.exists()
    assert json.loads(executor("run"))["removed"] == []
    assert "undone" in json.loads(executor("show"))[0]["waits"]
