"""A state that leaves the machine is signed; what anybody could have made is refused."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from strongroom.base.errors import Damaged
from strongroom.custody.executor.records import Records
from strongroom.custody.identity import Identity, create_file, generate
from strongroom.custody.portable.bundle import STATE_FILE, write_bundle
from strongroom.custody.portable.remote import FetchedState, RemoteState
from strongroom.custody.portable.sealed_file import export_state, opened_bundle, seal_file
from strongroom.custody.state import State
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.storage.own.keyed import Keyed, KeyedFile
from tests.support.clock import ManualClock
from tests.support.programs import Strongroom

CLOCK = ManualClock()


def exported(place: Path, identity: Identity, judge: str) -> Path:
    """A new state as a custodian with this judge exports it."""
    signer = load_or_create(str(place / judge), "strongroom-judge")
    made = place / f"{judge}.age"
    records = Records(f"sqlite:///{place}/executor.db", CLOCK)
    with State(str(place / "state"), CLOCK, create=True) as state:
        export_state(str(made), state.database, records.database, b"key", (identity.recipient,), CLOCK, signer)
    records.close()
    return made


def test_a_bundle_is_signed_by_the_judge_that_is_trusted(tmp_path: Path) -> None:
    """Another judge's is refused, and so is one whose parts were changed though its signature is there."""
    identity = generate()[0]
    mine, forged = (exported(tmp_path, identity, judge) for judge in ("judge", "another"))
    trusted = load_or_create(str(tmp_path / "judge"), "strongroom-judge").verifier
    with opened_bundle(str(mine), identity, trusted) as bundle:
        assert str(bundle.signed_by) == str(trusted)
    with pytest.raises(Damaged, match="another custodian's judge"), opened_bundle(str(forged), identity, trusted):
        pass
    plain, changed = tmp_path / "plain", tmp_path / "changed"
    identity.unseal_file(str(mine), str(plain))
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "x") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b"more" if name == STATE_FILE else b""))
    seal_file(str(changed), str(tmp_path / "changed.age"), (identity.recipient,))
    for whose in (trusted, None):
        with (
            pytest.raises(Damaged, match="changed since it was signed"),
            opened_bundle(str(tmp_path / "changed.age"), identity, whose),
        ):
            pass


def test_an_unsigned_bundle_needs_a_word(strongroom: Strongroom, tmp_path: Path) -> None:
    """As an older release wrote it, or anybody: refused, before anything is made, unless an operator says so."""
    (tmp_path / "new").mkdir()
    recipient = create_file(str(tmp_path / "new" / "identity")).recipient
    records = Records(f"sqlite:///{tmp_path}/executor.db", CLOCK)
    with State(str(tmp_path / "old"), CLOCK, create=True) as state:
        write_bundle(str(tmp_path / "plain"), str(tmp_path), state.database, records.database, b"key", CLOCK)
    records.close()
    seal_file(str(tmp_path / "plain"), str(tmp_path / "old.age"), (recipient,))
    where = ("--state", str(tmp_path / "new"))
    refused = strongroom.run("custody", "import", tmp_path / "old.age", *where)
    assert (refused.code, "is not signed" in refused.err, "--unsigned" in refused.err) == (1, True, True)
    assert sorted(os.listdir(tmp_path / "new")) == ["identity"]
    assert "unsigned" in strongroom.run("custody", "import", tmp_path / "old.age", *where, "--unsigned").expect(0).out


class SlowKeyed(Keyed):
    """A bucket in memory; the first file takes until a second is on its way, or for a second."""

    conditional, sums = True, "SHA-256"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._second = threading.Event()
        self._guard = threading.Lock()
        self._puts = 0

    def put(self, key: str, file: BinaryIO, size: int, sha256: str, *, pack: bool = False, until: float) -> bool:
        """As the base says."""
        del size, sha256, pack, until
        with self._guard:
            self._puts += 1
            first = self._puts == 1
        if first:
            self._second.wait(1)
        else:
            self._second.set()
        with self._guard:
            return self.files.setdefault(key, found := file.read()) is found

    def head(self, key: str) -> KeyedFile:
        """As the base says."""
        return KeyedFile(len(self.files[key]), None)

    def read(self, key: str, limit: int) -> bytes:
        """As the base says."""
        del limit
        return self.files[key]

    def open(self, key: str) -> Any:
        """As the base says."""
        return io.BytesIO(self.files[key])

    def copy(self, source: str, key: str) -> None:
        """As the base says."""
        self.files[key] = self.files[source]

    def list(self, folder: str) -> tuple[list[str], list[str]]:
        """As the base says."""
        return [name.removeprefix(folder) for name in self.files if name.startswith(folder)], []


def test_rounds_beside_each_other_are_no_other_machine_to_a_state_in_a_bucket(tmp_path: Path) -> None:
    """Two rounds that are both about to let something go store the state one after the other, under two numbers."""
    identity, keyed = generate()[0], SlowKeyed()
    signer = load_or_create(str(tmp_path / "judge"), "strongroom-judge")
    remote = RemoteState(keyed, identity, signer, CLOCK, "the bucket")
    state = FetchedState(remote, CLOCK, create=True, is_gone=lambda _holder: False)
    with ThreadPoolExecutor(2) as threads:
        for ended in [threads.submit(state.checkpoint) for _ in range(2)]:
            ended.result()
    state.close()
    assert {"state/00000001.sig", "state/00000002.sig"} <= keyed.files.keys()
