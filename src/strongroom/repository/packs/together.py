"""Several blobs: one question to the store for those that lie beside each other, and one call of the kernel for all."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import StrongroomError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.repository.opened import Repository

    Wanted = tuple[str, _kernel.Location]
    Plain = bytes | _kernel.Plaintext
    """The plaintext of a blob, wherever it lies."""

GAP = 64 << 10
"""What is read in vain rather than asked for in two pieces, in bytes."""
RUN = 8 << 20
"""The longest piece, in bytes; the kernel's bound."""


def load_together(repository: Repository, blobs: Sequence[str]) -> dict[str, Plain]:
    """The verified plaintexts of data blobs, by their IDs, those of first copies that are good.

    What is missing here needs ``Repository.load_blob``, which tries the others and says what is wrong. The caller sees
    to it that there is memory for all of them.
    """
    wanted: list[str] = []
    ranges: list[tuple[int | bytes, int, list[_kernel.BlobEntry]]] = []
    with ExitStack() as open_packs:
        for run in _runs(repository, blobs):
            (_, first), (_, last) = run[0], run[-1]
            length = last.offset + last.length - first.offset
            try:
                reader = open_packs.enter_context(repository.open_pack(first.pack, first.offset, length))
                descriptor = reader.fileno()
                source = reader.read() if descriptor is None else descriptor
            except (StrongroomError, OSError):
                continue
            wanted += [blob for blob, _ in run]
            entries = [
                _kernel.BlobEntry("data", blob, copy.offset, copy.length, copy.uncompressed_length)
                for blob, copy in run
            ]
            ranges.append((source, first.offset, entries))
        opened = _kernel.open_together(repository.key, ranges)
    return {blob: plain for blob, plain in zip(wanted, opened, strict=True) if plain is not None}


def _runs(repository: Repository, blobs: Sequence[str]) -> Iterator[list[Wanted]]:
    """Blobs that lie so close together that they are read at once; none that is too long for that."""
    copies = [(blob, repository.locations("data", blob)) for blob in blobs]
    wanted = [(blob, found[0]) for blob, found in copies if found and found[0].length <= RUN]
    placed = sorted((copy.pack, copy.offset, blob, copy) for blob, copy in wanted)
    run: list[Wanted] = []
    begin = end = 0
    here = ""
    for pack, offset, blob, copy in placed:
        if run and pack == here and end <= offset <= end + GAP and offset + copy.length - begin <= RUN:
            run.append((blob, copy))
        else:
            if run:
                yield run
            run, begin, here = [(blob, copy)], offset, pack
        end = offset + copy.length
    if run:
        yield run
