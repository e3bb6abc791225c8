"""What a prune counts: packs as it sees them, and restic's statistics. Sizes in bytes."""

from __future__ import annotations

from typing import Protocol

from strongroom.base.record import field, mutable


class PackUse(Protocol):
    """A pack as ``_kernel.Usage`` counts it."""

    @property
    def id(self) -> str: ...
    @property
    def used_blobs(self) -> int: ...
    @property
    def unused_blobs(self) -> int: ...
    @property
    def used_size(self) -> int: ...
    @property
    def unused_size(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def uncompressed(self) -> bool: ...
    @property
    def lies(self) -> bool: ...


class Totals(Protocol):
    """What all packs hold, as ``_kernel.Usage`` counts it."""

    @property
    def used_blobs(self) -> int: ...
    @property
    def used_size(self) -> int: ...
    @property
    def duplicate_blobs(self) -> int: ...
    @property
    def duplicate_size(self) -> int: ...
    @property
    def unused_blobs(self) -> int: ...
    @property
    def unused_size(self) -> int: ...


@mutable
class BlobCounts:
    """How many blobs there are of each sort."""

    used: int = 0
    duplicate: int = 0
    unused: int = 0
    remove: int = 0
    repack: int = 0
    repackrm: int = 0


@mutable
class SizeCounts(BlobCounts):
    """Their sizes, and those of whole packs."""

    unref: int = 0
    uncompressed: int = 0


@mutable
class PackCounts:
    """How many packs there are of each sort."""

    used: int = 0
    unused: int = 0
    partly_used: int = 0
    unref: int = 0
    keep: int = 0
    repack: int = 0
    remove: int = 0


@mutable
class PruneStats:
    """restic's statistics of a prune."""

    blobs: BlobCounts = field(default_factory=BlobCounts)
    size: SizeCounts = field(default_factory=SizeCounts)
    packs: PackCounts = field(default_factory=PackCounts)
