"""Asking to delete what is not there: an answer that says who may, and takes nothing away."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from strongroom.storage.s3.sign import query_string

if TYPE_CHECKING:
    from strongroom.storage.rest.client import RestClient
    from strongroom.storage.s3.client import S3Client


def delete_nothing(client: RestClient | S3Client, prefix: str = "") -> int:
    """DELETE a pack whose name was just drawn, so that nobody has it; the status of the answer."""
    name = secrets.token_hex(32)
    answer = client.ask("DELETE", f"{prefix}data/{name}")
    answer.close()
    return answer.status


def delete_no_version(client: S3Client, prefix: str) -> int:
    """DELETE a version, by an ID that was just drawn, of an object that is not there; the status of the answer."""
    name, version = secrets.token_hex(32), secrets.token_hex(16)
    answer = client.ask("DELETE", f"{prefix}data/{name}?{query_string({'versionId': version})}")
    answer.close()
    return answer.status
