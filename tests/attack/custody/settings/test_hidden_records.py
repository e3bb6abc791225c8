"""S-1, S-3, X-1: the custodian's own records beside a repository are hidden, by a bucket's rule or by a person."""

from __future__ import annotations

import random
import secrets
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.custody.continuity import uncovering
from strongroom.custody.continuity.records import Crowded, RoundRecord
from strongroom.receipts.log.note import Signer
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.repository_files import files_beside
from tests.support.buckets import delete, keys, overwrite
from tests.support.custody.custodian import Custodian
from tests.support.programs import Restic, Strongroom
from tests.support.servers import minio


class _Bucket:
    """A repository in a bucket with versions, in care, after a first round."""

    def __init__(self, strongroom: Strongroom, restic: Restic, place: Path) -> None:
        self.server = minio.running()
        self.bucket = f"vault-{secrets.token_hex(4)}"
        self.server.bucket(self.bucket, versions=True)
        self.url = f"s3:{self.server.endpoint}/{self.bucket}/web01"
        for program in (strongroom, restic):
            program.env.update(self.server.environment)
        source = place / "src"
        source.mkdir()
        (source / "a").write_bytes(random.Random(2).randbytes(50_000))
        restic.init(self.url)
        restic.backup(self.url, source)
        self.custodian = Custodian(strongroom, place / "state")
        self.custodian.adopt("web01", self.url)
        self.custodian.round().expect(0)

    def listed(self, folder: str) -> list[str]:
        """Keys below a folder of the repository."""
        return sorted(keys(self.server, self.bucket, f"web01/{folder}/"))

    def hide(self, folder: str) -> list[str]:
        """Set a marker on each, as a rule of the bucket does."""
        found = self.listed(folder)
        for key in found:
            delete(self.server, self.bucket, key)
        assert self.listed(folder) == []
        return found


ROUNDS, AUDIT = ".strongroom/custody/rounds", ".strongroom/custody/audit"


@pytest.fixture
def kept(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> _Bucket:
    """The bucket."""
    return _Bucket(strongroom, restic, tmp_path)


def test_s_3_records_that_are_hidden_are_shown_again_and_freeze_nothing(kept: _Bucket) -> None:
    """S-3, S-6: the newest record is behind a marker. Its own bytes, signed and of its number, are current again:
    the round says so, and nothing is frozen for weeks."""
    hidden = kept.hide(ROUNDS)
    told = kept.custodian.round("web01", "-q")
    told.expect(0)
    assert f"{hidden[-1].removeprefix('web01/')}: this record of ours was hidden" in told.out
    assert kept.custodian.incidents("web01") == []
    assert hidden[-1] in kept.listed(ROUNDS)
    assert "hidden" not in kept.custodian.round().expect(0).out


def test_x_1_an_older_state_is_found_though_all_newer_records_are_hidden(kept: _Bucket, tmp_path: Path) -> None:
    """X-1: who copies an old state back, and hides the records of the rounds since, does not make it the newest; what
    operators said since comes from the hidden copies."""
    shutil.copytree(tmp_path / "state", tmp_path / "older")
    (name,) = kept.custodian.verdicts("web01")
    kept.custodian.run("pin", "web01", name, "--why", "mine").expect(0)
    kept.custodian.round().expect(0)
    shutil.rmtree(tmp_path / "state")
    shutil.copytree(tmp_path / "older", tmp_path / "state")
    kept.hide(ROUNDS)
    kept.hide(AUDIT)
    told = kept.custodian.round("web01")
    told.expect(74)
    assert "rolled-back: web01: this state knows 1 rounds, and 2 are written" in told.out
    (one,) = kept.custodian.run("snapshots", "web01", "--json").expect(0).json()
    assert one["pinned"]


def test_s_1_a_hidden_copy_of_a_record_at_another_path_is_none_of_ours(kept: _Bucket) -> None:
    """S-1: whoever can write and delete copies a record of ours below a folder of any name, and hides that: its bytes
    are ours and its path is not, so the round goes on and writes nothing there."""
    (newest,) = kept.listed(ROUNDS)
    strange = [f"web01/{ROUNDS}/{folder}/{newest.rpartition('/')[2]}" for folder in ("An Other", "other")]
    data = kept.server.client(kept.bucket).ask("GET", newest).text().encode()
    for key in strange:
        overwrite(kept.server, kept.bucket, key, data)
        delete(kept.server, kept.bucket, key)
    assert "was hidden" not in kept.custodian.round().expect(0).out
    assert not set(strange) & set(kept.listed(ROUNDS))


def test_s_1_files_that_others_hid_conceal_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """S-1, X-1: more hidden files of others before one of ours than are looked at: that is said, and never taken for a
    folder in which nothing of ours is hidden. What is not named as ours are does not count."""
    monkeypatch.setattr(uncovering, "MOST", 3)
    server, bucket = minio.running(), f"vault-{secrets.token_hex(4)}"
    signer = Signer("judge", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    record = RoundRecord("1" * 64, 4, "", "", 0, 0, 0, "").sign(signer)
    ours = "web01/.strongroom/custody/rounds/0000000004"
    url = f"{server.bucket(bucket, versions=True)}/web01"
    with open_store(url, StoreOptions(environment=server.environment)) as store:

        def hide(key: str, data: bytes) -> None:
            overwrite(server, bucket, key, data)
            delete(server, bucket, key)

        def uncover() -> list[str]:
            return uncovering.uncover_records(store, files_beside(store), signer.verifier, "1" * 64, 1)

        hide(ours, record)
        for number in range(3):
            hide(f"web01/.strongroom/custody/rounds/0000000003-x{number}", b"junk")
        for number in range(2):
            hide(f"web01/.strongroom/custody/rounds/0000000003-{number}", b"junk")
        assert uncover() == [ours.removeprefix("web01/")]
        delete(server, bucket, ours)
        hide("web01/.strongroom/custody/rounds/0000000003-2", record)
        with pytest.raises(Crowded, match="others hid 3 files there"):
            uncover()


def test_s_3_a_record_that_others_overwrote_is_none_of_ours(kept: _Bucket) -> None:
    """S-3: nothing of others' is replaced, and none of their versions is taken for ours: that is an incident."""
    (newest,) = kept.listed(ROUNDS)
    overwrite(kept.server, kept.bucket, newest, b"not ours")
    told = kept.custodian.round("web01", "-q")
    told.expect(74)
    assert "rolled-back: .strongroom/custody/rounds: the record of round 1" in told.out
    assert kept.custodian.incidents("web01") == [("rolled-back", ".strongroom/custody/rounds")]


def test_s_1_the_round_that_heals_says_that_all_is_well(kept: _Bucket) -> None:
    """S-1, S-2: a pack behind a marker, and an index of junk: the same round heals both, reads them, and is done; no
    one is sent to bring back what is there."""
    (pack,) = [key for key in kept.listed("data") if key][:1]
    (index,) = kept.listed("index")
    delete(kept.server, kept.bucket, pack)
    overwrite(kept.server, kept.bucket, index, b"junk")
    told = kept.custodian.round()
    told.expect(0)
    assert told.out.count("its good version is the current one again") == 2
    kept.custodian.run("status").expect(0)
    assert kept.custodian.incidents("web01") == []
    assert "0 missing, 0 changed" in kept.custodian.round().expect(0).out


def test_s_3_a_round_says_that_settings_drifted(kept: _Bucket) -> None:
    """S-3, S-4: the round itself names the drift; a quiet one names it once, and then what to do."""
    kept.server.put(
        kept.bucket, "versioning=", b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
    )
    told = kept.custodian.round("web01", "-q")
    told.expect(74)
    assert "drift: bucket: versioning was enabled and is suspended" in told.out
    assert kept.custodian.round("web01", "-q").expect(74).out.startswith("web01: frozen: The bucket's settings")
    assert "drift: bucket: versioning was enabled and is suspended" in kept.custodian.round("web01").expect(74).out
    kept.server.put(
        kept.bucket, "versioning=", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    )
    assert "drift" not in kept.custodian.round("web01", "-q").expect(0).out
