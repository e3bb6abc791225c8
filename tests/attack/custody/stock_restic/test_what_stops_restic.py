"""B-5, K-1: snapshots and keys that our readers could read and stock restic stops at, from a host's own key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import Damaged
from strongroom.custody.handover.by_word import set_aside
from strongroom.custody.reading.as_restic import check_key, check_snapshot
from strongroom.format.key import KeyFile
from strongroom.format.snapshot import Snapshot
from tests.support.custody.in_process import Custody, Host
from tests.support.forge import dumps
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}
SNAPSHOTS: dict[str, dict[str, Any]] = {
    "a time that is none": {"summary": {"backup_start": "x"}},
    "a time in other letters": {"SUMMARY": {"Backup_End": "x"}},
    "below zero": {"summary": {"total_bytes_processed": -1}},
    "beyond 64 bits": {"summary": {"total_files_processed": 1 << 64}},
    "a fraction": {"summary": {"files_new": 1.5}},
    "a parent that is empty": {"parent": ""},
}
TWICE = b',"summary":5,"summary":{}}'
KEYS: dict[str, dict[str, Any]] = {
    "a time that is none": {"created": "x"},
    "an empty time": {"created": ""},
    "less than an envelope": {"data": "AAAAAAAAAAAAAAAA"},
    "a short salt": {"salt": "AAAAAAAAAAAAAAAA"},
    "another way to derive": {"kdf": "argon2"},
    "no power of two": {"N": 1000},
    "a number for a name": {"username": 5},
}


def _snapshots(host: Host) -> dict[str, bytes]:
    base = {
        "time": "2027-01-15T08:00:00Z",
        "tree": host.forge.tree(),
        "paths": ["/source"],
        "hostname": "forge",
    }
    found = {label: dumps(base | more) for label, more in SNAPSHOTS.items()}
    return found | {"a member twice": dumps(base)[:-1] + TWICE}


@pytest.mark.parametrize(
    "more", [{}, {"summary": None}, {"summary": {"backup_start": None, "data_blobs": -1, "x": 0.5}}]
)
def test_what_restic_and_rustic_write_is_read(host: Host, more: dict[str, Any]) -> None:
    """B-5: nothing that restic decodes is refused: absent members, null, and members of rustic's own."""
    fields = {"time": "2027-01-15T08:00:00+01:00", "tree": "0" * 64, "paths": ["/source"]}
    data = dumps(fields | more)
    Snapshot.parse(data)
    check_snapshot(data, "a snapshot")
    for stored in (host.place / "keys").iterdir():
        check_key(stored.read_bytes(), KeyFile.parse(stored.read_bytes()), "a key")


def test_b_5_a_snapshot_that_restic_cannot_decode_is_damaged(custody: Custody, host: Host, restic: Restic) -> None:
    """B-5: our reader takes each of these, restic's ends `backup` and `restore latest` at it. A round names them, none
    is good, an operator sets them aside together, and restic works again."""
    planted = {host.forge.unpacked("snapshots", data).name for data in _snapshots(host).values()}
    for data in _snapshots(host).values():
        Snapshot.parse(data)
        with pytest.raises(Damaged):
            check_snapshot(data, "a snapshot")
    told = restic.on(custody.place, "snapshots", "--no-lock", env=ENV).expect(0).err
    assert all(name in told for name in planted), told
    custody.round()
    assert {words.partition(":")[0] for code, words in custody.open_incidents() if code == "damaged"} == {
        f"snapshots/{name}" for name in planted
    }
    things = [f"snapshots/{name}" for name in sorted(planted)]
    set_aside(custody.state, custody.adopted, custody.handover(), custody.executor(), custody.signer, things, "us", "")
    custody.round()
    assert custody.open_incidents() == []
    assert "gnoring" not in restic.on(custody.place, "snapshots", "--no-lock", env=ENV).expect(0).err


def test_k_1_a_key_that_ends_restic_is_set_aside(custody: Custody, host: Host, restic: Restic, tmp_path: Path) -> None:
    """K-1: a key whose time is none, whose salt is short, or that wraps less than an envelope (restic ends in a panic),
    is malformed to judge and executor alike: it goes without a person."""
    there = {path.name: path.read_bytes() for path in (host.place / "keys").iterdir()}
    planted = {host.forge.key(declared=declared).name for declared in KEYS.values()}
    twice = dumps({"kdf": "scrypt", "N": 1024, "r": 8, "p": 1, "salt": "AA==", "data": "A" * 64, "n": "x"})
    planted.add(host.forge.write("keys", twice).name)
    for name in planted:
        alone = tmp_path / name / "keys"
        alone.mkdir(parents=True)
        (alone / name).write_bytes((host.place / "keys" / name).read_bytes())
        (alone.parent / "config").write_bytes((host.place / "config").read_bytes())
        assert restic.on(alone.parent, "cat", "config", "--no-lock", env=ENV).code != 12, "restic tries the next key"
    custody.round()
    assert {code for code, _ in custody.open_incidents()} == {"planted-key"}
    custody.hand_over()
    assert {path.name: path.read_bytes() for path in (host.place / "keys").iterdir()} == there
    custody.round()
    assert custody.open_incidents() == []
