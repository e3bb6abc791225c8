"""What one stored object holds, and what is wrong with it: the first that anybody makes of a host's bytes.

Everything is named by its hash, so what was examined once is examined for good: who reads the same bytes later runs the
same code over them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, NotOurs, Unavailable, Unsupported
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.reading.as_restic import check_key, check_snapshot
from strongroom.format.key import KeyFile
from strongroom.format.snapshot import Snapshot
from strongroom.repository.packs.faults import faults_of
from strongroom.repository.unpacked import open_unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom._kernel import BlobEntry

ROW = 45
"""Bytes of a row of the catalogue, one for each blob."""


@record
class Examined:
    """What an object holds. ``fault`` is empty when all is well; ``rows``: of a sound pack its blobs, packed;
    ``words``: of a key who is said to have made it, and where."""

    fault: str = ""
    rows: bytes = b""
    words: str = ""


class Examining(Protocol):
    """Who examines."""

    def examine(self, key: _kernel.Key, name: ObjectName, source: int | bytes, size: int) -> Examined:
        """What an object holds: ``size`` bytes, or a descriptor of them from its beginning on.

        Of all but packs the hash was compared already. Raises ``Unavailable`` where nothing came of it.
        """

    def end(self) -> None:
        """The work on a repository is over: let go what was needed for it."""


class InThisProcess:
    """Examines here, with no limits but those of the parsers."""

    def examine(self, key: _kernel.Key, name: ObjectName, source: int | bytes, size: int) -> Examined:
        """As ``Examining``."""
        return examine(key, name, source, size)

    def end(self) -> None:
        """There is nothing to let go."""


def examine(key: _kernel.Key, name: ObjectName, source: int | bytes, size: int) -> Examined:
    """As ``Examining.examine``."""
    try:
        if name.kind is Kind.DATA:
            report = _kernel.verify_pack(key, name.name, source)
            if faults := faults_of(report):
                return Examined("; ".join(faults[:5]))
            return Examined(rows=_kernel.encode_rows(report.verified))
        stored = source if isinstance(source, bytes) else read_whole(source, size)
        if name.kind is Kind.KEY:
            file = KeyFile.parse(stored, str(name))
            check_key(stored, file, str(name))
            return Examined(words=f"it says that {file.username} made it on {file.hostname}")
        plaintext = open_unpacked(key, stored, name)
        if name.kind is Kind.SNAPSHOT:
            Snapshot.parse(plaintext, str(name))
            check_snapshot(plaintext, str(name))
        else:
            _kernel.parse_index(plaintext)
    except (Damaged, LimitExceeded, NotOurs, Unsupported) as problem:
        return Examined(problem.what)
    except OSError as problem:
        raise Unavailable(f"cannot be read: {problem.strerror}", subject=str(name)) from None
    return Examined()


def rehearse_trees(key: _kernel.Key, rows: bytes, source: int) -> None:
    """Parse each tree of a sound pack as whoever walks it will. That it is no tree is no fault of the pack's."""
    nothing = _kernel.Index()
    trees: Sequence[BlobEntry] = [blob for blob in _kernel.decode_rows(rows) if blob.kind == "tree"]
    for blob in trees:
        sealed = read_whole(source, blob.length, blob.offset)
        try:
            plaintext = _kernel.open_blob(key, "tree", blob.id, sealed, blob.uncompressed_length)
            _kernel.measure_tree(nothing, plaintext)
            for _ in _kernel.decode_tree(plaintext).nodes:
                pass
        except (Damaged, LimitExceeded):
            continue


def read_whole(descriptor: int, size: int, offset: int = 0) -> bytes:
    """Bytes of what is open here, however many it takes to read them. Raises ``OSError``."""
    parts = []
    while size > 0:
        part = os.pread(descriptor, min(size, 64 << 20), offset)
        if not part:
            break
        parts.append(part)
        size -= len(part)
        offset += len(part)
    return b"".join(parts)
