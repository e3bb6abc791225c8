"""Read packs whole and prove each byte of them."""

from __future__ import annotations

import contextlib
import os
import random
import re
from typing import TYPE_CHECKING, Protocol

from strongroom import _kernel
from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.quantities import size
from strongroom.base.record import record
from strongroom.repository.packs.faults import faults_of
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

_BUCKET = re.compile(r"(\d{1,3})/(\d{1,3})\Z", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%\Z", re.ASCII)


class Subset(Protocol):
    """A choice of packs: restic's ``--read-data-subset``."""

    def choose(self, sizes: Mapping[str, int], seed: bytes) -> list[str]:
        """Some of the packs, in order; ``sizes`` are in bytes. At least one of them where there are any."""
        ...


@record
class Slice:
    """``n/t``: the packs whose name's first byte falls into the n-th of t classes; n runs from 1."""

    number: int
    total: int

    def choose(self, sizes: Mapping[str, int], seed: bytes) -> list[str]:  # noqa: ARG002
        """The same packs each time, so that t runs see all."""
        return sorted(pack for pack in sizes if int(pack[:2], 16) % self.total == self.number - 1)


@record
class Share:
    """``x%``: as many packs, others in each run."""

    percent: float

    def choose(self, sizes: Mapping[str, int], seed: bytes) -> list[str]:
        """At least one pack."""
        count = max(1, int(len(sizes) * self.percent / 100)) if sizes else 0
        return sorted(random.Random(seed).sample(sorted(sizes), count))


@record
class Amount:
    """A size in bytes: as many packs as hold about that much, others in each run."""

    size: int

    def choose(self, sizes: Mapping[str, int], seed: bytes) -> list[str]:
        """All packs when they hold less."""
        total = sum(sizes.values())
        return Share(min(100.0, 100 * self.size / total) if total else 100.0).choose(sizes, seed)


def parse_subset(text: str) -> Subset:
    """``n/t``, ``x%`` or a size such as ``500M``. Raises ``UsageError``."""
    if match := _BUCKET.match(text):
        number, total = int(match[1]), int(match[2])
        if 1 <= number <= total <= 256:
            return Slice(number, total)
    elif match := _PERCENT.match(text):
        if 0 < float(match[1]) <= 100:
            return Share(float(match[1]))
    else:
        with contextlib.suppress(ValueError):
            if count := size(text):
                return Amount(count)
    raise UsageError(
        "is no subset",
        subject=f"--read-data-subset {text}",
        hint="Write n/t with 1 <= n <= t <= 256, a percentage such as 2.5%, or a size such as 50G.",
    )


def read_packs(repository: Repository, packs: Sequence[str], reporter: Reporter) -> Iterator[tuple[str, list[str]]]:
    """Each pack with what is wrong with it; empty where all is well. A bad one is read a second time before it counts.

    Where the store has no file of it, each worker holds a pack in memory. Raises ``Interrupted`` and errors of the
    store other than a missing pack.
    """
    workers = min(repository.store.connections, max(2, min(4, os.cpu_count() or 1)))
    for done, (pack, outcome) in enumerate(outcomes(lambda pack: _read(repository, pack), packs, workers), 1):
        if reporter.stop.is_set():
            raise Interrupted("stopped")
        yield pack, outcome()
        reporter.count("packs", done, len(packs))


def _read(repository: Repository, pack: str) -> list[str]:
    return _faults(repository, pack) and _faults(repository, pack)


def _faults(repository: Repository, pack: str) -> list[str]:
    expected = repository.index.pack_entries(pack)
    try:
        with repository.store.read(ObjectName(Kind.DATA, pack)) as reader:
            descriptor = reader.fileno()
            source = reader.read() if descriptor is None else descriptor
            report = _kernel.verify_pack(repository.key, pack, source, expected)
    except (Damaged, LimitExceeded, Missing) as problem:
        return [problem.what]
    return faults_of(report)
