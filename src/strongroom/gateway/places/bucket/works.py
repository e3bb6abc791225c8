"""What a repository in a bucket works with: its prefix, and what it shares with all others of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.places.bucket.intents import Intents
    from strongroom.gateway.places.bucket.retained import Keeping
    from strongroom.gateway.places.bucket.spool import Spool
    from strongroom.storage.contract import Store
    from strongroom.storage.own.keyed import Keyed


@dataclass
class Works:
    """What all repositories of a worker share."""

    database: Database
    folder: str
    """On this machine: the spool and the locks of files."""
    spool: Spool
    intents: Intents
    keeping: Keeping
    guarded: bool
    """Whether the store may replace what it has, so that creation is serialised here."""
    deletes: bool = False
    """Whether clients may delete."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where the objects of one repository lie."""

    objects: Store
    keyed: Keyed
    works: Works
