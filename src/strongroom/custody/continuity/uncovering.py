"""Our own records that a marker hides, made the current ones again: a bucket's rule may hide what is old, and so may
whoever can delete there.

What is written is what the judge signed, or what its name promises, create-only: nobody's bytes but ours, where none
are. So this brings back no older round in place of a later one, and replaces nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists, Missing, Refused, Unsupported
from strongroom.custody.continuity.records import AUDIT, ROUNDS, number_of, parsed
from strongroom.storage.kinds import versions_of
from strongroom.storage.own.bucket import LARGEST
from strongroom.storage.repository_files import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.receipts.log.note import Verifier
    from strongroom.storage.contract import Store
    from strongroom.storage.own.contract import OwnFiles
    from strongroom.storage.versions.contract import OwnVersion, Versions

MOST = 2000
"""So many hidden files are looked at in a round; the others wait for the next."""
MOST_VERSIONS = 20
"""So many versions of one of them: others may have written as many as they liked."""


def uncover_records(store: Store, files: OwnFiles, verifier: Verifier, repository: str, from_number: int) -> list[str]:
    """Records of rounds with this number or a later one; the paths of those that are there again.

    Nothing where the store has no versions, or does not let us see them. Raises the store's errors.
    """

    def is_ours(path: str, data: bytes) -> bool:
        found = parsed(data, verifier, repository)
        return found is not None and found.number == number_of(path)

    before = f"{max(from_number - 1, 0):010d}~"  # behind every name of that number
    return _uncover(store, files, ROUNDS, before, is_ours)


def uncover_copies(store: Store, files: OwnFiles) -> list[str]:
    """All audit copies, whose names say what their bytes are; as ``uncover_records``."""
    return _uncover(store, files, AUDIT, "", lambda path, data: hashlib.sha256(data).hexdigest()[:32] == path[-32:])


def _uncover(
    store: Store, files: OwnFiles, folder: str, after: str, is_ours: Callable[[str, bytes], bool]
) -> list[str]:
    try:
        versions = versions_of(store)
        hidden = _hidden(versions, f"{PLACE}/{folder}", after)
    except (Refused, Unsupported):
        return []
    back = []
    for path, older in hidden.items():
        for version in older:
            try:
                data = versions.read_own(version)
            except Missing:
                continue
            if is_ours(path, data):
                with contextlib.suppress(Exists):  # somebody was faster
                    files.write_once(path.removeprefix(f"{PLACE}/"), data)
                    back.append(path)
                break
    return back


def _hidden(versions: Versions, folder: str, after: str) -> dict[str, list[OwnVersion]]:
    """The files that a marker hides, each with the versions behind it, the newest first."""
    found: dict[str, list[OwnVersion]] = {}
    for version in versions.own(folder, after):
        if version.latest and version.marker and len(found) < MOST:
            found[version.path] = []
        elif version.path in found and not version.marker and version.size <= LARGEST:
            found[version.path] = [*found[version.path], version][:MOST_VERSIONS]
    return found
