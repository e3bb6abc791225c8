"""``custody round --dry-run`` as an operator types it: it says what a round would do, and writes nothing anywhere."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from strongroom.custody.state import State
from tests.support.buckets import keys, overwrite
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom
from tests.support.servers.minio import Minio, running
from tests.support.servers.rest_server import RestServer

PRICES = '[prices.default]\ncurrency = "EUR"\nlists = 5\nreads = 1\ngib = 0.5\n[round]\nbudget_bytes = "50G"\n'
JUNK = b"no key at all"


def _bytes(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Each file below a folder with its content and stamp; a folder with its stamp."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns if path.is_file() else 0)
        for path in sorted(folder.rglob("*"))
    }


def _repository(place: Path) -> Forge:
    forge = Forge(place)
    _backup(forge, b"first")
    return forge


def _backup(forge: Forge, content: bytes) -> None:
    before = len(forge.entries)
    (blob,) = forge.pack(("data", content * 100))
    tree = forge.tree(node("x", "file", content=[blob], size=len(content) * 100))
    forge.index(forge.entries[before:])
    forge.snapshot(tree)


def test_nothing_is_written_to_state_or_store_and_no_lease_is_needed(strongroom: Strongroom, tmp_path: Path) -> None:
    """With news, a planted key and a plan that waits, while another custodian holds the lease: each byte of both stays
    as it is, whatever is asked for; and a round then finds what was said."""
    custodian = Custodian(strongroom, tmp_path / "state")
    forge = _repository(tmp_path / "web01")
    _repository(tmp_path / "web02")
    (tmp_path / "state" / "custody.toml").write_text("version = 1\n" + PRICES)
    adopted = custodian.run("adopt", "web01", "--store", forge.place).expect(0).out
    assert "a round reads" in adopted and "EUR a month" not in adopted and "a month " in adopted
    second = custodian.run("adopt", "web02", "--store", tmp_path / "web02", "--json").expect(0).json()
    assert second["forecast"]["read"] == second["forecast"]["objects"] == 6
    custodian.round().expect(0)
    key = hashlib.sha256(JUNK).hexdigest()
    (forge.place / "keys" / key).write_bytes(JUNK)
    custodian.run("round", "web01", "--no-execute").expect(73)
    _backup(forge, b"second")
    gone = forge.place / "data" / forge.entries[0]["id"][:2] / forge.entries[0]["id"]
    gone.rename(tmp_path / "kept")
    state = State(str(tmp_path / "state"))
    lease = state.claim(state.repository("web01").id, "elsewhere:1")
    state.close()
    before = _bytes(tmp_path / "state"), _bytes(forge.place), _bytes(tmp_path / "web02")
    said = custodian.run("round", "--all", "--dry-run").expect(0).out
    found = {
        one["name"]: one
        for one in map(json.loads, custodian.run("round", "--all", "--dry-run", "--json").expect(0).out.splitlines())
    }
    custodian.run("round", "web01", "--dry-run", "--no-execute", "--budget-requests", "9", "-q").expect(0)
    assert (_bytes(tmp_path / "state"), _bytes(forge.place), _bytes(tmp_path / "web02")) == before
    one = found["web01"]
    assert (len(one["new"]), one["unlisted"], one["forecast"]["judges"]) == (4, [f"data/{gone.name}"], 1)
    assert [name for name, _ in one["set_aside"]] == [f"keys/{key}"]
    assert [(plan["kind"], plan["waits"], plan["goes"][0][0]) for plan in one["plans"]] == [
        ("aside", None, f"keys/{key}")
    ]
    asked = one["forecast"]["requests"]
    assert one["forecast"]["cost"] == pytest.approx(asked["lists"] * 0.005 + asked["reads"] * 0.001, abs=1e-5)
    assert f"web01:   keys/{key}: may be set aside: " in said
    assert f"web01:   data/{gone.name}: is in no list; the round asks for it" in said
    state = State(str(tmp_path / "state"))
    state.release(lease)
    state.close()
    made = json.loads(custodian.run("round", "web01", "--json", "--no-execute").out.splitlines()[0])
    assert (made["new"], made["missing"]) == (4, one["unlisted"])
    assert (made["read"], made["read_bytes"]) == (one["forecast"]["read"], one["forecast"]["read_bytes"])


def test_a_server_is_asked_for_the_config_and_four_lists_alone(strongroom: Strongroom, tmp_path: Path) -> None:
    """Of a REST server each request is known: the config, and `GET` of four lists; the state stays as it is."""
    with RestServer() as server:
        place = f"rest:{server.url}"
        strongroom.init(place)
        custodian = Custodian(strongroom, tmp_path / "state")
        custodian.adopt("web01", place)
        custodian.round().expect(0)
        before = _bytes(tmp_path / "state")
        server.requests.clear()
        custodian.run("round", "web01", "--dry-run").expect(0)
        asked = ("config", "data/", "index/", "keys/", "snapshots/")
        assert sorted(server.requests) == [*(("GET", f"/repo/{what}") for what in asked), ("HEAD", "/repo/config")]
        assert _bytes(tmp_path / "state") == before


def _in_bucket(minio: Minio, bucket: str) -> dict[str, tuple[str, bytes]]:
    found = {}
    for key in keys(minio, bucket, ""):
        answer = minio.client(bucket).ask("GET", key)
        found[key] = (str(answer.header("last-modified")), answer.read(1 << 24))
        answer.close()
    return found


@pytest.mark.peer("minio")
def test_a_bucket_and_a_state_in_a_bucket_stay_as_they_are(strongroom: Strongroom, tmp_path: Path) -> None:
    """Over MinIO, with the state in another bucket: no object of either is written, and both say the same twice."""
    minio = running()
    strongroom.env.update(minio.environment)
    url, states = minio.bucket("dry-run"), minio.bucket("dry-run-state")
    strongroom.init(f"{url}/web01")
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    strongroom.env["STRONGROOM_CUSTODY_IDENTITY"] = str(secrets / "identity")
    custodian = Custodian(strongroom, f"{states}/site1")  # type: ignore[arg-type]  # no path, and used as text
    custodian.adopt("web01", f"{url}/web01")
    custodian.round().expect(0)
    overwrite(minio, "dry-run", f"web01/keys/{hashlib.sha256(JUNK).hexdigest()}", JUNK)
    before = _in_bucket(minio, "dry-run"), _in_bucket(minio, "dry-run-state")
    said = custodian.run("round", "--all", "--dry-run", "--json").expect(0).json()
    assert custodian.run("round", "--all", "--dry-run", "--json").expect(0).json() == said
    assert said["new"] == [f"keys/{hashlib.sha256(JUNK).hexdigest()}"]
    assert (_in_bucket(minio, "dry-run"), _in_bucket(minio, "dry-run-state")) == before


def test_a_store_that_is_away_is_said_and_not_remembered(strongroom: Strongroom, tmp_path: Path) -> None:
    """Exit code 1; `status` knows nothing of it, and the others have their turn."""
    custodian = Custodian(strongroom, tmp_path / "state")
    _repository(tmp_path / "web01")
    _repository(tmp_path / "web02")
    for name in ("web01", "web02"):
        custodian.adopt(name, tmp_path / name)
    custodian.round().expect(0)
    (tmp_path / "web01" / "data").rename(tmp_path / "away")
    (tmp_path / "web01" / "data").write_bytes(b"")
    before = _bytes(tmp_path / "state")
    told = custodian.run("round", "--all", "--dry-run").expect(1)
    assert "web02: a round reads 0 objects (0 B)" in told.out
    assert "web01" in told.err
    (tmp_path / "web02" / "config").rename(tmp_path / "config")
    for words in ("is gone", "is not the one that was adopted"):
        told = custodian.run("round", "web02", "--dry-run").expect(1)
        assert (told.out, words in told.err) == ("", True)
        (tmp_path / "web02" / "config").write_bytes(b"another")
    assert _bytes(tmp_path / "state") == before
    assert os.listdir(tmp_path / "web01" / "locks") == []
