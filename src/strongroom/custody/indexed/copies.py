"""How often a pack may be said to hold one blob.

No client stores a blob twice in a pack. An intruder's pack may hold one tens of thousands of times, and an index of it
be true to the byte: stock restic compares each of these entries with each other, and stalls (threat B-4).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom._kernel import BlobEntry

MOST_COPIES = 64
"""So many entries of one blob in one pack are believed to be an oddity. An index with more is set aside."""


def most_copied(blobs: Sequence[BlobEntry]) -> tuple[BlobEntry, int] | None:
    """The blob that a pack is said to hold more often than is believed, and how often; None where there is none."""
    if len(blobs) <= MOST_COPIES or len(blobs) - len({(blob.kind, blob.id) for blob in blobs}) < MOST_COPIES:
        return None
    (key, count) = Counter((blob.kind, blob.id) for blob in blobs).most_common(1)[0]
    if count <= MOST_COPIES:
        return None
    return next(blob for blob in blobs if (blob.kind, blob.id) == key), count


def as_written(blobs: Iterable[BlobEntry]) -> list[BlobEntry]:
    """The entries of one pack for an index of ours: none twice, and of a blob with too many copies its first alone."""
    unique = list({_key(blob): blob for blob in blobs}.values())
    if len(unique) <= MOST_COPIES:
        return unique
    copies = Counter((blob.kind, blob.id) for blob in unique)
    if max(copies.values()) <= MOST_COPIES:
        return unique
    first: dict[object, BlobEntry] = {}
    for blob in unique:
        name = (blob.kind, blob.id)
        first.setdefault(_key(blob) if copies[name] <= MOST_COPIES else name, blob)
    return list(first.values())


def _key(blob: BlobEntry) -> tuple[str, str, int, int, int]:
    return blob.kind, blob.id, blob.offset, blob.length, blob.uncompressed_length
