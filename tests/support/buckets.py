"""What an intruder, or a custodian, does in a bucket with the store's own interface."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.storage.s3.sign import query_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.minio import Minio


def keys(minio: Minio, bucket: str, prefix: str) -> list[str]:
    """The keys that are there."""
    page = minio.client(bucket).document(f"?{query_string({'list-type': '2', 'prefix': prefix})}")
    assert page.text("IsTruncated") != "true"
    return [entry.text("Key") for entry in page.children("Contents")]


def overwrite(minio: Minio, bucket: str, key: str, data: bytes) -> None:
    """Replace, without any condition."""
    headers = {"Content-Length": str(len(data)), "x-amz-content-sha256": hashlib.sha256(data).hexdigest()}
    answer = minio.client(bucket).ask("PUT", key, headers, data)
    assert answer.status == 200, answer.text()
    answer.close()


def delete(minio: Minio, bucket: str, key: str) -> None:
    """Delete, or set a delete marker where the bucket keeps versions."""
    minio.client(bucket).ask("DELETE", key).close()


def markers(minio: Minio, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """The delete markers with their version IDs."""
    page = minio.client(bucket).document(f"?{query_string({'versions': '', 'prefix': prefix})}")
    for entry in page.children("DeleteMarker"):
        yield entry.text("Key"), entry.text("VersionId")


def unmark(minio: Minio, bucket: str, prefix: str) -> int:
    """Take the delete markers away again; how many there were."""
    found = list(markers(minio, bucket, prefix))
    for key, version in found:
        minio.client(bucket).ask("DELETE", f"{key}?{query_string({'versionId': version})}").close()
    return len(found)
