"""The bucket policy for hosts that write without a gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.servers.minio import running

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.removal import removal_of
from strongroom.storage.s3.policy import bucket_policy, losses
from strongroom.storage.s3.url import parse

PACK = ObjectName(Kind.DATA, "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")  # of b"foo"
LOCK = ObjectName(Kind.LOCK, PACK.name)


def statements(client: Any) -> dict[str, Any]:
    """The policy's statements by name."""
    text = bucket_policy(parse("//bucket/web01", StoreOptions(environment={})), client)
    return {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}


def test_deleting_is_for_locks_alone() -> None:
    """Nothing else may be deleted, and everything stays below the prefix."""
    for client in ("strongroom", "restic"):
        found = statements(client)
        allowed = [entry for entry in found.values() if entry["Effect"] == "Allow"]
        for entry in allowed:
            for action in entry["Action"]:
                assert action in {
                    "s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"
                }  # fmt: skip
        deleting = [entry for entry in allowed if "s3:DeleteObject" in entry["Action"]]
        assert [entry["Resource"] for entry in deleting] == [["arn:aws:s3:::bucket/web01/locks/*"]]
        assert found["CreateAndRead"]["Resource"] == ["arn:aws:s3:::bucket/web01/*"]


def test_a_gateway_deletes_nothing() -> None:
    """Its key needs no right to delete, since locks are in its database; and it never replaces."""
    found = statements("gateway")
    actions = [action for entry in found.values() if entry["Effect"] == "Allow" for action in entry["Action"]]
    assert sorted(actions) == ["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    assert "NeverReplace" in found


def test_only_our_client_can_be_kept_from_replacing() -> None:
    """A PUT without If-None-Match is denied to Strongroom's hosts; restic's could not work so, and that is said."""
    assert statements("strongroom")["NeverReplace"]["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    assert "NeverReplace" not in statements("restic")
    assert "overwrite" in losses("restic")[0]


def test_the_policy_works_on_a_real_store() -> None:
    """Under the policy a host creates, reads and lists, removes its locks, and deletes nothing else."""
    minio = running()
    minio.bucket("policy")
    address = parse(f"{minio.endpoint}/policy/web01", StoreOptions(environment={}))
    minio.put("policy", "policy=", bucket_policy(address, "restic", "*").encode())
    anonymous = StoreOptions(environment={}, extended={"s3.unsafe-anonymous-auth": "true"}, retry_for=0)
    host = open_store(f"s3:{minio.endpoint}/policy/web01", anonymous)
    host.prepare()
    host.create(PACK, b"foo")
    host.create(LOCK, b"foo")
    host.create(CONFIG, b"config")
    assert host.read_bytes(PACK) == b"foo"
    assert [info.name for info in host.list(Kind.DATA)] == [PACK]
    host.release_lock(LOCK.name)
    assert not list(host.list(Kind.LOCK))
    for name in (PACK, CONFIG):
        with pytest.raises(errors.Refused):
            removal_of(host).remove(name)
    outside = open_store(f"s3:{minio.endpoint}/policy/web02", anonymous)
    with pytest.raises(errors.Refused):
        outside.create(PACK, b"foo")
    with pytest.raises(errors.Refused):
        list(outside.list(Kind.DATA))
