"""``options``: what ``-o KEY=VALUE`` may say, for each kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

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
    "rclone.args": "what it is told beyond `serve restic --stdio` (default: --b2-hard-delete)",
}
"""restic's name, or ours, and what it does."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = "List the options that -o KEY=VALUE takes, for each kind of store."


def run(context: Context) -> int:
    """Print them."""
    listed = sorted(OPTIONS.items())
    if context.json:
        context.out.json([{"name": name, "description": text} for name, text in listed])
        return 0
    widest = max(map(len, OPTIONS))
    context.out.line("All Extended Options:")
    for name, text in listed:
        context.out.line(f"  {name:<{widest}}  {text}")
    return 0
