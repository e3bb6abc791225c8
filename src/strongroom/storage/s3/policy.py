"""The bucket policy for hosts that write to a bucket without a gateway, and what is lost without one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from strongroom.storage.s3.url import S3Address

Client = Literal["strongroom", "restic", "gateway"]
PRINCIPAL = "arn:aws:iam::ACCOUNT:user/HOST"
"""Stands where the user has to put whom the host acts as."""


def bucket_policy(address: S3Address, client: Client, principal: str = PRINCIPAL) -> str:
    """A policy as JSON: create, read and list below the prefix, delete locks alone; a gateway not even those.

    Strongroom creates with ``If-None-Match: *``, so that a PUT without it can be denied: nothing can be replaced.
    restic sends no such header; for it, only versions keep what is overwritten.
    """
    bucket = f"arn:aws:s3:::{address.bucket}"
    below = f"{bucket}/{address.prefix}*"
    who = "*" if principal == "*" else {"AWS": [principal]}
    statements: list[dict[str, Any]] = [
        {
            "Sid": "List",
            "Effect": "Allow",
            "Principal": who,
            "Action": ["s3:ListBucket"],
            "Resource": [bucket],
            **({"Condition": {"StringLike": {"s3:prefix": [f"{address.prefix}*"]}}} if address.prefix else {}),
        },
        {
            "Sid": "Locate",
            "Effect": "Allow",
            "Principal": who,
            "Action": ["s3:GetBucketLocation"],
            "Resource": [bucket],
        },
        {
            "Sid": "CreateAndRead",
            "Effect": "Allow",
            "Principal": who,
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": [below],
        },
    ]
    if client != "gateway":
        statements.append(
            {
                "Sid": "ReleaseLocks",
                "Effect": "Allow",
                "Principal": who,
                "Action": ["s3:DeleteObject"],
                "Resource": [f"{bucket}/{address.prefix}locks/*"],
            }
        )
    if client != "restic":
        statements.append(
            {
                "Sid": "NeverReplace",
                "Effect": "Deny",
                "Principal": who,
                "Action": ["s3:PutObject"],
                "Resource": [below],
                "Condition": {"Null": {"s3:if-none-match": "true"}},
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def losses(client: Client) -> list[str]:
    """What a bucket without a gateway does not give, one sentence each."""
    refusal = (
        "The refusal to overwrite is the provider's (the condition key s3:if-none-match, which AWS has and few others "
        "do): turn versions on as well, and run `strongroom storage probe` with these credentials."
    )
    if client == "gateway":
        return [refusal]
    found = [
        "Nobody but the store records what arrived when: there are no receipts and no log, the store's stamps count.",
        "Keys and indexes are not policed: a host can add junk to keys/ and index/, and remove the locks of others.",
        "There are no quotas: a host can fill the bucket.",
    ]
    if client == "restic":
        found.insert(
            0,
            "A host can overwrite every object. Versions must be on, kept for 90 days at least, and the host must not "
            "have s3:DeleteObjectVersion; the custodian then promotes the good version again.",
        )
    else:
        found.insert(0, refusal)
    return found
