"""S-8: a whole store is lost, or what it holds; the replica restores, and gives back what nothing else can."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from strongroom.base.errors import Refused
from strongroom.base.progress import Reporter
from strongroom.custody.adopting import open_adopted
from strongroom.custody.executor.execute import Executor
from strongroom.custody.executor.ways import way_of
from strongroom.custody.mark import read_mark
from strongroom.custody.replica.replicate import Replication
from strongroom.storage.local.store import LocalStore
from tests.support import compare
from tests.support.custody.custodian import Custodian
from tests.support.custody.in_process import Custody
from tests.support.programs import Restic, Strongroom


def objects(place: Path, kind: str) -> list[Path]:
    """The files of a kind."""
    return sorted(path for path in (place / kind).rglob("*") if path.is_file())


def scribble(path: Path) -> None:
    """Other bytes of the same length in the middle of a file."""
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:50] + bytes(byte ^ 1 for byte in data[50:80]) + data[80:])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Some files."""
    folder = tmp_path / "src"
    folder.mkdir()
    dice = random.Random(11)
    for number in range(6):
        (folder / f"{number}").write_bytes(dice.randbytes(60_000))
    return folder


def test_s_8_a_replica_heals_what_was_lost_and_restores_alone(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """S-8: a pack is gone, a snapshot and an index hold other bytes: two rounds give all back from the replica. Then
    the store is gone altogether, and stock restic restores from the replica."""
    place, replica, out = tmp_path / "r", tmp_path / "replica", tmp_path / "out"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    assert custodian.run("replicate", "web01").code == 1
    assert "nothing new" in custodian.run("replicate", "web01", "--to", replica).expect(0).out
    assert objects(replica, "data") == []
    custodian.round().expect(0)
    custodian.run("replicate", "--all").expect(0)
    (source / "more").write_bytes(random.Random(12).randbytes(50_000))
    restic.backup(place, source)
    custodian.round().expect(0)
    done = custodian.run("replicate", "--all", "--json").expect(0).json()
    assert done["copied"]["snapshots"] == 1
    assert done["snapshots_waiting"] == 0
    for kind in ("data", "snapshots"):
        assert [path.name for path in objects(replica, kind)] == [path.name for path in objects(place, kind)]
    kept = {
        path.relative_to(place): path.read_bytes() for kind in ("data", "snapshots") for path in objects(place, kind)
    }
    objects(place, "data")[0].unlink()
    scribble(objects(place, "data")[1])
    scribble(objects(place, "snapshots")[0])
    custodian.round()
    custodian.round()
    assert custodian.incidents("web01") == []
    assert {one: (place / one).read_bytes() for one in kept} == kept
    restic.check(place)
    shutil.rmtree(place)
    restic.run("-r", replica, "restore", "latest", "--target", out).expect(0)
    compare.assert_same(source, out / str(source)[1:])
    restic.check(replica)


def test_s_8_a_key_with_other_bytes_comes_back_from_the_replica(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """S-8, K-1: an intruder in the folder overwrites the keys, the hosts' and the custodian's own; stock restic stops.
    Rounds put the replica's bytes in their place, and restic opens as before."""
    place = tmp_path / "r"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    custodian.run("replicate", "web01", "--to", tmp_path / "replica").expect(0)
    kept = {path: path.read_bytes() for path in objects(place, "keys")}
    assert len(kept) == 2
    for path in kept:
        path.chmod(0o600)
        path.write_bytes(b"{}")
    assert restic.on(place, "snapshots").code != 0
    custodian.round()
    custodian.round()
    assert custodian.incidents("web01") == []
    assert {path: path.read_bytes() for path in objects(place, "keys")} == kept
    restic.check(place)


def test_s_8_a_damaged_replica_is_told_and_what_is_gone_is_copied_again(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """S-8: the replica loses a pack: it is copied again. Another repository's place is refused, and the
    repository's own; then the replica is where it was."""
    place, replica = tmp_path / "r", tmp_path / "replica"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    custodian.run("replicate", "web01", "--to", replica).expect(0)
    objects(replica, "data")[0].unlink()
    objects(replica, "index")[0].unlink()
    again = custodian.run("replicate", "web01").expect(0)
    assert "was gone, and was copied again" in again.out and "what it named is in another index" in again.out
    assert ("replica", "replica") in custodian.incidents("web01")
    custodian.run("replicate", "web01").expect(0)
    assert custodian.incidents("web01") == []
    restic.check(replica)
    restic.init(tmp_path / "another")
    for wrong, words in (("another", "another repository is there"), ("r", "the repository itself is there")):
        refused = custodian.run("replicate", "web01", "--to", tmp_path / wrong)
        assert (refused.code, words in refused.err) == (1, True)
    assert "nothing new" in custodian.run("replicate", "web01").expect(0).out


def test_s_8_what_a_run_could_not_copy_again_is_not_said_to_be_there(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """S-8: what was gone and does not fit the budget is said to be missing still, with the reason; the run after that
    copies it, and only then the incident ends."""
    place, replica = tmp_path / "r", tmp_path / "replica"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    custodian.run("replicate", "web01", "--to", replica).expect(0)
    pack = max(objects(replica, "data"), key=lambda path: path.stat().st_size)
    pack.unlink()
    poor = custodian.run("replicate", "web01", "--budget-bytes", "1")
    assert f"data/{pack.name} was gone, and is not copied again, for want of --budget-bytes" in poor.out
    assert not pack.exists() and ("replica", "replica") in custodian.incidents("web01")
    again = custodian.run("replicate", "web01", "--json").expect(0).json()
    assert pack.exists() and again["gone"] == again["copied_again"] == []
    assert custodian.incidents("web01") == []


def test_s_8_a_snapshot_that_lacks_something_at_the_replica_holds_up_no_other(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """S-8: a pack of the replica is cut, and it cannot be replaced there. What does not need it goes on arriving."""
    place, replica, out = tmp_path / "r", tmp_path / "replica", tmp_path / "out"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    custodian.run("replicate", "web01", "--to", replica).expect(0)
    cut = objects(replica, "data")[0]
    cut.chmod(0o600)
    cut.write_bytes(cut.read_bytes()[:100])
    restic.backup(place, source)
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_bytes(random.Random(13).randbytes(50_000))
    restic.backup(place, other)
    custodian.round()
    done = custodian.run("replicate", "web01", "--json").json()
    assert (done["copied"]["snapshots"], done["snapshots_waiting"]) == (1, 1)
    assert ("replica", "replica") in custodian.incidents("web01")
    restic.run("-r", replica, "restore", "latest", "--path", other, "--target", out).expect(0)
    compare.assert_same(other, out / str(other)[1:])


def test_s_8_the_incident_stays_until_the_replica_agrees(custody: Custody, tmp_path: Path) -> None:
    """S-8: a pack is gone from the replica and from the store, so nothing mends it: said at each run until it is there;
    a run that had no budget to look at what was wrong ends nothing."""
    target = LocalStore(str(tmp_path / "replica"))

    def replicate(budget: int | None = None) -> list[str]:
        lease = custody.state.claim(custody.adopted.id, "test")
        with open_adopted(custody.adopted, custody.store(), custody.identity, custody.surroundings) as repository:
            run = Replication(
                custody.state, lease, custody.adopted, repository, target, Reporter(), budget_bytes=budget
            )
            run.begin()
            run.run()
        custody.state.release(lease)
        return [code for code, _ in custody.open_incidents() if code == "replica"]

    assert replicate() == []
    pack = objects(tmp_path / "replica", "data")[0]
    kept = pack.read_bytes()
    pack.unlink()
    next((custody.place / "data").rglob(pack.name)).unlink()
    custody.clock.advance(3600)
    custody.round()
    assert [replicate(), replicate(), replicate(0)] == [["replica"]] * 3
    pack.write_bytes(kept)
    assert replicate(0) == ["replica"]
    assert replicate() == []


def test_m_3_a_plan_is_refused_at_the_replica(custody: Custody, tmp_path: Path) -> None:
    """M-3: an executor that is pointed at the replica takes no plan of the repository's."""
    shutil.copytree(custody.place, tmp_path / "replica")
    store = LocalStore(str(tmp_path / "replica"))
    with pytest.raises(Refused, match="another place"):
        Executor(
            custody.records,
            store,
            way_of(store),
            custody.adopted.id,
            str(tmp_path / "replica"),
            custody.signer.verifier,
            hold_days=1,
            expiry_days=1,
            mark=lambda: read_mark(store, custody.adopted.id),
        )
