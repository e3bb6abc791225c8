"""Reading all index files of a repository into one index in memory: whole, or not at all."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, NotOurs, Unsupported
from strongroom.base.objects import Kind
from strongroom.repository.parallel import outcomes
from strongroom.repository.unpacked import SMALL_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.base.errors import StrongroomError
    from strongroom.repository.surroundings import Surroundings
    from strongroom.repository.unpacked import UnpackedFiles
    from strongroom.storage.contract import Store

SMALL_INDEX = 32 << 20
"""Index files up to this many bytes are read several at once; restic's own have some eight million."""


def read_indexes(
    store: Store,
    files: UnpackedFiles,
    surroundings: Surroundings,
    progress: Callable[[int, int], None] | None = None,
    *,
    near: bool,
    on_error: Callable[[str, StrongroomError], None] | None = None,
    on_file: Callable[[str, list[str]], None] | None = None,
) -> tuple[_kernel.Index, list[str]]:
    """An index of all that the index files say, and their names. ``near``: on a disk of this machine.

    A file that cannot be read raises ``Damaged`` and the like naming it, since a part of an index must never pass for
    the whole; with ``on_error(name, error)`` the others go on. One that is what its name promises and does not open was
    never part of the index: whoever may store here without the password can put it there, so it is a warning.
    """
    sizes = {info.name.name: info.size for info in store.list(Kind.INDEX)}
    names = list(sizes)
    index = _kernel.Index()
    one_large = threading.Lock()

    def load(name: str, plaintext: bytes | None) -> list[str]:
        if plaintext is not None:
            return index.load(plaintext)
        if sizes[name] <= SMALL_INDEX:
            with contextlib.suppress(LimitExceeded):
                return index.load(files.load(Kind.INDEX, name, limit=SMALL_INDEX))
        with one_large:  # one of 256 MiB is the budget, not one for each connection
            return index.load(files.load(Kind.INDEX, name))

    def add(name: str, plaintext: bytes | None = None) -> list[str]:
        try:
            return load(name, plaintext)
        except (Damaged, LimitExceeded, Missing, Unsupported) as problem:
            problem.subject = problem.subject or f"index/{name}"
            problem.hint = problem.hint or "`strongroom check` says more, `strongroom repair index` makes it anew."
            raise

    def loaded() -> Iterator[tuple[str, Callable[[], list[str]]]]:
        """Where threads take longer to take turns than a file takes to read, small ones without them, many at once."""
        small = [name for name in names if sizes[name] <= SMALL_FILE] if near else []
        for name, plaintext in files.load_small(Kind.INDEX, small):
            yield name, partial(add, name, plaintext)
        rest = [name for name in names if sizes[name] > SMALL_FILE] if near else names
        yield from outcomes(add, rest, store.connections)

    for done, (name, outcome) in enumerate(loaded(), 1):
        try:
            packs = outcome()
        except (Damaged, LimitExceeded, Missing, Unsupported) as problem:
            if on_error is not None:
                on_error(name, problem)
            elif isinstance(problem, NotOurs):
                surroundings.warn(f"ignoring {problem.subject}: {problem.what}")
            else:
                raise
            continue
        if on_file is not None:
            on_file(name, packs)
        if progress is not None:
            progress(done, len(names))
    return index, names
