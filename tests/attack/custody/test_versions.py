"""The threat catalogue: rows S-1 and S-2, a bucket in which whoever may write hides or overwrites objects."""

from __future__ import annotations

import hashlib
import random
import secrets
from pathlib import Path

import pytest

from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.deletion.bringing_back import bring_back
from strongroom.storage.kinds import versions_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support import compare
from tests.support.buckets import delete, overwrite
from tests.support.custody.custodian import Custodian
from tests.support.custody.in_process import Custody, Host
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import PASSWORD
from tests.support.servers import minio
from tests.support.servers.minio import Minio

Vault = tuple[Custodian, str, str, Path]


@pytest.fixture
def vault(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> Vault:
    """A custodian with a repository of restic's in a bucket that keeps versions; its bucket's name, URL and source."""
    server = minio.running()
    bucket = f"vault-{secrets.token_hex(4)}"
    url = f"{server.bucket(bucket, versions=True)}/web01"
    for program in (strongroom, restic):
        program.env.update(server.environment)
    source = tmp_path / "src"
    source.mkdir()
    dice = random.Random(5)
    for number in range(5):
        (source / f"{number}").write_bytes(dice.randbytes(50_000))
    restic.init(url)
    restic.backup(url, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", url)
    custodian.round().expect(0)
    return custodian, bucket, url, source


def first(url: str, kind: Kind) -> str:
    """The key below the bucket of the first object of a kind."""
    store = open_store(url, StoreOptions(environment=minio.running().environment))
    return f"web01/{next(store.list(kind)).name.path}"


def ask(server: Minio, bucket: str, method: str, key: str, body: bytes = b"") -> None:
    """One request of whoever has credentials for the bucket."""
    headers = {"Content-Length": str(len(body)), "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    answer = server.client(bucket).ask(method, key, headers, body)
    assert answer.status in {200, 204}, answer.text()
    answer.close()


def test_s_1_s_2_every_hidden_or_overwritten_object_is_promoted(vault: Vault, restic: Restic, tmp_path: Path) -> None:
    """S-1, S-2: one object of each kind is overwritten with garbage, several times, or hidden by a marker; one round
    makes the good versions the current ones, and stock restic restores all."""
    custodian, bucket, url, source = vault
    server = minio.running()
    for kind in (Kind.DATA, Kind.INDEX):
        for garbage in (b"garbage", b"x" * 3000, b""):
            ask(server, bucket, "PUT", first(url, kind), garbage)
    ask(server, bucket, "DELETE", first(url, Kind.SNAPSHOT))
    ask(server, bucket, "DELETE", first(url, Kind.KEY))
    ask(server, bucket, "PUT", "web01/config", b"another config")
    assert restic.on(url, "--no-cache", "snapshots").code != 0
    done = custodian.round()
    assert done.out.count("its good version is the current one again") == 5, done.out + done.err
    custodian.round()
    assert custodian.incidents("web01") == []
    restic.run("-r", url, "--no-cache", "restore", "latest", "--target", tmp_path / "out").expect(0)
    compare.assert_same(source, tmp_path / "out" / str(source)[1:])


@pytest.mark.parametrize("kind", [Kind.DATA, Kind.INDEX, Kind.SNAPSHOT])
def test_s_2_what_is_overwritten_before_a_round_saw_it_is_healed_by_that_round(
    vault: Vault, restic: Restic, kind: Kind
) -> None:
    """S-2: a new object of an honest backup is garbage when the round comes. The same round promotes its good version
    and reads it, so the backup is good at once, nothing is set aside, and stock restic finds no fault."""
    custodian, bucket, url, source = vault
    server = minio.running()
    options = StoreOptions(environment=server.environment)
    with open_store(url, options) as store:
        before = {info.name for info in store.list(kind)}
        (source / "new").write_bytes(random.Random(9).randbytes(30_000))
        restic.backup(url, source)
        new = [info.name for info in store.list(kind) if info.name not in before]
    for name in new:
        overwrite(server, bucket, f"web01/{name.path}", b"garbage")
    done = custodian.round().expect(0)
    assert done.out.count("its good version is the current one again") == len(new), done.out
    assert custodian.incidents("web01") == []
    assert set(custodian.verdicts("web01").values()) == {"good"}
    assert "aside" not in custodian.run("plan", "show", "web01").out
    restic.on(url, "--no-cache", "check", "--read-data").expect(0)


def test_s_2_garbage_over_garbage_leaves_a_damaged_object_named(vault: Vault) -> None:
    """S-2: where no version fits, the incident stays, and names the object."""
    custodian, bucket, url, _ = vault
    server = minio.running()
    key = first(url, Kind.DATA)
    versions = versions_of(open_store(url, StoreOptions(environment=server.environment)))
    good = next(versions.list(Kind.DATA))
    ask(server, bucket, "DELETE", f"{key}?versionId={good.version_id}")
    ask(server, bucket, "PUT", key, b"garbage")
    assert custodian.round().code == 75
    assert ("damaged", f"data/{key.rpartition('/')[2]}") in custodian.incidents("web01")


def test_s_2_what_never_was_sound_is_not_brought_back_each_round(vault: Vault) -> None:
    """S-2, A-1: noise below its own hash is damaged. Overwritten it gets its bytes again; that is no cure, and no round
    after that makes another version of it."""
    custodian, bucket, url, _ = vault
    server = minio.running()
    noise = random.Random(7).randbytes(300)
    name = ObjectName(Kind.DATA, hashlib.sha256(noise).hexdigest())
    ask(server, bucket, "PUT", f"web01/{name.path}", noise)
    custodian.round()
    assert custodian.incidents("web01") == [("damaged", str(name))]
    ask(server, bucket, "PUT", f"web01/{name.path}", noise[::-1])
    assert "its good version is the current one again" in custodian.round().out
    versions = versions_of(open_store(url, StoreOptions(environment=server.environment)))
    count = len([one for one in versions.list(Kind.DATA) if one.name == name])
    for _ in range(2):
        assert "its good version" not in custodian.round().out
    assert len([one for one in versions.list(Kind.DATA) if one.name == name]) == count
    assert ("damaged", str(name)) in custodian.incidents("web01")


def test_s_2_a_neighbour_of_its_name_keeps_no_version_back() -> None:
    """S-2: who may create in the bucket writes an object whose name differs in the last digit alone; what was removed
    is found behind it, and comes back."""
    server = minio.running()
    bucket = f"vault-{secrets.token_hex(4)}"
    url = f"{server.bucket(bucket, versions=True)}/web01"
    content = b"removed"
    name = ObjectName(Kind.DATA, hashlib.sha256(content).hexdigest())
    assert name.name[-1] > "0"
    with open_store(url, StoreOptions(environment=server.environment)) as store:
        store.create(name, content)
        delete(server, bucket, f"web01/{name.path}")
        overwrite(server, bucket, f"web01/{name.path[:-1]}0", b"junk")
        bring_back(store, name)
        assert store.read_bytes(name) == content


@pytest.mark.parametrize("junk", [b"", b"junk"])
def test_s_1_s_2_what_a_lost_index_said_is_in_another(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path, junk: bytes
) -> None:
    """S-1, S-2: in a folder without versions all indexes are deleted or overwritten; they are missed, what they said is
    in another one after the round, once, and stock restic restores."""
    custody.round()
    lost = list((custody.place / "index").iterdir())
    for path in lost:
        path.unlink()
        if junk:
            path.write_bytes(junk)
    custody.round()
    assert {code for code, _ in custody.open_incidents()} == ({"altered", "damaged"} if junk else {"missing"})
    made = custody.names("index")
    custody.round()
    assert custody.names("index") == made
    for path in lost:
        path.unlink(missing_ok=True)
    ((name, files),) = host.files.items()
    env = {"RESTIC_PASSWORD": PASSWORD.decode()}
    restic.on(custody.place, "restore", name, "--no-lock", "--target", tmp_path / "out", env=env).expect(0)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == files
