"""The twin of what a prune counts and decides: restic's rule on lists of blobs, the slow way round."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

Blob = tuple[str, str]
"""Type and ID."""


@dataclass
class Pack:
    """A pack with its blobs, and the lengths of blobs in it: stored, and of the plaintext (0: not compressed)."""

    id: str
    blobs: dict[Blob, tuple[int, int]]

    @property
    def size(self) -> int:
        """What the pack must be long, in bytes."""
        return 36 + sum(length + (41 if plain else 37) for length, plain in self.blobs.values())


def shares(packs: list[Pack], needed: set[Blob], counted: dict[Blob, str]) -> dict[str, tuple[int, int, int, int]]:
    """Used and unused blobs, used and unused bytes of each pack. ``counted``: which copy of a needed blob counts."""
    found = {}
    for pack in packs:
        used = {blob: length for blob, (length, _) in pack.blobs.items() if counted.get(blob) == pack.id}
        assert set(used) <= needed
        unused = sum(length for length, _ in pack.blobs.values()) - sum(used.values())
        found[pack.id] = (len(used), len(pack.blobs) - len(used), pack.size - unused, unused)
    return found


def copies(packs: list[Pack]) -> Counter[Blob]:
    """In how many packs each blob lies."""
    return Counter(blob for pack in packs for blob in pack.blobs)


def must_move(packs: list[Pack], needed: set[Blob], going: set[str]) -> set[Blob]:
    """Needed blobs that no pack has that stays."""
    stay = {blob for pack in packs if pack.id not in going for blob in pack.blobs}
    gone = {blob for pack in packs if pack.id in going for blob in pack.blobs}
    return (needed & gone) - stay


def at_risk(packs: list[Pack], needed: set[Blob], going: set[str]) -> set[Blob]:
    """Needed blobs that go with one pack and stay in another."""
    stay = {blob for pack in packs if pack.id not in going for blob in pack.blobs}
    return {blob for pack in packs if pack.id in going for blob in pack.blobs} & needed & stay


def to_repack(
    sizes: dict[str, tuple[int, int]], *, max_unused: float, most: float, small: int, data: set[str], needed: int
) -> set[str]:
    """Which partly used packs of (used, unused) bytes are packed anew, by taking them one at a time, the worst first.

    ``data`` are those with data alone; ``needed`` is how many bytes may not be exceeded of what stays unused.
    """
    unused = sum(part for _, part in sizes.values())
    left = dict(sizes)
    taken: set[str] = set()
    moved = 0
    while left:
        worst = min(
            left,
            key=lambda pack: (pack in data, sum(left[pack]) >= small, -left[pack][1] / left[pack][0]),
        )
        used, part = left.pop(worst)
        if moved + used + part >= most:
            continue
        if worst in data and unused < max_unused * needed and used + part >= small:
            continue
        taken.add(worst)
        moved += used + part
        unused -= part
    return taken
