"""A store that misbehaves: uploads are given up before the client does it, and broken promises are told of."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.clock import SystemClock
from strongroom.base.errors import Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.gateway.http.body import Body
from strongroom.gateway.http.wire import Pace, ServerWire
from strongroom.gateway.ledger import Ledger
from strongroom.gateway.places.arrival import IncomingObject
from strongroom.gateway.places.bucket import guarantees, intake
from strongroom.gateway.places.bucket import place as places
from strongroom.gateway.places.bucket.place import BucketPlace
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings
from strongroom.receipts.commit.committer import Committer
from strongroom.receipts.log.note import Signer
from tests.support.servers.gateways import name_of
from tests.support.servers.liar import Liar
from tests.support.servers.minio import running

WATCHDOG = 300.0
"""restic's: seconds without progress after which it takes a request for stuck."""


def test_an_upload_is_given_up_before_the_client_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is busy for too long means 503 in time; the intent stays, for nobody knows what the store did."""
    assert intake.PATIENCE + intake.ANSWER_SECONDS + intake.LONGEST_WAIT < WATCHDOG - 30
    monkeypatch.setattr(intake, "PATIENCE", 1.5)
    for name, value in running().environment.items():
        monkeypatch.setenv(name, value)
    data = b"a pack"
    with Liar(running(), honest=True) as proxy:
        settings = GatewaySettings(
            path="", store=f"s3://plain/{tmp_path.name}?endpoint={proxy.endpoint}", state=str(tmp_path)
        )
        database = open_database(settings)
        place = BucketPlace(settings, database)
        repository = place.create(("web01",))
        proxy.faults = ["503 SlowDown"] * 100
        ours, theirs = socket.socketpair()
        theirs.sendall(data)
        body = Body(ServerWire(ours), len(data), Pace(1, 30))
        receipts: list[str] = []
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            repository.receive(
                IncomingObject(
                    ObjectName(Kind.DATA, name_of(data)),
                    body,
                    1000,
                    "",
                    lambda _count: None,
                    lambda _size: contextlib.nullcontext(),
                    lambda: None,
                    lambda digest, _size: receipts.append(digest),
                )
            )
        assert time.monotonic() - begun < WATCHDOG - 30
        assert receipts == []
        (row,) = place.intents.orphans()
        assert (row.path, row.name, row.size) == ("web01", name_of(data), len(data))
        proxy.faults = []
        for one in (ours, theirs):
            one.close()
        place.close()
        database.close()


def test_a_store_that_no_longer_refuses_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the daily look finds reaches every worker: creation is serialised from then on, and /health says why."""
    monkeypatch.setattr(places, "GUARANTEES_SECONDS", -1.0)
    for name, value in running().environment.items():
        monkeypatch.setenv(name, value)
    with Liar(running()) as liar:
        url = f"s3://plain/{tmp_path.name}?endpoint="
        settings = GatewaySettings(path="", store=url + running().endpoint, state=str(tmp_path))
        database = open_database(settings)
        place = BucketPlace(settings, database)
        repository = place.create(("web01",))
        place.check()
        place.reload()
        assert (place.problems(), repository.works.guarded) == ([], False)
        turned = BucketPlace(replace(settings, store=url + liar.endpoint), database)
        guarantees.save(database, guarantees.find_out(turned.keyed, database.clock))
        place.reload()
        assert "no longer refuses" in place.problems()[0]
        assert repository.works.guarded
        for one in (turned, place):
            one.close()
        database.close()


def test_a_store_that_kept_nothing_for_a_while_is_asked_again_and_no_longer_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a store that keeps nothing nobody can find out whether it replaces: where it does, nothing is created beside
    another meanwhile. And /health is well soon after the store is, not a day later."""
    monkeypatch.setattr(places, "GUARANTEES_SECONDS", -1.0)
    monkeypatch.setattr(places, "SETTLE_SECONDS", 1.0)
    monkeypatch.setattr(guarantees, "APPEARS", (0.0,))
    for name, value in running().environment.items():
        monkeypatch.setenv(name, value)
    with Liar(running()) as liar:
        settings = GatewaySettings(
            path="",
            store=f"s3://plain/{tmp_path.name}?endpoint={liar.endpoint}",
            state=str(tmp_path),
            allow_unconditional=True,
        )
        database = open_database(settings)
        place = BucketPlace(settings, database)
        repository = place.create(("web01",))
        liar.swallows = "all"
        guarantees.save(database, guarantees.find_out(place.keyed, database.clock))
        place.reload()
        assert (place.problems(), repository.works.guarded) == ([guarantees.KEEPS_NOTHING], True)
        liar.swallows = ""
        looks = iter((False, True))
        clock, signer = SystemClock(), Signer("backup.example/.strongroom/log", Ed25519PrivateKey.generate())
        ledger = Ledger(database, signer, clock, Committer(database, clock))
        place.watch(ledger, lambda: next(looks))
        place.reload()
        assert (place.problems(), repository.works.guarded) == ([], True)
        assert place.promises()[guarantees.CREATE] == guarantees.NOT_KEPT
        ledger.close()
        place.close()
        database.close()
