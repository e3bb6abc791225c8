"""A gateway's state as its processes and its operator's verbs open it: folders, database, signing key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError, Interrupted
from strongroom.base.own_files import make_own_folder
from strongroom.database import migrations
from strongroom.database.engine import Database
from strongroom.gateway import schema, watch_schema
from strongroom.receipts.commit import log_state
from strongroom.receipts.commit.clock_watch import load_steady
from strongroom.receipts.commit.committer import boot_id
from strongroom.receipts.commit.log_state import state
from strongroom.receipts.commit.signing_key import load, load_or_create

if TYPE_CHECKING:
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.receipts.log.note import Signer


def open_database(settings: GatewaySettings) -> Database:
    """The gateway's database with all its tables, made if it is not there."""
    make_folders(settings)
    database = Database(settings.database_url)
    log_state.migrate(database)
    migrations.migrate(database, "gateway", schema.METADATA, schema.STEPS)
    migrations.migrate(database, "watch", watch_schema.METADATA, watch_schema.STEPS)
    load_steady(database, boot_id())
    return database


def check_there(settings: GatewaySettings, *, begins: bool = False) -> None:
    """For an operator's verb: see that a gateway keeps its state here, lest a mistyped path be made into one.

    One that ``begins`` a gateway needs no more than the folder. Raises ``ConfigurationError``.
    """
    scheme, _, file = settings.database_url.partition(":///")
    if scheme != "sqlite" or os.path.exists(file):
        return
    if not begins:
        hint = "Give --path, or --state, as the gateway itself was given it."
        raise ConfigurationError("no gateway keeps its state here", subject=settings.state_folder, hint=hint)
    for folder in (settings.home, settings.state or settings.home):
        if not os.path.isdir(folder):
            raise ConfigurationError("there is no such folder", subject=folder, hint="Make it first: `mkdir -p`.")


def make_folders(settings: GatewaySettings) -> None:
    """Make the folders of the data and of the state. Raises ``ConfigurationError``."""
    for folder in (settings.home, settings.state_folder):
        make_own_folder(folder)


def open_signer(settings: GatewaySettings, origin: str) -> Signer:
    """The log's signing key: the one given, or the state's, which is made at the first start."""
    if settings.signing_key:
        return load(settings.signing_key, origin)
    return load_or_create(settings.key_file(origin), origin)


def origin_of(settings: GatewaySettings, database: Database) -> str:
    """The log's origin: that of the database once it has a log, since a renamed host must not begin another."""
    try:
        return state(database).origin
    except Interrupted:
        raise
    except Exception:  # no log yet, or what says so once it is used
        return settings.origin
