"""Checking somebody's log: every entry hashed, every pinned head met, every repository's chain whole.

A head that was pinned (by the user, by a follower's memory, by the checkpoints that lie in the log's folder) is
authentic; so is whatever hashes to it. A wrong log is named by the first bad index where that can be known: from the
follower's own leaf hashes, or from hash tiles that still lead to a pinned head; else by the smallest range between a
head that fits and one that does not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError, Damaged, LimitExceeded, Missing
from strongroom.receipts.audit.audit_range import first_difference
from strongroom.receipts.audit.follower import Follower
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log import tiles
from strongroom.receipts.log.leaf import NO_HASH, LeafType, hash_of, parse
from strongroom.receipts.log.merkle import Edge, complete, leaf_hash, subtrees
from strongroom.receipts.log.note import Verifier
from strongroom.receipts.log.tiles import ENTRIES, KEY_FILE, WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.receipts.audit.log_source import LogSource, Reach
    from strongroom.receipts.log.checkpoint import Checkpoint


class LogDamaged(Damaged):
    """A log that is not what it said before, or not whole. The indexes ``first`` to ``last`` are meant, inclusive."""

    def __init__(self, what: str, first: int, last: int | None = None, *, subject: str = "") -> None:
        self.first = first
        self.last = first if last is None else last
        where = f"index {first}" if self.last == first else f"indexes {first} to {self.last}"
        super().__init__(f"{what}, {where}", subject=subject)


@dataclass(frozen=True, slots=True)
class Audit:
    """A log that was found good."""

    head: Checkpoint
    verifier: Verifier
    pinned_key: bool
    """Whether the key was known before, and not merely read from the log itself."""
    read: int
    """How many entries were read."""
    pins: int
    """How many older heads were met."""
    beyond: int = 0
    """How many leaves lie in tiles that no checkpoint there covers yet; in a bucket one comes every ten minutes."""


def audit(
    source: LogSource, *, key: Verifier | None = None, since: bytes | None = None, state: str | None = None
) -> Audit:
    """Check a whole log, or with ``since`` (a checkpoint's note) what came after it.

    Raises ``LogDamaged`` with the first bad index or the smallest range, ``Damaged`` for a head that the key did not
    sign, ``ConfigurationError`` when no key is known.
    """
    reach = source.reach()  # before the head, which may grow meanwhile
    head = checkpoints.parse(source.head())
    follower = Follower(state, head.origin) if state else None
    known = key or (follower.verifier() if follower else None)
    verifier = known or _published_key(source)
    head = checkpoints.open_checkpoint(head.encode(), verifier)
    start = checkpoints.open_checkpoint(since, verifier) if since is not None else None
    remembered = follower.checkpoint() if follower else None
    kept = follower.hashes() if follower else []
    pins = [pin for pin in (start, remembered) if pin is not None]
    pins += _older(source, verifier)
    for pin in pins:
        if pin.size > head.size:
            what = f"the log was shortened: {head.size} leaves, and {pin.size} were signed"
            raise LogDamaged(what, head.size, pin.size - 1, subject=head.origin)
    if reach is not None:
        _check_reach(reach, head)
    begin = start.size if start else 0
    hashes = _walk(source, head, sorted(pins, key=lambda pin: pin.size), begin, kept)
    if len(kept) >= begin:
        whole = [*kept[:begin], *hashes]
        _check_tiles(source, head, whole, begin)
        if follower:
            follower.keep(verifier, head, whole)
    beyond = max(0, reach.full - head.size) if reach is not None else 0
    return Audit(head, verifier, known is not None, head.size - begin, len(pins), beyond)


def _check_reach(reach: Reach, head: Checkpoint) -> None:
    """Hold the head against the files: whoever takes checkpoints away leaves tiles behind. Raises ``LogDamaged``."""
    if reach.partial > reach.kept:
        what = f"a checkpoint is gone: tiles for {reach.partial} leaves were kept with it, the newest has {reach.kept}"
        raise LogDamaged(what, reach.kept, reach.partial - 1, subject=head.origin)
    if reach.exact and reach.full > head.size:
        what = f"the newest head is gone: there are tiles for {reach.full} leaves, and it has {head.size}"
        raise LogDamaged(what, head.size, reach.full - 1, subject=head.origin)


def load_since(path: str) -> bytes:
    """The pinned checkpoint's note out of a file. Raises ``ConfigurationError``."""
    try:
        with open(os.fsencode(path), "rb") as file:
            return file.read(65537)
    except OSError as error:
        raise ConfigurationError(f"the checkpoint cannot be read: {error.strerror}", subject=path) from None


def _published_key(source: LogSource) -> Verifier:
    try:
        return Verifier.parse(source.read(KEY_FILE).decode())
    except (Missing, UnicodeDecodeError):
        hint = "give the log's verifier key with --key"
        raise ConfigurationError("no key is known for this log", hint=hint) from None


def _older(source: LogSource, verifier: Verifier) -> list[Checkpoint]:
    found = []
    for data in source.checkpoints():
        try:
            found.append(checkpoints.open_checkpoint(data, verifier))
        except (Damaged, LimitExceeded):
            continue  # what the key did not sign proves nothing
    return found


def _walk(
    source: LogSource, head: Checkpoint, pins: Sequence[Checkpoint], begin: int, kept: list[bytes]
) -> list[bytes]:
    """Read the entries from ``begin`` on and meet every pin. The leaf hashes that were read."""
    edge, good = _base(source, head, pins, begin, kept)
    hashes: list[bytes] = []
    odd: LogDamaged | None = None
    chains = Chains(whole=begin == 0)
    waiting = [pin for pin in pins if pin.size >= begin] + [head]
    while waiting and waiting[0].size == edge.size:
        good = _meet(source, edge, waiting.pop(0), good, kept, hashes, begin)
    for number in range(begin // WIDTH, -(-head.size // WIDTH)):
        first = number * WIDTH
        for index, data in enumerate(_bundle(source, first, head.size), first):
            if index < begin:
                continue
            one = leaf_hash(data)
            if index < len(kept) and kept[index] != one:
                raise LogDamaged("a leaf was changed", index, subject=head.origin)
            edge.append(one)
            hashes.append(one)
            odd = odd or chains.add(index, data)
            while waiting and waiting[0].size == edge.size:
                good = _meet(source, edge, waiting.pop(0), good, kept, hashes, begin)
    if odd is not None:
        raise odd
    return hashes


def _base(
    source: LogSource, head: Checkpoint, pins: Sequence[Checkpoint], begin: int, kept: list[bytes]
) -> tuple[Edge, int]:
    """The edge at ``begin``, which a pin proves; where it does not fit, the whole prefix is read to name the place."""
    if begin == 0:
        return Edge(), 0
    pin = next(pin for pin in pins if pin.size == begin)
    try:
        node = tiles.node_of(lambda level, number, width: read_tile(source, level, number, width, head.size), begin)
        edge = Edge(begin, [node(level, index) for level, index in subtrees(0, begin)])
        if edge.root() == pin.root:
            return edge, begin
    except (Missing, Damaged):
        pass
    prefix = checkpoints.Checkpoint(head.origin, begin, pin.root)
    _walk(source, prefix, [p for p in pins if p.size <= begin], 0, kept)
    raise LogDamaged("the hash tiles do not lead to the pinned checkpoint", 0, begin - 1, subject=head.origin)


def _meet(
    source: LogSource, edge: Edge, pin: Checkpoint, good: int, kept: list[bytes], hashes: list[bytes], begin: int
) -> int:
    """The size up to which the log is proven good, now that the pin's size is reached."""
    if edge.root() == pin.root:
        return max(good, pin.size)
    at = first_difference(source, pin, [*kept[:begin], *hashes] if len(kept) >= begin else hashes, begin)
    first, last = at if at is not None else (good, max(good, pin.size - 1))
    raise LogDamaged("the log is not the one under the signed checkpoint", first, last, subject=pin.origin)


def _bundle(source: LogSource, first: int, size: int) -> list[bytes]:
    width = min(WIDTH, size - first)
    try:
        try:
            data = source.read(tiles.path(ENTRIES, first // WIDTH, width))
            return tiles.unbundle(data, width)
        except Missing:
            if width == WIDTH:
                raise
            data = source.read(tiles.path(ENTRIES, first // WIDTH))  # the log has grown meanwhile
            return tiles.unbundle(data, WIDTH)[:width]
    except (Missing, Damaged) as error:
        raise LogDamaged(f"entries cannot be read ({error.what})", first, first + width - 1) from None


def read_tile(source: LogSource, level: int, number: int, width: int, size: int) -> bytes:
    """The first ``width`` hashes of a tile, from whichever of its files the log of ``size`` leaves still has."""
    now = min(WIDTH, (size >> (8 * level)) - number * WIDTH)
    for candidate in dict.fromkeys((now, width, WIDTH)):
        try:
            return source.read(tiles.path(level, number, candidate))[: width * tiles.HASH]
        except Missing:
            continue
    raise Missing("the log lacks a tile", subject=tiles.path(level, number, width))


def _check_tiles(source: LogSource, head: Checkpoint, hashes: list[bytes], begin: int) -> None:
    """Compare the log's hash tiles with those that its entries make."""
    row = hashes
    for level in range(tiles.levels(head.size)):
        span = 256**level
        for number in range(begin // span // WIDTH, -(-len(row) // WIDTH)):
            part = row[number * WIDTH : (number + 1) * WIDTH]
            first = number * WIDTH * span
            last = min(head.size, first + len(part) * span) - 1
            try:
                found = read_tile(source, level, number, len(part), head.size)
            except Missing:
                raise LogDamaged("a hash tile is missing", first, last, subject=head.origin) from None
            if found != b"".join(part):
                raise LogDamaged("a hash tile is wrong", first, last, subject=head.origin)
        row = [complete(row[i : i + WIDTH]) for i in range(0, len(row) - WIDTH + 1, WIDTH)]


class Chains:
    """The chains of all repositories, as far as they were read."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._ends: dict[str, tuple[int, str]] = {}

    def add(self, index: int, data: bytes) -> LogDamaged | None:
        """Take a leaf in; what is wrong with it, if anything."""
        try:
            receipt = parse(data)
        except (Damaged, LimitExceeded) as error:
            return LogDamaged(error.what, index)
        if index == 0 and receipt.type is LeafType.ORIGIN:
            self._whole = False  # the chains go on from the log before this one
        end = self._ends.get(receipt.repository)
        if end is None and self._whole:
            end = (0, NO_HASH)
        self._ends[receipt.repository] = (receipt.sequence + 1, hash_of(data))
        if end is not None and (receipt.sequence, receipt.previous) != end:
            return LogDamaged("a leaf that does not continue its repository's chain", index)
        return None
