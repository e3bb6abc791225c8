"""Our own records that a marker hides, made the current ones again: a bucket's rule may hide what is old, and so may
whoever can delete there.

What is written is what the judge signed, or what its name promises, create-only: nobody's bytes but ours, where none
are. So this brings back no older round in place of a later one, and replaces nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Exists, Missing, Refused, Unsupported
from strongroom.custody.continuity.records import AUDIT, RECORD, ROUNDS, Crowded, parsed
from strongroom.storage.kinds import versions_of
from strongroom.storage.names import OWN_LARGEST, OWN_PLACE

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
_COPY = re.compile(r"[0-9]{10}-([0-9a-f]{32})\Z")


def uncover_records(store: Store, files: OwnFiles, verifier: Verifier, repository: str, from_number: int) -> list[str]:
    """Records of rounds with this number or a later one; the paths of those that are there again.

    Nothing where the store has no versions, or does not let us see them. Raises ``Crowded`` where others hid so many
    files that ours may be behind them, and the store's errors.
    """

    def is_ours(name: re.Match[str], data: bytes) -> bool:
        found = parsed(data, verifier, repository)
        return found is not None and found.number == int(name[1])

    before = f"{max(from_number - 1, 0):010d}~"  # behind every name of that number
    return _uncover(store, files, ROUNDS, before, RECORD, is_ours)


def uncover_copies(store: Store, files: OwnFiles) -> list[str]:
    """All audit copies, whose names say what their bytes are; as ``uncover_records``."""
    return _uncover(store, files, AUDIT, "", _COPY, lambda name, data: hashlib.sha256(data).hexdigest()[:32] == name[1])


def _uncover(
    store: Store,
    files: OwnFiles,
    folder: str,
    after: str,
    names: re.Pattern[str],
    is_ours: Callable[[re.Match[str], bytes], bool],
) -> list[str]:
    try:
        versions = versions_of(store)
        hidden = _hidden(versions, f"{OWN_PLACE}/{folder}", after, names)
    except (Refused, Unsupported):
        return []
    back = []
    for name, older in hidden:
        path = f"{folder}/{name[0]}"
        for version in older:
            try:
                data = versions.read_own(version)
            except (Damaged, Missing, Refused):
                continue
            if is_ours(name, data):
                with contextlib.suppress(Exists):  # somebody was faster
                    files.write_once(path, data)
                    back.append(f"{OWN_PLACE}/{path}")
                break
    if len(hidden) >= MOST and not back:  # ours may be hidden behind them, and nobody would ever see it
        raise Crowded(f"others hid {MOST} files there", subject=f"{OWN_PLACE}/{folder}")
    return back


def _hidden(
    versions: Versions, folder: str, after: str, names: re.Pattern[str]
) -> list[tuple[re.Match[str], list[OwnVersion]]]:
    """The files that a marker hides, each with the versions behind it, the newest first: those alone whose names are
    of the form of ours, for a copy of ours elsewhere is none."""
    found: list[tuple[re.Match[str], list[OwnVersion]]] = []
    path = ""
    for version in versions.own(folder, after):
        if version.latest and version.marker and len(found) < MOST:
            name = names.match(version.path.removeprefix(f"{folder}/"))
            if name is not None:
                path = version.path
                found.append((name, []))
        elif version.path == path and not version.marker and version.size <= OWN_LARGEST:
            older = found[-1][1]
            if len(older) < MOST_VERSIONS:
                older.append(version)
    return found
