"""Where things go: a bucket with versions, the same while they are suspended, our gateway, a place without trash."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import Missing, Refused, Unsupported
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.deletion.bringing_back import bring_back
from strongroom.custody.executor.ways import way_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.servers.minio import running

DATA = b"a pack" * 100
NAME = ObjectName(Kind.DATA, name_of(DATA))
_SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"


def test_s4_a_bucket_whose_versions_are_suspended() -> None:
    """S-3, S-4, S-6: with versions things go behind a marker and come back; once they are suspended none goes."""
    minio = running()
    url = minio.bucket("custody-removal", versions=True)
    with open_store(f"{url}/web", StoreOptions(environment=minio.environment)) as store:
        store.create(NAME, DATA)
        way = way_of(store)
        way.check()
        way.put_away(NAME, "2027-01-01")
        with pytest.raises(Missing):
            store.stat(NAME)
        assert bring_back(store, NAME).size == len(DATA)
        assert store.read_bytes(NAME) == DATA
        minio.put("custody-removal", "versioning=", _SUSPENDED)
        with pytest.raises(Refused, match="suspended"):
            way.check()


def test_through_our_gateway_things_go_to_its_trash(tmp_path: Path) -> None:
    """A custodian's DELETE at a gateway that is append-only goes to its trash, and comes back from it; it adds packs
    and indexes, no snapshot, and no key that no window names."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        tokens = {
            who: operate(gateway, "principal", "add", who, "--repository", "r", "--role", who)[1].strip()
            for who in ("host", "custodian")
        }
        gateway.make("r", f"host:{tokens['host']}")
        assert gateway.put(f"/r/data/{NAME.name}", DATA, f"host:{tokens['host']}") == 200
        with open_store(f"rest:http://custodian:{tokens['custodian']}@{gateway.address}/r/") as store:
            way_of(store).put_away(NAME, "2027-01-01")
            with pytest.raises(Missing):
                store.stat(NAME)
            assert NAME.name in operate(gateway, "trash", "list", "r")[1]
            assert bring_back(store, NAME).size == len(DATA)
            assert store.read_bytes(NAME) == DATA
            store.create(ObjectName(Kind.INDEX, NAME.name), DATA)
            for kind in (Kind.SNAPSHOT, Kind.KEY):
                with pytest.raises(Refused):
                    store.create(ObjectName(kind, NAME.name), DATA)
            with pytest.raises(Missing):
                bring_back(store, ObjectName(Kind.DATA, "0" * 64))
        host = f"host:{tokens['host']}"
        restore = f"/.strongroom/v1/restore?repository=r&kind=data&name={NAME.name}"
        assert gateway.ask("POST", restore, user=host).status == 403
        assert [one.type.value for one in leaves(gateway)][-3:] == ["trash", "restore", "create"]


def test_where_a_removal_is_final_nothing_goes(tmp_path: Path) -> None:
    """A gateway without --append-only is not asked to delete."""
    with Gateway(tmp_path, flags=(), users={"x": "y"}) as gateway:
        gateway.make("x", "x:y")
        with (
            open_store(f"rest:http://x:y@{gateway.address}/x/") as store,
            pytest.raises(Unsupported, match="gone at once"),
        ):
            way_of(store)
