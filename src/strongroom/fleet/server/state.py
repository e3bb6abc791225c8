"""The server's state: its database, in a folder or by URL, and the time that all of it goes by."""

from __future__ import annotations

import os

from strongroom.base.clock import SYSTEM, Clock
from strongroom.base.errors import ConfigurationError
from strongroom.base.own_files import check_own_files, make_own_folder
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate
from strongroom.fleet.server.schemas import admitting, alerting, api, following
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.sealing import channels_key

_SCHEMES = ("sqlite:", "postgresql:")


def default_place() -> str:
    """``$STRONGROOM_FLEET_STATE``, else ``/var/lib/strongroom-fleet``."""
    return os.environ.get("STRONGROOM_FLEET_STATE") or "/var/lib/strongroom-fleet"


class FleetState:
    """The open state. Safe to use from many threads; close it."""

    def __init__(self, folder: str, url: str = "", clock: Clock = SYSTEM, *, create: bool = False) -> None:
        """``folder``: where files of the server are; ``url``: its database, ``fleet.db`` in the folder when empty.

        Raises ``ConfigurationError`` where there is none yet, and ``Unavailable``.
        """
        self.folder = os.path.abspath(folder)
        self.clock = clock
        file = os.path.join(self.folder, "fleet.db")
        if create:
            make_own_folder(folder)
        if not url:
            check_own_files(self.folder, [file])
        if not create and (not os.path.isdir(self.folder) or not (url or os.path.exists(file))):
            raise ConfigurationError(
                "there is no fleet server's state here",
                subject=folder,
                hint="`strongroom fleet init` begins one; --state names another place.",
            )
        if url and not url.startswith(_SCHEMES):
            raise ConfigurationError("not the URL of a database", subject="database", hint="postgresql://…")
        self.database = Database(url or f"sqlite:///{file}", clock=clock, cache=8192)
        migrate(self.database, "fleet", schema.METADATA, schema.STEPS)
        migrate(self.database, "fleet-alerting", alerting.METADATA, alerting.STEPS)
        migrate(self.database, "fleet-api", api.METADATA, api.STEPS)
        migrate(self.database, "fleet-admitting", admitting.METADATA, admitting.STEPS)
        migrate(self.database, "fleet-following", following.METADATA, following.STEPS)
        self.channels_key = channels_key(self.folder, self.database)
        """By which channels are sealed."""

    def now(self) -> int:
        """Seconds since 1970."""
        return self.clock.now_ns() // 10**9

    def close(self) -> None:
        """Close the database. Idempotent."""
        self.database.close()

    def __enter__(self) -> FleetState:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
