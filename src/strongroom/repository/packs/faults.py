"""What is wrong with a pack, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom._kernel import PackReport


def faults_of(report: PackReport) -> list[str]:
    """Each fault of a pack that was read whole, with the blob that it befell named once; empty where all is well."""
    found = list(report.errors)
    for blob, reason in report.bad_blobs:
        name = f"{blob.kind} blob {blob.id}"
        found.append(reason if reason.startswith(name) else f"{name} {reason}")
    return found
