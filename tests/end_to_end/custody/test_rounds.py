"""The custodian as an operator types it, over repositories that restic made, in a folder and in a bucket."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.support.buckets import delete, keys, overwrite
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Restic, Strongroom
from tests.support.servers.minio import running


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of a few files."""
    folder = tmp_path / "src"
    (folder / "docs").mkdir(parents=True)
    for number in range(12):
        (folder / "docs" / f"{number}.txt").write_bytes(f"text {number} ".encode() * 50)
    return folder


def test_a_week_of_a_folder_that_restic_writes(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """Adopt what restic wrote, forgotten parents and all; quiet rounds are silent; a canary, a lost pack and a planted
    key are told with their exit codes."""
    place = tmp_path / "repository"
    restic.init(place)
    restic.backup(place, source)
    (source / "more").write_bytes(b"more")
    restic.backup(place, source)
    restic.on(place, "forget", "--keep-last", "1").expect(0)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    assert set(custodian.verdicts("web01").values()) == {"good"}
    (name,) = (one["source"] for one in custodian.run("source", "web01", "--json").expect(0).json())
    custodian.run("source", "web01", name, "--canary", f"{source}/docs/3.txt").expect(0)
    restic.backup(place, source)
    quiet = custodian.run("round", "-q", "--all").expect(0)
    assert (quiet.out, quiet.err) == ("", "")
    (source / "docs" / "3.txt").write_bytes(b"encrypted")
    restic.backup(place, source)
    told = custodian.run("round", "-q", "--all").expect(73)
    assert "must not change" in told.out
    newest = max(restic.snapshots(place), key=lambda one: str(one["time"]))["id"]
    assert custodian.verdicts("web01")[newest] == "suspicious"
    explained = custodian.run("explain", "web01", newest[:10]).expect(0)
    assert "canary" in explained.out
    assert custodian.run("explain", "web01", "latest").expect(0).out == explained.out
    refused = custodian.run("accept", "web01", "latest").expect(1).err
    assert "may be an intruder's" in refused and "custody snapshots web01" in refused
    custodian.run("accept", "web01", newest[:10], "--why", "it was me").expect(0)
    custodian.round().expect(0)

    pack = max((place / "data").rglob("*"), key=lambda path: path.stat().st_mtime_ns if path.is_file() else 0)
    content = pack.read_bytes()
    pack.unlink()
    lost = custodian.run("round", "-q", "--all").expect(75)
    assert "is bad" in lost.out
    still = custodian.run("round", "-q", "--all").expect(75)
    assert still.out.startswith("web01: broken: ") and still.out.count("\n") == 1
    assert {code for code, _ in custodian.incidents("web01")} == {"lost", "missing"}
    pack.write_bytes(content)
    custodian.round().expect(0)
    assert custodian.incidents("web01") == []
    assert custodian.verdicts("web01")[newest] == "accepted"

    (place / "keys" / ("ab" * 32)).write_bytes(b"junk")
    assert "1 planted objects were set aside" in custodian.run("round", "--all").expect(0).out
    planted = json.dumps(json.loads(next((place / "keys").iterdir()).read_bytes()) | {"hostname": "h"}).encode()
    (place / "keys" / hashlib.sha256(planted).hexdigest()).write_bytes(planted)
    custodian.run("round", "--all").expect(73)
    status = custodian.run("status", "--json").expect(73).json()
    assert [(one["state"], [thing["code"] for thing in one["incidents"]]) for one in status] == [
        ("operator awaited", ["planted-key"])
    ]


def test_an_intruder_who_has_the_hosts_key(strongroom: Strongroom, tmp_path: Path) -> None:
    """Forged times, another host's name, an empty snapshot: none is good, and the honest one stays so."""
    forge = Forge(tmp_path / "repository")
    blob = forge.pack(("data", b"honest " * 500))[0]
    tree = forge.tree(node("a", "file", content=[blob], size=3500))
    forge.index()
    honest = forge.snapshot(tree).name
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.round().expect(0)
    forged = [
        forge.snapshot(tree, time="2031-01-01T00:00:00Z").name,
        forge.snapshot(tree, time="9999-12-31T00:00:00Z", hostname="db\u0000\u001b[2J").name,
        forge.snapshot(forge.tree()).name,
    ]
    forge.index()
    custodian.round().expect(73)
    verdicts = custodian.verdicts("web01")
    assert {one: verdicts[one] for one in forged} == dict.fromkeys(forged, "suspicious")
    assert verdicts[honest] == "good"


@pytest.mark.peer("minio")
def test_a_bucket_whose_objects_go_and_come_back(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """Over MinIO: arrivals are the store's stamps, an unchanged bucket is no news, deleted objects are missed, and
    what is stored again is read and raises no second alarm."""
    minio = running()
    url = minio.bucket("custody") + "/web01"
    for name, value in minio.environment.items():
        strongroom.env[name] = restic.env[name] = value
    restic.init(url)
    restic.backup(url, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", url)
    custodian.round().expect(0)
    (source / "more").write_bytes(os.urandom(1000))
    restic.backup(url, source)
    assert custodian.run("round", "-q", "--all").expect(0).out == ""
    assert set(custodian.verdicts("web01").values()) == {"good"}
    gone = keys(minio, "custody", "web01/data/")[0]
    answer = minio.client("custody").ask("GET", gone)
    content = answer.read(1 << 20)
    answer.close()
    delete(minio, "custody", gone)
    custodian.round().expect(75)
    assert "missing" in {code for code, _ in custodian.incidents("web01")}
    overwrite(minio, "custody", gone, content)
    custodian.round().expect(0)
    told = custodian.run("round", "--all", "--json").expect(0).out.splitlines()[0]
    assert json.loads(told)["altered"] == []


def test_a_disk_that_was_away_freezes_nothing_once_it_is_back(
    strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """Where the repository's folder is not there, neither is a record of ours: that was no rollback."""
    place = tmp_path / "repository"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    place.rename(tmp_path / "away")
    custodian.round().expect(75)
    assert [code for code, _ in custodian.incidents("web01")] == ["config"]
    (tmp_path / "away").rename(place)
    custodian.round().expect(0)
    assert custodian.incidents("web01") == []
