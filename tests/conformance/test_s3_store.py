"""What the S3 store does beyond the contract, on a real MinIO: versions, promotion, credentials, buckets, streaming."""

from __future__ import annotations

import hashlib
import json
import os
import time
import tracemalloc

import pytest
from tests.support.clock import ManualClock
from tests.support.servers.liar import Liar
from tests.support.servers.minio import running

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.storage.kinds import keyed_of, versions_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.removal import removal_of
from strongroom.storage.s3.store import S3Store
from strongroom.storage.versions.contract import Versioning, Versions
from strongroom.storage.versions.s3 import S3Versions
from strongroom.storage.wrappers.wrapper import innermost


def named(data: bytes) -> ObjectName:
    """A pack's name."""
    return ObjectName(Kind.DATA, hashlib.sha256(data).hexdigest())


def versioned(prefix: str) -> tuple[S3Store, Versions]:
    """A store in a bucket of its own with versions, and the right to them."""
    minio = running()
    url = minio.bucket(f"versions-{prefix}", versions=True)
    store = innermost(open_store(f"{url}/{prefix}", StoreOptions(environment=minio.environment, retry_for=0)))
    assert isinstance(store, S3Store)
    return store, versions_of(store)


def overwrite(store: S3Store, name: ObjectName, data: bytes) -> None:
    """What an intruder does with stolen credentials: replace, without any condition."""
    headers = {"Content-Length": str(len(data)), "x-amz-content-sha256": hashlib.sha256(data).hexdigest()}
    answer = store.client.ask("PUT", store.key(name), headers, data)
    assert answer.status == 200
    answer.close()


def test_the_good_version_is_found_and_promoted() -> None:
    """S-1, S-2: overwritten and deleted, the good bytes are still there, and promoting them brings them back."""
    store, versions = versioned("heal")
    name = named(b"good")
    store.create(name, b"good")
    overwrite(store, name, b"garbage")
    removal_of(store).remove(name)
    with pytest.raises(errors.Missing):
        store.stat(name)
    found = list(versions.list(Kind.DATA))
    assert [(version.marker, version.latest) for version in found] == [(True, True), (False, False), (False, False)]
    good = next(
        version
        for version in found
        if not version.marker and hashlib.sha256(versions.read(version).read()).hexdigest() == name.name
    )
    assert good.size == 4
    assert versions.read(good, 1, 2).read() == b"oo"
    versions.promote(good)
    assert store.read_bytes(name) == b"good"
    assert len(list(versions.list(Kind.DATA))) == 4
    with pytest.raises(ValueError, match="marker"):
        versions.promote(found[0])


def test_versions_are_listed_in_order_and_continue() -> None:
    """By name, the newest first, across pages, and after any name; the config's, too."""
    store, versions = versioned("order")
    names = sorted((named(os.urandom(8)) for _ in range(5)), key=lambda name: name.name)
    for name in names:
        for number in range(3):
            overwrite(store, name, b"%d" % number)
    overwrite(store, CONFIG, b"config")
    assert isinstance(versions, S3Versions)
    versions.page = 4  # so that a name's versions are cut by pages
    store.page = 2
    assert [info.name for info in store.list(Kind.DATA)] == names
    assert [info.name for info in store.list(Kind.DATA, after=names[0].name)] == names[1:]
    found = list(versions.list(Kind.DATA))
    assert [version.name for version in found] == [name for name in names for _ in range(3)]
    assert [version.latest for version in found] == [True, False, False] * 5
    assert [versions.read(version).read() for version in found[:3]] == [b"2", b"1", b"0"]
    assert [version.name for version in versions.list(Kind.DATA, after=names[2].name)] == [
        name for name in names[3:] for _ in range(3)
    ]
    assert [version.name for version in versions.list(Kind.CONFIG)] == [CONFIG]


def test_what_protects_a_bucket() -> None:
    """Versions, lock, rules and policy are read as they are set."""
    _, versions = versioned("protection")
    found = versions.protection()
    assert found.versioning is Versioning.ENABLED
    assert found.lock_known
    assert found.lock is None
    assert found.lifecycle == ()
    assert found.policy == ""


def test_a_missing_bucket_is_never_empty() -> None:
    """Nothing may look like an empty repository because the bucket's name is wrong."""
    minio = running()
    store = open_store(f"s3:{minio.endpoint}/no-such-bucket", StoreOptions(environment=minio.environment, retry_for=0))
    name = named(b"x")
    for act in (
        lambda: store.read_bytes(CONFIG),
        lambda: list(store.list(Kind.DATA)),
        lambda: store.create(name, b"x"),
        store.prepare,
    ):
        with pytest.raises(errors.Refused, match="no such bucket"):
            act()


def test_wrong_credentials_and_clocks() -> None:
    """A wrong secret and a clock an hour off are refused, with a hint and without the secret."""
    minio = running()
    url = f"s3:{minio.endpoint}/plain/refused"
    wrong = {**minio.environment, "AWS_SECRET_ACCESS_KEY": "hunter2hunter2"}
    with pytest.raises(errors.Refused) as caught:
        open_store(url, StoreOptions(environment=wrong, retry_for=0)).create(named(b"x"), b"x")
    assert "secret key is wrong" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    late = StoreOptions(environment=minio.environment, retry_for=0, clock=ManualClock())
    with pytest.raises(errors.Refused, match="RequestTimeTooSkewed") as caught:
        open_store(url, late).create(named(b"x"), b"x")
    assert "clock" in caught.value.hint


def test_the_right_to_delete_is_named_where_it_lacks() -> None:
    """A refused DELETE needs another right than reading, and a copy within the store that of storing."""
    server = running()
    url, lock = f"{server.bucket('undeleted')}/web", ObjectName(Kind.LOCK, hashlib.sha256(b"lock").hexdigest())
    actions = ["s3:GetObject", "s3:ListBucket"]
    allowed = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": actions,
        "Resource": ["arn:aws:s3:::undeleted", "arn:aws:s3:::undeleted/*"],
    }
    server.put("undeleted", "policy=", json.dumps({"Version": "2012-10-17", "Statement": [allowed]}).encode())
    with open_store(url, StoreOptions(environment=server.environment)) as store:
        store.create(lock, b"lock")
    anonymous = StoreOptions(environment={}, extended={"s3.unsafe-anonymous-auth": "true"}, retry_for=0)
    with open_store(url, anonymous) as store:
        assert store.read_bytes(lock) == b"lock"
        with pytest.raises(errors.Refused, match="this needs s3:DeleteObject"):
            store.release_lock(lock.name)
        with pytest.raises(errors.Refused, match="this needs s3:PutObject"):
            keyed_of(store).copy(f"locks/{lock.name}", "locks/copy")


def test_bytes_that_do_not_match_their_name() -> None:
    """The store itself refuses bytes whose SHA-256 is not the name, and nothing is there afterwards."""
    minio = running()
    options = StoreOptions(environment=minio.environment, retry_for=0)
    store = open_store(f"s3:{minio.endpoint}/plain/mismatch", options)
    name = named(b"what was meant")
    with pytest.raises(errors.Unavailable):
        store.create(name, b"what was sent.")
    with pytest.raises(errors.Missing):
        store.stat(name)


def test_uploads_stream() -> None:
    """48 MiB go through in blocks of one, and no more than a few are ever held."""
    minio = running()
    options = StoreOptions(environment=minio.environment, retry_for=0)
    store = open_store(f"s3:{minio.endpoint}/plain/stream", options)
    block = os.urandom(1 << 20)
    whole = hashlib.sha256()
    for _ in range(48):
        whole.update(block)
    name = ObjectName(Kind.DATA, whole.hexdigest())
    tracemalloc.start()
    try:
        with store.stage(name, 48 << 20) as upload:
            for _ in range(48):
                upload.write(block)
            upload.commit()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    assert store.stat(name).size == 48 << 20


def test_lost_answers_and_passing_faults() -> None:
    """A lost answer is settled by reading back, 409, 503 and their like are retried, and nothing is deleted."""
    minio = running()
    minio.bucket("faults")
    clock = ManualClock(time.time_ns())
    options = StoreOptions(environment=minio.environment, clock=clock)
    with Liar(minio, honest=True) as proxy, open_store(f"s3:{proxy.endpoint}/faults/a", options) as store:
        proxy.faults = ["lost"]
        store.create(named(b"lost"), b"lost")
        assert proxy.requests == ["PUT", "GET"]
        proxy.faults = ["409 ConditionalRequestConflict", "503 SlowDown", "500 InternalError", "400 BadDigest"]
        store.create(named(b"late"), b"late")
        proxy.faults = ["lost"]
        with store.stage(named(b"staged"), 6) as upload:
            upload.write(b"staged")
            upload.commit()
        permanent = {
            "507 XMinioStorageFull": errors.Full,
            "403 QuotaExceeded": errors.Full,
            "403 AccessDenied": errors.Refused,
            "501 NotImplemented": errors.Unsupported,
        }
        for fault, error in permanent.items():
            proxy.faults = [fault]
            with pytest.raises(error):
                store.create(named(b"refused"), b"refused")
        assert len(list(store.list(Kind.DATA))) == 3
    assert "DELETE" not in proxy.requests


def test_a_store_that_would_replace_is_asked_first() -> None:
    """With ``conditional=no`` a look goes before each PUT, so that nothing is replaced where the provider would."""
    minio = running()
    minio.bucket("replacing")
    options = StoreOptions(environment=minio.environment, retry_for=0)
    name = named(b"first")
    with Liar(minio) as liar:
        store = open_store(f"s3://replacing/a?endpoint={liar.endpoint}&conditional=no", options)
        assert not store.conditional_create
        store.create(name, b"first")
        store.create(name, b"first")
        for other in (b"other", b"longer than that"):
            with pytest.raises(errors.Exists):
                store.create(name, other)
        with pytest.raises(errors.Exists), store.stage(name, 5) as upload:
            upload.write(b"other")
            upload.commit()
        assert store.read_bytes(name) == b"first"
        assert liar.requests.count("PUT") == 1
