"""The options behind ``-o``: which there are, and whether those that were given have a meaning for a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.storage.locate import split_scheme

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORES = ("local", "rest", "s3", "gs", "azure", "rclone")
OPTIONS: dict[str, str] = {
    **{f"{store}.connections": "how many requests at once, 1 to 256" for store in _STORES},
    **{f"{store}.retry-for": "seconds for which a passing fault is retried (default: 900)" for store in _STORES[1:]},
    "s3.bucket-lookup": "how a bucket is addressed: auto, dns or path",
    "s3.conditional": "no for a store that cannot create an object only where there is none",
    "s3.profile": "profile of the AWS configuration files",
    "s3.region": "region (default: $AWS_REGION, then us-east-1)",
    "s3.storage-class": "storage class of packs",
    "s3.unsafe-anonymous-auth": "true to read without credentials",
    "rclone.program": "path of rclone (default: rclone)",
    "rclone.args": "what it is told (default: serve restic --stdio --b2-hard-delete)",
    "rclone.timeout": "how long its start may take (default: 1m)",
}
"""restic's name, or ours, and what it does."""

RESTICS_ALONE = frozenset(
    (
        "azure.access-tier",
        "gs.region",
        "s3.enable-restore",
        "s3.layout",
        "s3.list-objects-v1",
        "s3.restore-days",
        "s3.restore-tier",
        "s3.restore-timeout",
        "s3.retries",
    )
)
"""What restic 0.19.1 takes and we have no use for."""


def namespace(url: str) -> str:
    """The word before the dot for a store, as restic has it."""
    scheme = split_scheme(url)[0]
    return "azure" if scheme == "az" else scheme


def unheard(given: Mapping[str, str], kind: str) -> list[str]:
    """Warnings of options that do nothing for this kind of store. Raises ``UsageError`` for one that nobody knows.

    Options of other kinds say nothing here, as with restic: a variable or a script may hold them for several places.
    """
    warnings = []
    for key in given:
        if key.partition(".")[0] != kind or key in OPTIONS:
            continue
        if key not in RESTICS_ALONE:
            raise UsageError("option is not known", subject=f"-o {key}", hint="`strongroom options` lists them.")
        warnings.append(f"-o {key}: this option of restic's has no effect here")
    return warnings
