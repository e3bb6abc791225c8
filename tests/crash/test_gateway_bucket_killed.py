"""The gateway before a bucket under kill -9 at random moments of a load."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from strongroom.base.objects import Kind
from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.entries import entries
from strongroom.receipts.log.note import Verifier
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.crash.test_gateway_killed import Load, kill_at_random
from tests.support.servers.gateways import over_bucket
from tests.support.waiting import PATIENCE, until

KILLS = int(os.environ.get("STRONGROOM_KILLS", "12"))


def test_killed_at_random_under_load_over_a_bucket(tmp_path: Path) -> None:
    """Every acknowledged object is there as it was sent; what is stored is what is logged, once; nothing leaks."""
    with over_bucket(tmp_path, workers=2) as gateway:
        gateway.make()
        with Load([gateway]) as load:
            kill_at_random([gateway], load, kills=KILLS)
        acknowledged = load.acknowledged
        for path, data in acknowledged.items():
            assert gateway.ask("GET", path).body == data
        with sqlite3.connect(gateway.home / "gateway.db", timeout=PATIENCE) as database:
            database.execute("UPDATE intent SET created_ns = 0")  # the store is at work on none of them any more
            database.commit()
        until(lambda: not gateway.rows("SELECT * FROM intent"), gateway.said)
        gateway.settle()
    assert acknowledged
    assert list((gateway.home / "spool").iterdir()) == []
    audit(gateway.source, key=Verifier.parse(gateway.key))
    logged = [(r.kind, r.name) for _, r in entries(gateway.source, 0, 1_000_000) if r.kind != "config"]
    assert len(logged) == len(set(logged))
    store = open_store(gateway.store, StoreOptions(environment=gateway.variables)).child("web01")
    kinds = (Kind.DATA, Kind.INDEX, Kind.SNAPSHOT)
    assert {(kind.value, info.name.name) for kind in kinds for info in store.list(kind)} == set(logged)
