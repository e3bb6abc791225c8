"""S-3, S-6: an executor that may not see a bucket's rules."""

from __future__ import annotations

import json
import secrets

import pytest

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.executor.ways import way_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support.servers import minio
from tests.support.servers.gateways import name_of

DATA = b"a pack" * 100
NAME = ObjectName(Kind.DATA, name_of(DATA))
SEEN = ("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketLocation")
OBJECTS = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject")


def _policy(bucket: str, *more: str) -> bytes:
    def allow(actions: tuple[str, ...], resource: str) -> dict[str, object]:
        return {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": f"arn:aws:s3:::{resource}"}

    statements = [allow((*SEEN, *more), bucket), allow(OBJECTS, f"{bucket}/*")]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}).encode()


def test_s_3_s_6_where_rules_may_not_be_seen_nothing_goes() -> None:
    """S-3, S-4, S-6: the bucket refuses to show its lifecycle, where a rule of a day may stand: nothing goes. With the
    right to see it, and no rule there, things go."""
    server = minio.running()
    bucket = f"vault-{secrets.token_hex(4)}"
    url = f"{server.bucket(bucket, versions=True)}/web"
    with open_store(url, StoreOptions(environment=server.environment)) as store:
        store.create(NAME, DATA)
    anonymous = StoreOptions(environment={}, extended={"s3.unsafe-anonymous-auth": "true"}, retry_for=0)
    server.put(bucket, "policy=", _policy(bucket))
    with open_store(url, anonymous) as store:
        with pytest.raises(Refused, match="does not let us see its rules"):
            way_of(store, 90).check()
        server.put(bucket, "policy=", _policy(bucket, "s3:GetLifecycleConfiguration"))
        way_of(store, 90).check()
