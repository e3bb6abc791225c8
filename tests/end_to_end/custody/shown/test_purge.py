"""``custody purge`` as an operator types it: what lies in the trash, of a folder and of buckets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.buckets import overwrite
from tests.support.custody.custodian import Custodian
from tests.support.programs import Strongroom
from tests.support.servers.minio import running

JUNK = b"no key at all"
KEY = hashlib.sha256(JUNK).hexdigest()


def _cared_for(strongroom: Strongroom, tmp_path: Path, place: str) -> Custodian:
    strongroom.init(place)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    return custodian


def _shown(custodian: Custodian) -> None:
    """A key that was planted, and set aside by a round, lies in the trash for E, whatever is typed."""
    assert "nothing that this custodian put away lies in the trash" in custodian.run("purge").expect(0).out
    assert "set aside" in custodian.run("round", "web01").out
    shown = custodian.run("purge", "web01", "--dry-run", "--json").expect(0).json()
    (row,) = shown["trash"]
    assert (row["objects"], row["bytes"], row["plan"], row["goes"]) == (1, len(JUNK), None, None)
    assert row["until"] > row["put"]
    assert (shown["planned"], shown["others"], shown["gone"]) == (None, 0, [])
    before = custodian.run("plan", "show", "web01", "--json").json()
    said = custodian.run("purge").expect(0).out
    assert row["until"] in said and "goes for good" not in said
    assert custodian.run("plan", "show", "web01", "--json").json() == before


def test_in_a_folder(strongroom: Strongroom, tmp_path: Path) -> None:
    """Its trash."""
    custodian = _cared_for(strongroom, tmp_path, str(tmp_path / "repository"))
    (tmp_path / "repository" / "keys" / KEY).write_bytes(JUNK)
    _shown(custodian)


@pytest.mark.peer("minio")
def test_in_a_bucket_without_versions(strongroom: Strongroom, tmp_path: Path) -> None:
    """Its trash, below `.strongroom/trash/`."""
    minio = running()
    strongroom.env.update(minio.environment)
    url = minio.bucket("purge-plain")
    custodian = _cared_for(strongroom, tmp_path, f"{url}/web01")
    overwrite(minio, "purge-plain", f"web01/keys/{KEY}", JUNK)
    _shown(custodian)


@pytest.mark.peer("minio")
def test_in_a_bucket_with_versions_nothing_is_purged(strongroom: Strongroom, tmp_path: Path) -> None:
    """The store's own rule ends what went."""
    minio = running()
    strongroom.env.update(minio.environment)
    url = minio.bucket("purge-versions", versions=True)
    custodian = _cared_for(strongroom, tmp_path, f"{url}/web01")
    shown = custodian.run("purge", "web01", "--json").expect(0).json()
    assert (shown["kept_by"], shown["trash"], shown["planned"]) == ("store", [], None)
    assert "by the store's own rule" in custodian.run("purge", "web01").expect(0).out
