"""What stock restic makes of a snapshot or a key, where it is stricter than our readers have to be.

One snapshot that restic cannot decode ends its ``backup`` and ``restore latest``, one such key whatever needs a
password. So nothing counts as sound here that restic stops at: what a custodian keeps is kept for stock restic
(found by trying each with restic 0.19.1; Go's ``encoding/json`` decides).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged
from strongroom.format.timestamp import Timestamp

if TYPE_CHECKING:
    from strongroom.format.key import KeyFile

ENVELOPE = 32
"""Bytes that sealing adds; restic slices what a key wraps without asking for its length."""
_TIMES = frozenset({"backup_start", "backup_end"})
_UNSIGNED = frozenset(f"{what}_{how}" for what in ("files", "dirs") for how in ("new", "changed", "unmodified")) | {
    "data_added",
    "data_added_packed",
    "total_files_processed",
    "total_bytes_processed",
}
_SIGNED = frozenset({"data_blobs", "tree_blobs"})


def check_snapshot(plaintext: bytes, subject: str) -> None:
    """Of a plaintext that ``Snapshot.parse`` reads. Raises ``Damaged`` where restic would not."""
    members = _members(plaintext, subject)
    for key, value in members.items():
        if key in ("parent", "original") and value == "":
            raise Damaged(f"has no sense in its field {key}", subject=subject)
    for key, value in (members.get("summary") or {}).items():
        known = key.lower()
        if value is not None and not _has_sense(known, value):
            raise Damaged(f"has no sense in its field summary.{known}", subject=subject)


def check_key(stored: bytes, file: KeyFile, subject: str) -> None:
    """Of bytes that ``KeyFile.parse`` reads. Raises ``Damaged`` where restic would not try the next key."""
    members = _members(stored, subject)
    if members.get("created") is not None and not _is_time(file.created):
        raise Damaged("has no sense in its field created", subject=subject)
    if len(file.data) < ENVELOPE:
        raise Damaged("wraps no master key", subject=subject)


def _has_sense(key: str, value: object) -> bool:
    """Whether Go reads this into that field of a summary."""
    if key in _TIMES:
        return _is_time(value)
    if key not in _UNSIGNED | _SIGNED:
        return True
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return 0 <= value < 1 << 64 if key in _UNSIGNED else -(1 << 63) <= value < 1 << 63


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        Timestamp.parse(value)
    except (ValueError, Damaged):
        return False
    return True


def _members(data: bytes, subject: str) -> dict[str, Any]:
    """The members with keys in small letters. Raises ``Damaged`` where one stands twice: Go reads each of them."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len({key.lower() for key in found}) < len(pairs):
            raise Damaged("says something twice", subject=subject)
        return found

    found: dict[str, Any] = json.loads(data.decode(), object_pairs_hook=once)
    return {key.lower(): value for key, value in found.items()}
