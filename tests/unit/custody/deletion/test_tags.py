"""No deleting key at all: what goes gets a tag, and the bucket's own rule ends it."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

import pytest

from strongroom.base.errors import Missing, Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.adopting import adopt
from strongroom.custody.deletion.bringing_back import bring_back
from strongroom.custody.executor.ways import way_of
from strongroom.custody.identity import generate
from strongroom.custody.planned.intents import gone, intend
from strongroom.custody.planned.orders import Item
from strongroom.custody.policy import CustodyPolicy
from strongroom.custody.state import State
from strongroom.custody.syncing import look
from strongroom.repository.opening import initialise
from strongroom.storage.contract import Store
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.removal.slow import TagRemoval
from strongroom.storage.versions.tagging import tags_of
from tests.support.buckets import delete, markers
from tests.support.repositories import PASSWORD, Machine
from tests.support.servers.minio import running

_RULE = (
    b"<LifecycleConfiguration><Rule><ID>removed</ID><Status>Enabled</Status>"
    b"<Filter><Tag><Key>strongroom</Key><Value>removed</Value></Tag></Filter>"
    b"<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"
)


@pytest.fixture
def bucket() -> str:
    """A bucket that keeps versions, with a rule for what is tagged."""
    name = f"tags-{secrets.token_hex(4)}"
    running().bucket(name, versions=True)
    running().put(name, "lifecycle=", _RULE)
    return name


def opened(bucket: str) -> Store:
    """A repository's place in it."""
    minio = running()
    return open_store(f"s3:{minio.endpoint}/{bucket}/web", StoreOptions(environment=minio.environment))


def test_a_removal_sets_a_tag_and_undo_takes_it_away(bucket: str) -> None:
    """No marker is set and nothing is deleted; what was ended by the rule comes back from its version; without the rule
    nothing is put away."""
    data = os.urandom(2000)
    name = ObjectName(Kind.DATA, hashlib.sha256(data).hexdigest())
    with opened(bucket) as store:
        store.create(name, data)
        way = way_of(store, 90)
        assert isinstance(way, TagRemoval)
        tags = tags_of(store)
        assert tags is not None
        way.check()
        way.put_away(name, "2027-01-01")
        assert tags.is_set(name)
        assert list(markers(running(), bucket, "web/")) == []
        assert bring_back(store, name).size == len(data)
        assert not tags.is_set(name)
        way.put_away(name, "2027-01-01")
        delete(running(), bucket, f"web/{name.path}")  # what the rule does
        with pytest.raises(Missing):
            store.stat(name)
        way.put_away(name, "2027-01-02")
        bring_back(store, name)
        assert store.read_bytes(name) == data
        assert not tags.is_set(name)
        running().client(bucket).ask("DELETE", "?lifecycle=").close()
        with pytest.raises(Refused, match="no rule that ends"):
            way.check()


def test_tags_of_others_stay(bucket: str) -> None:
    """Those of a bill, or of a rule of somebody's own, are there before and after, with whatever signs they have."""
    name = ObjectName(Kind.DATA, hashlib.sha256(b"x").hexdigest())
    others = "<Tag><Key>cost centre</Key><Value>a+b = c/d</Value></Tag>"
    with opened(bucket) as store:
        store.create(name, b"x")
        client = running().client(bucket)
        body = f"<Tagging><TagSet>{others}</TagSet></Tagging>".encode()
        headers = {
            "Content-Length": str(len(body)),
            "Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode(),
        }
        client.ask("PUT", f"web/{name.path}?tagging=", headers, body).close()
        tags = tags_of(store)
        assert tags is not None
        seen = []
        for step in (tags.set, tags.set, tags.clear):
            step(name)
            found = client.document(f"web/{name.path}?tagging=")
            pairs = [
                (one.text("Key"), one.text("Value"))
                for part in found.children("TagSet")
                for one in part.children("Tag")
            ]
            seen.append(sorted(pairs))
        kept = ("cost centre", "a+b = c/d")
        assert seen == [sorted([kept, ("strongroom", "removed")])] * 2 + [[kept]]


def test_what_is_tagged_counts_as_gone_while_it_is_still_listed(bucket: str, tmp_path: Path) -> None:
    """A look takes it for what we meant to go, until somebody takes the tag away."""
    data = os.urandom(2000)
    name = ObjectName(Kind.DATA, hashlib.sha256(data).hexdigest())
    machine = Machine()
    with opened(bucket) as store, State(str(tmp_path / "state"), machine.clock, create=True) as state:
        repository = initialise(store, PASSWORD, surroundings=machine.surroundings)
        store.create(name, data)
        adopt(state, repository, "web", store.location, generate()[0], CustodyPolicy())
        adopted = state.repository("web")
        lease = state.claim(adopted.id, "test")
        now_ns = machine.clock.now_ns()
        with state.writing(lease) as connection:
            intend(connection, adopted.id, 1, [Item(str(name), len(data))], now_ns)
        way_of(store).put_away(name, "2027-01-01")
        with state.writing(lease) as connection:
            gone(connection, adopted.id, 1, [str(name)], now_ns)
        seen = look(state, lease, adopted, store, now_ns)
        assert (seen.returned, seen.missing) == ([], [])
        tags = tags_of(store)
        assert tags is not None
        tags.clear(name)
        assert look(state, lease, adopted, store, now_ns).returned == [name]
