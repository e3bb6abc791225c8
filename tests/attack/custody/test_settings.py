"""S-3, S-4, S-6: the settings of a bucket change behind the custodian's back."""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import sqlite3
from pathlib import Path

import pytest

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind
from strongroom.custody.executor.ways import way_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support import compare
from tests.support.buckets import overwrite
from tests.support.custody.custodian import Custodian
from tests.support.programs import Restic, Strongroom
from tests.support.servers import minio

_SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
_ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


def rule(ends: bytes) -> bytes:
    """A lifecycle of one rule that ends versions of everything."""
    return whole_rule(b"<NoncurrentVersionExpiration>%b</NoncurrentVersionExpiration>" % ends)


def whole_rule(does: bytes, only: bytes = b"<Prefix></Prefix>") -> bytes:
    """A lifecycle of one rule."""
    return (
        b"<LifecycleConfiguration><Rule><ID>quick</ID><Status>Enabled</Status><Filter>%b</Filter>%b</Rule>"
        b"</LifecycleConfiguration>" % (only, does)
    )


@pytest.fixture
def bucket() -> str:
    """A bucket that keeps versions."""
    name = f"vault-{secrets.token_hex(4)}"
    minio.running().bucket(name, versions=True)
    return name


def test_s_3_s_4_a_shortened_rule_freezes_and_what_is_hidden_is_healed_first(
    bucket: str, strongroom: Strongroom, restic: Restic, tmp_path: Path
) -> None:
    """S-3, S-4: a rule of a day appears while a pack is overwritten: the same round promotes the good version before
    the rule eats it, and nothing may go; the same while versions are suspended. An operator puts it right, or accepts
    it. Stock restic restores all."""
    server = minio.running()
    url = f"s3:{server.endpoint}/{bucket}/web01"
    for program in (strongroom, restic):
        program.env.update(server.environment)
    source = tmp_path / "src"
    source.mkdir()
    (source / "a").write_bytes(random.Random(2).randbytes(50_000))
    restic.init(url)
    restic.backup(url, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", url)
    custodian.round().expect(0)
    with open_store(url, StoreOptions(environment=server.environment)) as store:
        pack = next(store.list(Kind.DATA)).name
        server.put(bucket, "lifecycle=", rule(b"<NoncurrentDays>1</NoncurrentDays>"))
        overwrite(server, bucket, f"web01/{pack.path}", b"junk")
        assert "its good version is the current one again" in custodian.round().out
        custodian.round().expect(74)
        assert custodian.incidents("web01") == [("drift", "bucket")]
        with pytest.raises(Refused, match="ends versions after 1 days"):
            way_of(store, 90).check()
        server.client(bucket).ask("DELETE", "?lifecycle=").close()
        custodian.round().expect(0)
        server.put(bucket, "versioning=", _SUSPENDED)
        custodian.round().expect(74)
        with pytest.raises(Refused, match="suspended"):
            way_of(store, 90).check()
    server.put(bucket, "versioning=", _ENABLED)
    server.put(bucket, "lifecycle=", rule(b"<NoncurrentDays>120</NoncurrentDays>"))
    custodian.round().expect(74)
    custodian.run("accept", "web01", "--settings", "--why", "mine").expect(0)
    custodian.round().expect(0)
    restic.run("-r", url, "--no-cache", "restore", "latest", "--target", tmp_path / "out").expect(0)
    compare.assert_same(source, tmp_path / "out" / str(source)[1:])


@pytest.mark.parametrize(
    "ends",
    [
        b"<NoncurrentDays>30</NoncurrentDays>",
        b"<NewerNoncurrentVersions>2</NewerNoncurrentVersions><NoncurrentDays>5</NoncurrentDays>",
    ],
)
def test_s_6_versions_that_end_too_early_or_by_their_number_let_nothing_go(bucket: str, ends: bytes) -> None:
    """S-6: the executor reads the rules before each batch, whatever the judge says of them."""
    server = minio.running()
    with open_store(f"s3:{server.endpoint}/{bucket}/web", StoreOptions(environment=server.environment)) as store:
        way_of(store, 90).check()
        server.put(bucket, "lifecycle=", rule(ends))
        with pytest.raises(Refused, match="rule `quick` ends versions"):
            way_of(store, 90).check()
        way_of(store, 5).check()


@pytest.mark.parametrize(
    "does",
    [
        b"<DelMarkerExpiration><Days>3</Days></DelMarkerExpiration>",
        b"<Expiration><Days>3</Days><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions></Expiration>",
    ],
)
def test_s_6_a_rule_that_ends_all_versions_behind_a_marker_lets_nothing_go(bucket: str, does: bytes) -> None:
    """S-6: MinIO's own rules, which take every version of what was deleted or expired at once."""
    server = minio.running()
    with open_store(f"s3:{server.endpoint}/{bucket}/web", StoreOptions(environment=server.environment)) as store:
        server.put(bucket, "lifecycle=", whole_rule(does))
        with pytest.raises(Refused, match="rule `quick` ends all versions after 3 days"):
            way_of(store, 90).check()
        way_of(store, 3).check()


def test_s_3_s_6_a_rule_that_ends_what_is_in_use_is_no_settled_state(
    bucket: str, strongroom: Strongroom, restic: Restic, tmp_path: Path
) -> None:
    """S-3, S-6: a bucket that had such a rule before the first round is not taken as it is; and the rule that ends
    what was tagged loses its tag behind the custodian's back, or a date in it comes nearer: nothing may go."""
    server = minio.running()
    url = f"s3:{server.endpoint}/{bucket}/web01"
    for program in (strongroom, restic):
        program.env.update(server.environment)
    source = tmp_path / "src"
    source.mkdir()
    (source / "a").write_bytes(random.Random(2).randbytes(50_000))
    restic.init(url)
    restic.backup(url, source)
    days = b"<Expiration><Days>1</Days></Expiration>"
    tag = b"<Tag><Key>strongroom</Key><Value>removed</Value></Tag>"
    server.put(bucket, "lifecycle=", whole_rule(days))
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", url)
    for _ in range(2):
        custodian.round().expect(74)
        assert "the rule `quick` ends what is in use after 1 days" in custodian.run("incidents", "web01").out
    server.put(bucket, "lifecycle=", whole_rule(days, tag))
    custodian.round().expect(0)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "custody.db")) as database, database:
        (text,) = database.execute("SELECT settings FROM custody_settings").fetchone()
        older = {part: value for part, value in json.loads(text).items() if part != "rules"}
        database.execute("UPDATE custody_settings SET settings = ?", (json.dumps(older),))
    custodian.round().expect(0)  # an older release pinned less, and what it did not see is taken as it is
    server.put(bucket, "lifecycle=", whole_rule(days))
    custodian.round().expect(74)
    assert custodian.incidents("web01") == [("drift", "bucket")]
    server.put(bucket, "lifecycle=", whole_rule(b"<Expiration><Date>2099-01-01T00:00:00Z</Date></Expiration>"))
    custodian.run("accept", "web01", "--settings", "--why", "mine").expect(0)
    custodian.round().expect(0)
    server.put(bucket, "lifecycle=", whole_rule(b"<Expiration><Date>2027-01-01T00:00:00Z</Date></Expiration>"))
    custodian.round().expect(74)
    server.client(bucket).ask("DELETE", "?lifecycle=").close()
    custodian.run("accept", "web01", "--settings", "--why", "mine").expect(0)
    custodian.round().expect(0)
