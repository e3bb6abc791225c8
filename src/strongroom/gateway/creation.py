"""``?create=true``: a repository is made, once, and counts for who made it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing
from strongroom.gateway.access.quotas import PLACE, PLACE_BYTES

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services


def make(services: Services, identity: Caller, folders: tuple[str, ...]) -> ServedRepository:
    """The repository at these folders, which is made when there is none. Idempotent.

    Raises ``Full``, ``Unavailable``, and ``Refused`` while a panic makes it read-only.
    """
    place = services.repositories
    with contextlib.suppress(Missing):
        there = place.find(folders)
        if there.is_made():
            there.check_panic(fresh=True)
            return place.create(folders)  # a folder of it may be missing
    reservation = services.quotas.begin(identity, ("", PLACE, "/".join(folders)), PLACE_BYTES)
    try:
        made = place.create(folders)
        services.quotas.made_place(reservation, made.id, identity.id)  # the ID is given now
    finally:
        reservation.release()
    return made
