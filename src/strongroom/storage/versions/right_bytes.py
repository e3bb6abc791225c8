"""The version of an object whose bytes are right, by reading them: nobody's word for a checksum counts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Missing, StoreError
from strongroom.base.objects import Kind
from strongroom.base.record import mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.base.objects import ObjectName
    from strongroom.storage.versions.contract import Version, Versions

MOST_VERSIONS = 20_000
"""How many versions of one object are looked at; an intruder may have made as many as he liked."""
MOST_HASHED = 4 << 30
"""Bytes of versions of one object that are read at most."""
_PIECE = 1 << 20


@mutable
class HashBudget:
    """How many bytes of versions may be read yet."""

    left: int


def good_version(
    versions: Versions,
    name: ObjectName,
    is_right: Callable[[str], bool],
    budget: HashBudget | None = None,
    *,
    latest_has_fault: bool = False,
) -> Version | None:
    """The newest version whose SHA-256 is right; one that cannot be read is passed over.

    ``latest_has_fault``: the current one was read, and is not what it should be. So it is hashed only where an older
    one is right and as large: then its bytes may be right, and be those of a host that lies (threat A-1).
    """
    latest: Version | None = None
    left = MOST_HASHED if budget is None else min(MOST_HASHED, budget.left)
    for number, version in enumerate(versions_of_object(versions, name)):
        if number >= MOST_VERSIONS or left < 0:
            break
        if version.marker:
            continue
        if version.latest and latest_has_fault:
            latest = version
            continue
        left -= version.size
        if budget is not None:
            budget.left -= version.size
        try:
            if not is_right(_hash(versions, version)):
                continue
            is_same = latest is not None and latest.size == version.size and is_right(_hash(versions, latest))
            return latest if is_same else version
        except (Damaged, Missing, StoreError):
            continue
    return None


def versions_of_object(versions: Versions, name: ObjectName) -> Iterator[Version]:
    """All versions of one object, the newest first: a list from just before its name on."""
    before = None
    if name.kind is not Kind.CONFIG and int(name.name, 16):
        before = f"{int(name.name, 16) - 1:064x}"
    for version in versions.list(name.kind, before):
        if version.name == name:
            yield version
        elif version.name.name > name.name:
            return


def _hash(versions: Versions, version: Version) -> str:
    digest = hashlib.sha256()
    with versions.read(version) as reader:
        while piece := reader.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
