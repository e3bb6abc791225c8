"""Which files a drill restores: some new, some old, the biggest, and one of each common extension."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from strongroom.archive.contents import blob_size
from strongroom.archive.vfs import SnapshotView
from strongroom.base.record import record
from strongroom.custody.judging.measures import extension_of

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from random import Random

    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

OF_EACH = 5
"""How many of the newest, the oldest, the biggest, and of those drawn at random."""
EXTENSIONS = 20
MOST_LISTED = 2_000_000
"""How many entries of a snapshot are looked at."""


@record
class Sampled:
    """A file of a snapshot: its path, and the bytes of content that it has by the index, whatever it says itself."""

    path: bytes
    size: int
    mtime_ns: int
    content: tuple[str, ...]


def choose(
    repository: Repository,
    tree: str,
    budget: int,
    random: Random,
    reporter: Reporter,
    *,
    whole: bool = False,
    first: Container[str] = (),
) -> list[Sampled]:
    """A sample of at most ``budget`` bytes, in the order of paths; ``whole``: every file, however much it is.
    ``first``: paths that are in it before all others.

    The index must be loaded. Raises ``LimitExceeded`` for a snapshot that repeats itself beyond reason.
    """
    files: list[Sampled] = []
    for number, entry in enumerate(SnapshotView(repository, tree, reporter, "drilling").walk()):
        if number >= MOST_LISTED:
            break
        node = entry.node
        if node.type == "file" and node.content is not None:
            size = sum(blob_size(repository, "data", blob) for blob in node.content)
            files.append(Sampled(entry.path, size, node.mtime.ns, tuple(node.content)))
    if whole:
        return files
    chosen: dict[bytes, Sampled] = {}
    again = [one for one in files if one.path.decode("utf-8", "backslashreplace") in first]
    for one in [*again, *_candidates(files, random)]:
        if one.path not in chosen and one.size <= budget:
            chosen[one.path] = one
            budget -= one.size
    return sorted(chosen.values(), key=lambda one: one.path)


def _candidates(files: Sequence[Sampled], random: Random) -> list[Sampled]:
    by_extension: defaultdict[str, list[Sampled]] = defaultdict(list)
    for one in files:
        by_extension[extension_of(one.path)].append(one)
    common = sorted(by_extension, key=lambda word: len(by_extension[word]), reverse=True)[:EXTENSIONS]
    by_time = sorted(files, key=lambda one: one.mtime_ns)
    biggest = sorted(files, key=lambda one: one.size, reverse=True)
    drawn = random.sample(list(files), min(OF_EACH, len(files)))
    each = [random.choice(by_extension[word]) for word in common]
    return [*drawn, *each, *by_time[-OF_EACH:], *by_time[:OF_EACH], *biggest[:OF_EACH]]
