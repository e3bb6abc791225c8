"""The Merkle tree of RFC 6962 over hashes that somebody else keeps: roots, proofs, and their verification.

A tree is a function ``node(level, index)`` that gives the hash of the complete subtree over the leaves from
``index * 2**level`` on, 2**level of them. Every function asks for O(log n) nodes. Hashes are 32 raw bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from strongroom.base.errors import Damaged

Node = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree; the number of hashes is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees ``(level, index)`` that cover the leaves ``[start, end)``, from left to right."""
    cover = []
    while start < end:
        level = (start & -start).bit_length() - 1 if start else 63
        level = min(level, (end - start).bit_length() - 1)
        cover.append((level, start >> level))
        start += 1 << level
    return cover


def range_hash(node: Node, start: int, end: int) -> bytes:
    """MTH of RFC 6962 of the leaves ``[start, end)``, which form a node of some tree that begins at ``start``.

    ``start`` is a multiple of the smallest power of two that is not below ``end - start``.
    """
    return fold([node(level, index) for level, index in subtrees(start, end)])


def fold(edge: Sequence[bytes]) -> bytes:
    """The root over the complete subtrees of a range, given from left to right."""
    if not edge:
        return EMPTY_ROOT
    total = edge[-1]
    for left in reversed(edge[:-1]):
        total = node_hash(left, total)
    return total


def root(node: Node, size: int) -> bytes:
    """The root of the first ``size`` leaves."""
    return range_hash(node, 0, size)


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf in the tree of ``size`` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(node, middle, end))
            end = middle
        else:
            path.append(range_hash(node, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(node: Node, old: int, new: int) -> list[bytes]:
    """The proof that the tree of ``old`` leaves is a prefix of the tree of ``new`` (RFC 6962, 2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"no consistency from {old} to {new}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(node, middle, end))
            end = middle
        else:
            path.append(range_hash(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(node, start, end))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected: bytes) -> None:
    """Raise ``Damaged`` unless the proof shows the leaf's hash at ``index`` of the tree with this root."""
    if not 0 <= index < size:
        raise Damaged(f"no leaf {index} in a tree of {size}")
    position, last, total = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Damaged("an inclusion proof that is too long")
        if position & 1 or position == last:
            total = node_hash(sibling, total)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            total = node_hash(total, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or total != expected:
        raise Damaged("the inclusion proof does not lead to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise ``Damaged`` unless the proof shows that the old tree is a prefix of the new one."""
    if not 0 <= old <= new:
        raise Damaged(f"a log does not shrink from {old} to {new}")
    if old in (0, new):
        if proof or (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY_ROOT):
            raise Damaged("two roots for one size" if old == new else "a proof where none is due")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise Damaged("the consistency proof is empty")
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Damaged("a consistency proof that is too long")
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or first != old_root or second != new_root:
        raise Damaged("the consistency proof does not lead to both roots")


class Edge:
    """The right edge of a growing tree: the complete subtrees that cover it, enough to know the root."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError("an edge has one hash for each bit of its size")

    def append(self, leaf: bytes) -> None:
        """Grow by a leaf's hash."""
        self._hashes.append(leaf)
        self.size += 1
        bits = self.size
        while not bits & 1:
            right = self._hashes.pop()
            self._hashes[-1] = node_hash(self._hashes[-1], right)
            bits >>= 1

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """What another edge of this size is made of."""
        return tuple(self._hashes)

    def root(self) -> bytes:
        """The root of what was appended so far."""
        return fold(self._hashes)


def _split(count: int) -> int:
    """The largest power of two below ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)
