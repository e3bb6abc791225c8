"""What an index that goes said truthfully is written anew, before it goes: else honest packs would be in no index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unsupported
from strongroom.base.objects import Kind
from strongroom.custody.deletion.condemning import write_indexes
from strongroom.custody.deletion.packs import condemned_packs, packs_there, stored_objects

if TYPE_CHECKING:
    from collections.abc import Collection

    from strongroom._kernel import BlobEntry
    from strongroom.custody.state import State
    from strongroom.repository.opened import Repository

_ROW = 45
"""Bytes of a row of the catalogue, one for each blob."""


def write_true_entries(state: State, repository: Repository, going: Collection[str]) -> list[str]:
    """Write and read back index files of each sound pack that no index names in full but those ``going``.

    What they hold is what the packs were read to hold, whatever an index said. Packs on their way out stay out. Returns
    the names of the new files, none where nothing is to be written. Raises ``Damaged``, ``Refused``.
    """
    named: dict[str, int] = {}
    for name in stored_objects(state, repository.id, Kind.INDEX):
        if name in going:
            continue
        try:
            claims = _kernel.parse_index(repository.files.load(Kind.INDEX, name))
        except (Damaged, LimitExceeded, Missing, Unsupported):
            continue
        for pack, blobs in claims:
            named[pack] = max(named.get(pack, 0), len(blobs))
    wanted: dict[str, list[BlobEntry]] = {}
    for pack, rows in packs_there(state, repository.id, without=condemned_packs(state, repository.id)):
        if named.get(pack, 0) == 0 or named[pack] < len(rows) // _ROW:
            wanted[pack] = _kernel.decode_rows(rows)
    return write_indexes(repository, wanted) if wanted else []
