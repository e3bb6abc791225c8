"""``storage probe``: finding out what a place really does, rather than what it is said to do.

Everything happens to objects of the probe's own, below ``.strongroom/probe/<random>/`` (on a REST server in a
repository of a random name), which are removed at the end as far as the credentials allow; settings are read, never
written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.storage.contract import StoreKind
from strongroom.storage.local.store import LocalStore
from strongroom.storage.probe.race import RACERS, race
from strongroom.storage.removal import removal_of
from strongroom.storage.removal.probe import PLACE, remove_folder
from strongroom.storage.report import Report, Worth, left_at
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.storage.contract import Store


def probe(store: Store) -> Report:
    """Ask a place everything. Raises what reaching it raises; a question that cannot be put is ``unknown``."""
    inner = innermost(store)
    if inner.store_kind is StoreKind.S3:
        from strongroom.storage.probe.s3 import probe_s3  # noqa: PLC0415 -- a folder needs no S3
        from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

        assert isinstance(inner, S3Store)
        return probe_s3(inner)
    report = Report(store.location)
    name = secrets.token_hex(8)
    if isinstance(inner, LocalStore):
        place: Store = LocalStore(os.path.join(inner.path, PLACE, name))
    else:
        place = store.child(f"strongroom-probe-{name}")
    place.prepare()
    try:
        _contract(place, report)
    finally:
        if isinstance(inner, LocalStore):
            remove_folder(inner.path, name)
        else:
            report.left_behind = _tidy(place)
    return report


def _tidy(place: Store) -> list[str]:
    """Remove what lies in the probe's own repository, as far as that is allowed; what stays behind."""
    left = []
    try:
        for kind in (Kind.CONFIG, Kind.DATA):
            for info in list(place.list(kind)):
                try:
                    removal_of(place).remove(info.name)
                except errors.Interrupted:
                    raise
                except errors.StrongroomError:
                    left.append(f"{place.location} {info.name}")
    except errors.Interrupted:
        raise left_at(place.location) from None
    except errors.StrongroomError:
        left.append(place.location)
    return left


def _contract(store: Store, report: Report) -> None:
    """What any store can be asked through the contract."""
    data = secrets.token_bytes(1000)
    pack = ObjectName(Kind.DATA, hashlib.sha256(data).hexdigest())
    store.create(pack, data)
    same = _outcome(lambda: store.create(pack, data))
    report.add("same-again", "The same bytes again", same, Worth.GOOD if same == "accepted" else Worth.BAD)
    other = _outcome(lambda: store.create(pack, data[::-1]))
    kept = store.read_bytes(pack) == data
    report.add(
        "overwrite",
        "Other bytes under a taken name",
        f"{other}, {'the first stay' if kept else 'THE FIRST ARE GONE'}",
        Worth.GOOD if kept and other != "accepted" else Worth.BAD,
    )
    report.add(
        "range",
        "A range of an object",
        "right" if store.read_bytes(pack, 10, 20) == data[10:30] else "WRONG",
        Worth.GOOD if store.read_bytes(pack, 10, 20) == data[10:30] else Worth.BAD,
    )
    listed = [info.name for info in store.list(Kind.DATA)] == [pack]
    when = "at once" if listed else "later or never"
    report.add("list", "A new object in lists", when, Worth.GOOD if listed else Worth.BAD)
    winners = race(lambda body: store.create(CONFIG, body))
    report.add(
        "race",
        f"{RACERS} creators of one name at once",
        f"{winners} told that they succeeded",
        Worth.GOOD if winners == 1 else Worth.WEAK if winners else Worth.BAD,
        "" if winners == 1 else "Two hosts that make one repository at the same moment may both believe that they did.",
    )


def _outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except errors.Interrupted:
        raise  # no answer of the place
    except errors.StrongroomError as error:
        return f"refused ({type(error).__name__})"
    return "accepted"
