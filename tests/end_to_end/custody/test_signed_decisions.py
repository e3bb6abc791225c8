"""Nobody signs a decision on what is not there, and two who name a thing otherwise sign the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, ordinary
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository with a small tree."""
    return ordinary(tmp_path / "repository")


@pytest.fixture
def custodian(strongroom: Strongroom, tmp_path: Path, forge: Forge) -> Custodian:
    """A custodian whose decisions take two operators, after a first round."""
    for name in ("RESTIC_PASSWORD", "STRONGROOM_PASSWORD"):
        strongroom.env[name] = PASSWORD.decode()
    found = Custodian(strongroom, tmp_path / "state")
    signing: tuple[str, ...] = ()
    for who in ("ann", "bob"):
        made = found.program.run("custody", "operator", "new", who, str(tmp_path / who)).expect(0).out
        (line,) = re.findall(rf"{who}\+[0-9a-f]{{8}}\+\S+", made)[:1]
        found.run("operator", "add", line.strip("'"), *signing).expect(0)
        signing = ("--sign-with", str(tmp_path / "ann"))
    found.adopt("web01", forge.place, "--policy", "operators=2")
    found.round()
    return found


SLIPS = (
    (("retire", "web01", "nosuch"), "there is no such source"),
    (("accept", "web01", "--source", "nosuch"), "there is no such source"),
    (("accept", "web01", "--key", "0123"), "no matching ID"),
    (("accept", "web01", "--gone", "data/0123"), "no matching ID"),
)


def test_a_signature_is_not_taken_for_what_is_not_there(custodian: Custodian, tmp_path: Path) -> None:
    """It is looked for first: the first of two operators hears that it is a slip, not that his word was noted."""
    for words, said in SLIPS:
        ended = custodian.run(*words, "--sign-with", str(tmp_path / "ann"))
        assert (ended.code, said in ended.err) == (1, True), ended
        assert "noted" not in ended.out


def test_two_operators_who_write_a_key_differently_sign_the_same(
    custodian: Custodian, forge: Forge, tmp_path: Path
) -> None:
    """One types ten letters of the key, the other twelve."""
    name = forge.key().name
    custodian.round().expect(73)
    noted = custodian.run("accept", "web01", "--key", name[:10], "--sign-with", str(tmp_path / "ann"))
    assert (noted.code, "1 of 2" in noted.out) == (73, True), noted
    custodian.run("accept", "web01", "--key", name[:12], "--sign-with", str(tmp_path / "bob")).expect(0)
    custodian.round().expect(0)
