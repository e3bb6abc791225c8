"""What an operator is told where a number or a word would mislead."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import Unavailable
from strongroom.custody.state import State
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD


@pytest.fixture
def custodian(strongroom: Strongroom, tmp_path: Path) -> Custodian:
    """A custodian of a repository whose snapshots claim the first and the last year that there are."""
    forge = Forge(tmp_path / "repository")
    content = forge.pack(("data", b"content"))
    tree = forge.tree(node("file", "file", content=content, size=7))
    forge.index()
    for time in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        forge.snapshot(tree, time=time)
    for name in ("RESTIC_PASSWORD", "STRONGROOM_PASSWORD"):
        strongroom.env[name] = PASSWORD.decode()
    found = Custodian(strongroom, tmp_path / "state")
    found.adopt("web01", forge.place)
    return found


def test_claims_of_the_first_and_the_last_year_are_shown_as_they_are(custodian: Custodian) -> None:
    """The state keeps a claim within bounds, and a person is shown what the snapshot says."""
    custodian.round()
    shown = custodian.run("snapshots", "web01").expect(0).out
    assert "0001-01-01T00:00" in shown
    assert "9999-12-31T23:59" in shown
    for name in custodian.verdicts("web01"):
        assert "claims 0001" in (out := custodian.run("explain", "web01", name).expect(0).out) or "claims 9999" in out


def test_another_identity_says_nothing_of_the_repository(custodian: Custodian, tmp_path: Path) -> None:
    """With the wrong file a round fails and names it; no incident is opened, and the right one goes on. A clock that is
    no URL is called that, too."""
    other = Custodian(custodian.program, tmp_path / "other")
    identity = ("--identity", str(other.state / "identity"))
    ended = custodian.run("round", "web01", *identity)
    assert ended.code == 1
    assert "is sealed to another identity" in ended.err
    assert "--identity" in ended.err
    assert custodian.incidents("web01") == []
    assert "It begins with https://" in custodian.run("round", "--all", "--clock", "www.example.org").err
    custodian.round().expect(0)


def test_a_full_disk_of_the_state_is_called_that(tmp_path: Path) -> None:
    """The words name the disk and what to do, and what was written before is there."""
    with State(str(tmp_path / "state"), create=True) as state:
        with pytest.raises(Unavailable, match="no space left") as told, state.database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
            state.record(connection, "ann", "", "a note", "x" * 100_000)
        assert "Make room" in told.value.hint
        assert state.audit_trail() == []
