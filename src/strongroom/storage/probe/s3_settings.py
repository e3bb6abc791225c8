"""Versions, object lock and lifecycle as a bucket is set (S-3, S-4, S-6), for the report of a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.storage.report import Report, Worth
from strongroom.storage.versions.contract import Protection, Versioning
from strongroom.storage.versions.s3 import S3Versions

if TYPE_CHECKING:
    from strongroom.storage.s3.store import S3Store

_DAYS = 90
"""The expiry window of design promise 1."""


def add_settings(report: Report, store: S3Store, *, keeps_versions: bool) -> None:
    """Look at the settings; ``keeps_versions``: whether the probe's own versions were kept."""
    found = S3Versions(store).protection()
    worth = {Versioning.ENABLED: Worth.GOOD, Versioning.UNKNOWN: Worth.UNKNOWN}.get(found.versioning, Worth.WEAK)
    lies = found.versioning is Versioning.ENABLED and not keeps_versions
    report.add(
        "versioning",
        "The bucket keeps versions",
        f"{found.versioning.value}, but the probe's were not kept" if lies else found.versioning.value,
        Worth.BAD if lies else worth,
        "" if worth is Worth.GOOD else "Without versions an overwrite or a delete is final.",
    )
    _add_lock(report, found)
    _add_lifecycle(report, found, store.address.prefix)


def _add_lock(report: Report, found: Protection) -> None:
    if not found.lock_known:
        answer, worth = "may not be seen", Worth.UNKNOWN
    elif found.lock is None:
        answer, worth = "off", Worth.NOTE
    elif not found.lock.mode:
        answer, worth = "possible, no default for new objects", Worth.NOTE
    else:
        answer = f"{found.lock.mode.lower()}, {found.lock.days} days"
        worth = Worth.GOOD if found.lock.days >= _DAYS else Worth.WEAK
    meaning = f"Shorter than the {_DAYS} days that the promises count on." if worth is Worth.WEAK else ""
    report.add("object-lock", "Object lock", answer, worth, meaning)


def _add_lifecycle(report: Report, found: Protection, prefix: str) -> None:
    if found.lifecycle is None:
        report.add("lifecycle", "Rules that delete by themselves", "may not be seen", Worth.UNKNOWN)
        return
    worst, said = Worth.GOOD, []
    for rule in found.lifecycle:
        if not rule.covers(prefix):
            continue
        if rule.current_days:
            worst = Worth.BAD
            said.append(f"{rule.identity or 'a rule'} deletes current objects after {rule.current_days} days")
        if rule.keep_newer and not rule.noncurrent_days >= _DAYS:
            worst = Worth.BAD
            said.append(f"{rule.identity or 'a rule'} keeps only {rule.keep_newer} older versions")
        elif 0 < rule.noncurrent_days < _DAYS:
            worst = Worth.WEAK if worst is Worth.GOOD else worst
            said.append(f"{rule.identity or 'a rule'} erases older versions after {rule.noncurrent_days} days")
    meaning = f"Older versions must live at least {_DAYS} days." if said else ""
    report.add("lifecycle", "Rules that delete by themselves", "; ".join(said) or "none that hurts", worst, meaning)
