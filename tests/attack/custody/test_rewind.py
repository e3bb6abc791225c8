"""S-1, S-2: a repository as it was at a moment, by what the state and the versions of the bucket prove."""

from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from strongroom.base.objects import Kind
from strongroom.custody.healing.rewind import Rewinding, Rewound
from strongroom.custody.planned.plans import plan_rows
from strongroom.storage.local.store import LocalStore
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support import compare
from tests.support.buckets import delete, overwrite
from tests.support.custody.custodian import Custodian
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, Custody, Host, restores, sound
from tests.support.forge import dumps, sha
from tests.support.programs import Restic, Strongroom
from tests.support.servers import minio
from tests.support.waiting import until


def rewind(custody: Custody, to_ns: int, *, only_look: bool = False) -> Rewound:
    """Rewind the folder."""
    lease = custody.state.claim(custody.adopted.id, "test")
    store = LocalStore(str(custody.place))
    done = Rewinding(custody.state, lease, custody.adopted, store, None, to_ns, only_look=only_look).run("a test")
    custody.state.release(lease)
    custody.settle()
    return done


def test_what_went_since_is_back_and_what_came_since_stays(custody: Custody, host: Host) -> None:
    """Snapshots, indexes and packs that plans removed come back from the trash; later ones are listed and stay."""
    days(custody, host, 4, look=False)
    then_ns = custody.clock.now_ns()
    there = custody.names("snapshots")
    days(custody, host, 9, look=False)
    now = custody.names("snapshots")
    assert there - now
    assert plan_rows(custody.state, custody.adopted.id)
    looked = rewind(custody, then_ns, only_look=True)
    assert custody.names("snapshots") == now
    done = rewind(custody, then_ns)
    assert done.lost == []
    assert done.back == looked.back
    assert {one.name for one in done.back if one.kind is Kind.SNAPSHOT} == there - now
    assert {one.name for one in done.later if one.kind is Kind.SNAPSHOT} == now - there
    assert custody.names("snapshots") == now | there
    custody.clock.advance(DAY / 24)
    custody.round()
    assert sound(custody.place) == []
    assert custody.open_incidents() == []
    for name in there:
        assert restores(custody.place, name, host.files[name])


def test_s_1_a_dry_run_says_what_is_lost(custody: Custody, host: Host) -> None:
    """S-1: of what an intruder deleted nobody has a copy; of what a plan removed the trash has the bytes, or others."""
    while not days(custody, host, 1, look=False):
        pass
    then_ns = custody.clock.now_ns()
    went = [name for _, _, names in days(custody, host, 2, look=False) for name in names]
    assert len(went) > 1
    pack = host.packs[next(iter(host.packs))][0]
    (custody.place / "data" / pack[:2] / pack).unlink()
    next((custody.place / ".strongroom" / "trash").rglob(f"{went[0].rpartition('/')[2]}.*")).write_bytes(b"other")
    looked = rewind(custody, then_ns, only_look=True)
    done = rewind(custody, then_ns)
    assert (len(done.lost), len(done.back)) == (2, len(went) - 1)
    assert (looked.back, looked.lost) == (done.back, done.lost)


def test_s_1_s_2_a_bucket_as_it_was_before_an_intruder(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """S-1, S-2: he hides one pack, and writes over another and over the config; all is there again, and stock restic
    restores it."""
    server = minio.running()
    bucket = f"vault-{secrets.token_hex(4)}"
    url = f"{server.bucket(bucket, versions=True)}/web01"
    for program in (strongroom, restic):
        program.env.update(server.environment)
    source = tmp_path / "src"
    source.mkdir()
    for number in range(3):
        (source / f"{number}").write_bytes(random.Random(number).randbytes(40_000))
    restic.init(url)
    restic.backup(url, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", url)
    custodian.round().expect(0)
    store = open_store(url, StoreOptions(environment=server.environment))
    newest = max(info.modified_ns or 0 for kind in (Kind.KEY, Kind.SNAPSHOT) for info in store.list(kind)) // 10**9 + 1
    honest = next(store.list(Kind.SNAPSHOT)).name.name
    packs = [info.name for info in store.list(Kind.DATA)]

    def later() -> bool:  # by the store's clock, whose stamps have whole seconds in places
        answer = server.client(bucket).ask("HEAD", "")
        date = answer.header("Date")
        answer.close()
        return int(parsedate_to_datetime(date).timestamp()) > newest

    until(later, pause=0.2)
    delete(server, bucket, f"web01/{packs[0].path}")
    overwrite(server, bucket, f"web01/{packs[1].path}", b"junk")
    overwrite(server, bucket, "web01/config", b"another")
    moment = datetime.fromtimestamp(newest, UTC).isoformat()
    looked = custodian.run("rewind", "web01", "--to", moment, "--dry-run", "--json").expect(0).json()
    assert sorted(looked["back"]) == sorted(["config", *map(str, packs[:2])])
    done = custodian.run("rewind", "web01", "--to", moment, "--json").expect(0).json()
    assert done["back"] == looked["back"]
    assert done["lost"] == []
    restic.run("-r", url, "--no-cache", "restore", honest, "--target", tmp_path / "out").expect(0)
    compare.assert_same(source, tmp_path / "out" / str(source)[1:])


def test_a_1_what_was_set_aside_is_not_brought_back(custody: Custody, host: Host) -> None:
    """A-1, A-10: to a moment when a lying index and junk stood there already: both were set aside since, and stay in
    the trash, neither counted as lost nor beyond the next round's reach."""
    entry = host.forge.entries[0]
    false = {"id": entry["id"], "blobs": [entry["blobs"][0] | {"id": sha(b"never stored")}]}
    planted = host.forge.unpacked("index", dumps({"packs": [false]})).name
    junk = host.forge.write("index", random.Random(3).randbytes(100)).name
    custody.round()
    then_ns = custody.clock.now_ns()
    custody.clock.advance(60)
    custody.hand_over()
    assert not {planted, junk} & custody.names("index")
    custody.clock.advance(60)
    done = rewind(custody, then_ns)
    assert (done.back, done.lost) == ([], [])
    custody.round()
    assert custody.open_incidents() == []
    assert not {planted, junk} & custody.names("index")
