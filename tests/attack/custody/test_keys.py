"""The threat catalogue: rows K, keys and configs that were planted beside honest ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.custody.deciding import accept_key
from tests.support.custody.watched import Watched
from tests.support.forge import dumps


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository with one good snapshot, in care."""
    found = Watched(tmp_path)
    found.backup({"a": b"first " * 100})
    found.adopt()
    found.round()
    found.later(days=1)
    return found


@pytest.mark.parametrize("content", [b"", b"junk", dumps({"kdf": "scrypt"}), os.urandom(300)])
def test_k_1_a_malformed_key_is_an_incident_and_locks_nobody_out(watched: Watched, content: bytes) -> None:
    """K-1: rounds pay no scrypt and open no key file, so junk in keys/ is named and stops nothing."""
    planted = watched.forge.write("keys", content)
    again = watched.backup({"a": b"first " * 100})
    outcome = watched.round()
    assert [(one.code.value, one.object) for one in watched.incidents()] == [("planted-key", f"keys/{planted.name}")]
    assert (outcome.failure, watched.verdict(again)) == ("", "good")


def test_k_2_a_flood_of_keys_is_named_and_ends_with_the_flood(watched: Watched) -> None:
    """K-2: forty keys, an incident each; once they are gone those are over, and nothing is missed."""
    planted = [watched.forge.key() for _ in range(40)]
    assert watched.round().failure == ""
    assert len(watched.incidents()) == 40
    for path in planted:
        path.unlink()
    watched.round()
    assert watched.incidents() == []


def test_k_3_a_key_that_asks_for_endless_work_is_not_worked_on(watched: Watched) -> None:
    """K-3: N, r and p without bounds cost a round nothing and are a fault."""
    watched.forge.key(declared={"N": 1 << 30, "r": 64, "p": 1 << 20})
    watched.forge.write("keys", b"{" + b" " * (2 << 20))
    assert watched.round().failure == ""
    assert {one.code.value for one in watched.incidents()} == {"planted-key"}
    assert len(watched.incidents()) == 2


def test_k_4_a_well_formed_key_waits_for_an_operator(watched: Watched) -> None:
    """K-4: a key that nobody announced is an incident until an operator says that it is his, or it goes."""
    planted = watched.forge.key()
    watched.round()
    assert watched.codes() == {"planted-key"}
    watched.later(days=1)
    watched.round()
    assert watched.codes() == {"planted-key"}
    accept_key(watched.state, watched.adopted, planted.name[:12], "a test", "mine")
    watched.round()
    assert watched.codes() == set()
    planted.unlink()
    watched.round()
    assert watched.codes() == {"missing"}


def test_k_1_a_pinned_key_with_other_bytes_is_damaged_and_not_planted(watched: Watched) -> None:
    """K-1: other bytes in the place of the key by which hosts open lock out stock restic; nobody is told to set that
    key aside, and with its bytes back all is well."""
    (path,) = [path for path in (watched.forge.place / "keys").iterdir() if path.name != watched.adopted.key_name]
    kept = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(b"{}")
    assert watched.round().failure == ""
    assert watched.codes() == {"altered", "damaged"}
    path.write_bytes(kept)
    watched.round()
    assert watched.codes() == set()


@pytest.mark.parametrize("change", ["other", "gone", "huge"])
def test_k_5_another_config_or_none_freezes_all(watched: Watched, change: str) -> None:
    """K-5: the pinned config or nothing: with another, or none, nothing is read, judged or planned; with the first one
    back it goes on."""
    config = watched.forge.place / "config"
    kept = config.read_bytes()
    if change == "other":
        watched.forge.config({"version": 2, "id": "00" * 32, "chunker_polynomial": "25b468838dcb75"})
    elif change == "gone":
        config.unlink()
    else:
        with config.open("ab") as file:
            file.truncate(20 << 30)
    outcome = watched.round()
    assert (outcome.judged, outcome.plans, watched.codes()) == ([], [], {"config"})
    config.write_bytes(kept)
    assert watched.round().failure == ""
    assert watched.codes() == set()
