"""S-5: objects of a bucket that whoever may write keeps under a key of his own, right bytes and all."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.objects import Kind
from strongroom.custody.healing.encryption import foreign_key
from strongroom.storage.kinds import versions_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.versions.contract import Version, Versions
from tests.support.custody.custodian import Custodian
from tests.support.programs import Strongroom
from tests.support.servers.minio import Minio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Minio]:
    """A server that has a key of its own to keep objects under."""
    key = base64.b64encode(random.Random(7).randbytes(32)).decode()
    with Minio(tmp_path / "minio", MINIO_KMS_SECRET_KEY=f"intruders:{key}") as running:
        yield running


def test_s_5_objects_under_a_foreign_key_are_copied_from_under_it(
    server: Minio, strongroom: Strongroom, tmp_path: Path
) -> None:
    """S-5: each pack is copied onto itself under another KMS key, so that its bytes are right until that key is taken
    away: one round notices, and none is under that key any more; a quiet round copies nothing."""
    url = f"{server.bucket('vault', versions=True)}/web01"
    strongroom.env.update(server.environment)
    source = tmp_path / "src"
    source.mkdir()
    (source / "a").write_bytes(random.Random(5).randbytes(50_000))
    password = tmp_path / "password"
    password.write_text("of web01")
    words = ("-r", url, "--password-file", str(password))
    strongroom.run(*words, "init").expect(0)
    strongroom.run(*words, "backup", str(source)).expect(0)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", url, "--password-file", str(password))
    custodian.round().expect(0)
    store = open_store(url, StoreOptions(environment=server.environment))
    versions = versions_of(store)
    client = server.client("vault")
    for info in store.list(Kind.DATA):
        path = f"web01/{info.name.path}"
        headers = {
            "x-amz-copy-source": f"/vault/{path}",
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "intruders",
            "Content-Length": "0",
        }
        answer = client.ask("PUT", path, headers)
        assert answer.status == 200, answer.text()
        answer.close()

    def keys() -> set[str]:
        return {versions.encryption_of(one)[1] for one in versions.list(Kind.DATA) if one.latest}

    assert any(key.endswith("intruders") for key in keys())
    said = custodian.round()
    assert keys() == {""}, said.out
    closed = custodian.run("incidents", "web01", "--closed", "--json").expect(0).json()
    assert any("under the bucket's own" in one["words"] for one in [*closed, *_open(custodian)])
    custodian.round()
    assert custodian.incidents("web01") == []
    before = len(list(versions.list(Kind.DATA)))
    custodian.round().expect(0)
    assert len(list(versions.list(Kind.DATA))) == before


def _open(custodian: Custodian) -> list[dict[str, str]]:
    found: list[dict[str, str]] = custodian.run("incidents", "web01", "--json").expect(0).json()
    return found


class _Says(Versions):
    """A bucket that says of each version how it is kept."""

    def __init__(self, algorithm: str, key: str = "") -> None:
        self._said = (algorithm, key)

    def encryption_of(self, version: Version) -> tuple[str, str]:
        del version
        return self._said

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Version]:
        raise NotImplementedError

    read = promote = protection = list  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("algorithm", "key", "default", "is_foreign"),
    [
        ("AES256", "", "", False),
        ("", "", "", False),
        ("customer", "", None, True),
        ("aws:kms", "arn:aws:kms:eu:1:key/ab", "AES256, -, -", True),
        ("aws:kms", "arn:aws:kms:eu:1:key/ab", "aws:kms, ab, true", False),
        ("aws:kms", "arn:aws:kms:eu:1:key/ab", "aws:kms, arn:aws:kms:eu:1:key/ab, -", False),
        ("aws:kms:dsse", "arn:aws:kms:eu:1:key/cd", "aws:kms, ab, -", True),
        ("aws:kms", "arn:aws:kms:eu:1:key/cd", "aws:kms, alias/ours, -", False),
        ("aws:kms", "arn:aws:kms:eu:1:key/cd", "aws:kms, -, -", False),
        ("aws:kms", "arn:aws:kms:eu:1:key/cd", None, False),
    ],
)
def test_s_5_a_key_is_foreign_where_it_is_not_the_buckets(
    algorithm: str, key: str, default: str | None, is_foreign: bool
) -> None:
    """S-5: by the bucket's own setting, however that spells a key; where it names none, nobody can tell."""
    version: Version = None  # type: ignore[assignment]
    assert bool(foreign_key(_Says(algorithm, key), version, default)) == is_foreign
