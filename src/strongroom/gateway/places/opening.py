"""Which kind of place the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.places.contract import Place
    from strongroom.gateway.settings import GatewaySettings


def open_place(settings: GatewaySettings, database: Database) -> Place:
    """The place that the settings name. Nothing is contacted yet."""
    if settings.store:
        from strongroom.gateway.places.bucket.place import BucketPlace  # noqa: PLC0415 -- a disk needs no client

        return BucketPlace(settings, database)
    from strongroom.gateway.places.disk.place import DiskPlace  # noqa: PLC0415

    return DiskPlace(settings, database)
