"""Which stores keep versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.storage.contract import Store
    from strongroom.storage.versions.contract import Versions


def versions_of(store: Store) -> Versions:
    """The right to this store's versions. Raises ``Unsupported`` where it has none; passing faults are not retried."""
    inner = innermost(store)
    if type(inner).__name__ != "S3Store":
        raise Unsupported("this kind of store keeps no versions", subject=store.location)
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415 -- loaded where such a store was opened
    from strongroom.storage.versions.s3 import S3Versions  # noqa: PLC0415

    assert isinstance(inner, S3Store)
    return S3Versions(inner)
