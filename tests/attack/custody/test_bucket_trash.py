"""A bucket that keeps no versions: what goes is copied to a trash, hashed there, then deleted; undone, and purged."""

from __future__ import annotations

import hashlib
import os
import secrets

import pytest

from strongroom.base.errors import Damaged, Missing, Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.deletion.bringing_back import bring_back, has_trash
from strongroom.custody.executor.ways import way_of
from strongroom.storage.contract import Store
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support.buckets import keys, overwrite
from tests.support.servers.minio import running

_ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


@pytest.fixture
def bucket() -> str:
    """A fresh bucket without versions."""
    name = f"plain-{secrets.token_hex(4)}"
    running().bucket(name)
    return name


def opened(bucket: str) -> Store:
    """A repository's place in it."""
    minio = running()
    return open_store(f"s3:{minio.endpoint}/{bucket}/web", StoreOptions(environment=minio.environment))


def stored(store: Store) -> tuple[ObjectName, bytes]:
    """A new object."""
    data = os.urandom(3000)
    name = ObjectName(Kind.DATA, hashlib.sha256(data).hexdigest())
    store.create(name, data)
    return name, data


def test_without_versions_things_go_to_a_trash_and_come_back(bucket: str) -> None:
    """It goes, is found in the trash, comes back, goes again, and is purged once its day has come, not before."""
    with opened(bucket) as store:
        assert has_trash(store)
        name, data = stored(store)
        way = way_of(store)
        way.check()
        way.put_away(name, "2027-01-01")
        with pytest.raises(Missing):
            store.stat(name)
        assert keys(running(), bucket, "web/.strongroom/") == [f"web/.strongroom/trash/2027-01-01/{name}.0"]
        assert bring_back(store, name).size == len(data)
        assert store.read_bytes(name) == data
        way.put_away(name, "2027-01-02")
        way.purge(name, "2027-01-01")
        assert [one.split("/")[3] for one in keys(running(), bucket, "web/.strongroom/")] == ["2027-01-02"]
        bring_back(store, name)
        way.put_away(name, "2027-01-02")
        way.purge(name, "2027-01-02")
        with pytest.raises(Missing):
            bring_back(store, name)


def test_s_2_junk_in_the_trash_beforehand_takes_nothing_away(bucket: str) -> None:
    """S-2: who may create in the bucket writes the names that the trash will use; the good bytes are kept beside."""
    with opened(bucket) as store:
        name, data = stored(store)
        overwrite(running(), bucket, f"web/.strongroom/trash/2027-01-01/{name}.0", b"junk")
        way_of(store).put_away(name, "2027-01-01")
        assert len(keys(running(), bucket, "web/.strongroom/")) == 2
        bring_back(store, name)
        assert store.read_bytes(name) == data


def test_s_2_what_is_not_its_name_stays_and_is_set_aside_for_the_right_bytes(bucket: str) -> None:
    """S-2: wrong bytes are not put away as if they were right; set aside, they make room for the right ones."""
    with opened(bucket) as store:
        name, data = stored(store)
        way = way_of(store)
        overwrite(running(), bucket, f"web/{name.path}", b"junk")
        with pytest.raises(Damaged, match="stays for a look"):
            way.put_away(name, "2027-01-01")
        way.put_away(name, "2027-01-01", unsound=True)
        store.create(name, data)
        assert store.read_bytes(name) == data


def test_s_4_a_bucket_that_keeps_versions_by_now_is_looked_at_anew(bucket: str) -> None:
    """S-4: between two batches somebody turns versions on: nothing is deleted by a rule that was for another bucket."""
    with opened(bucket) as store:
        way = way_of(store)
        way.check()
        running().put(bucket, "versioning=", _ENABLED)
        with pytest.raises(Refused, match="is enabled now"):
            way.check()
        assert not has_trash(store)
