"""X-3 and whoever moves: a state in one sealed file, in a bucket for a machine that lives for an hour, read anew."""

from __future__ import annotations

import base64
import random
import re
import secrets
import shutil
from pathlib import Path

import pyrage
import pytest

from strongroom.custody.identity import create_file
from strongroom.receipts.commit.signing_key import load_or_create as generate_signer
from tests.support.buckets import keys, overwrite
from tests.support.command import Result
from tests.support.custody.custodian import Custodian
from tests.support.programs import Restic, Strongroom
from tests.support.servers import minio

JUNK = ("99999999.age", "99999998.age", "99999998.sig")


@pytest.fixture
def place(restic: Restic, tmp_path: Path) -> Path:
    """A repository of restic's with a snapshot."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_bytes(random.Random(8).randbytes(30_000))
    restic.init(tmp_path / "r")
    restic.backup(tmp_path / "r", tmp_path / "src")
    return tmp_path / "r"


def test_a_state_goes_elsewhere_and_the_old_one_counts_as_new_afterwards(
    strongroom: Strongroom, place: Path, tmp_path: Path
) -> None:
    """Exported, imported with the recovery identity's file, and a round goes on there; verdicts and pins
    are those of before. The old machine's state is then not the newest, and says so."""
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    (snapshot,) = custodian.verdicts("web01")
    custodian.run("pin", "web01", snapshot, "--why", "the year's end").expect(0)
    exported = custodian.run("export", tmp_path / "file.age").expect(0)
    assert (tmp_path / "file.age").stat().st_mode & 0o77 == 0
    assert custodian.run("export", tmp_path / "file.age").code == 1

    def there(verb: str, *words: str | Path) -> Result:
        identity = tmp_path / "elsewhere" / "identity"
        return strongroom.run(
            "custody", verb, "--state", tmp_path / "elsewhere" / "s", "--identity", identity, *map(str, words)
        )

    Custodian(strongroom, tmp_path / "elsewhere")  # an identity that opens nothing of it, and a state that is no more
    for name in (tmp_path / "elsewhere").glob("*.db*"):
        name.unlink()
    assert "not sealed to this identity" in there("import", tmp_path / "file.age").err
    (tmp_path / "elsewhere" / "identity").write_text(f"{custodian.recovery}\n")
    (tmp_path / "elsewhere" / "identity").chmod(0o600)
    (signed,) = re.findall(r"signed by (\S+)", exported.out)
    another = str(generate_signer(str(tmp_path / "another"), "strongroom-judge").verifier)
    assert "another custodian's judge" in there("import", tmp_path / "file.age", "--signed-by", another).err
    there("import", tmp_path / "file.age", "--signed-by", signed).expect(0)
    assert there("import", tmp_path / "file.age").code == 1
    strongroom.run("custody", "round", "--state", tmp_path / "elsewhere" / "s", "web01").expect(0)
    (row,) = strongroom.run("custody", "snapshots", "--state", tmp_path / "elsewhere" / "s", "web01", "--json").json()
    assert (row["id"], row["verdict"]) == (snapshot, "good")
    custodian.round()
    assert ("rolled-back", "web01") in custodian.incidents("web01")


def test_a_lost_machine_goes_on_by_its_export_and_the_recovery_identity_alone(
    strongroom: Strongroom, place: Path, tmp_path: Path
) -> None:
    """The disk is gone with the identity: the state comes back with an identity of its own, rounds and drills go on,
    and what was printed opens no round."""
    custodian = Custodian(strongroom, tmp_path / "lost")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    custodian.run("export", tmp_path / "file.age").expect(0)
    shutil.rmtree(tmp_path / "lost")
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "recovery.txt").write_text(f"{custodian.recovery}\n")
    (tmp_path / "paper" / "recovery.txt").chmod(0o600)
    custodian.state = tmp_path / "new"
    made = custodian.run("import", tmp_path / "file.age", "--identity", tmp_path / "paper" / "recovery.txt").expect(0)
    assert f"sealed to the identity {tmp_path}/new/identity" in made.out
    assert [path.name for path in (tmp_path / "paper").iterdir()] == ["recovery.txt"]
    custodian.round().expect(0)
    assert custodian.incidents("web01") == []
    custodian.run("drill", "web01").expect(0)
    by_paper = custodian.run("round", "web01", "--identity", tmp_path / "paper" / "recovery.txt")
    assert by_paper.code != 0 and "sealed to another identity" in by_paper.err
    kit = custodian.run("kit", "web01").expect(0).out
    sealed = re.search(r"-----+ sealed.txt -----\n(.*?)\n----- end", kit, re.DOTALL)
    assert sealed is not None
    recovery = pyrage.x25519.Identity.from_str(custodian.recovery)
    assert pyrage.decrypt(base64.b64decode(sealed[1]), [recovery])


def test_where_only_the_paper_is_left_another_custodian_begins(
    strongroom: Strongroom, place: Path, tmp_path: Path
) -> None:
    """State, export, identity and judge's key are gone: what was said can be read by the recovery identity; the new
    custodian says that another is named until that is taken away, as the guide says, and is named then."""
    custodian = Custodian(strongroom, tmp_path / "lost")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    (snapshot,) = custodian.verdicts("web01")
    custodian.run("condemn", "web01", snapshot, "--why", "not ours").expect(0)
    custodian.round()
    shutil.rmtree(tmp_path / "lost")
    recovery = pyrage.x25519.Identity.from_str(custodian.recovery)
    said = [pyrage.decrypt(copy.read_bytes(), [recovery]) for copy in (place / ".strongroom/custody/audit").iterdir()]
    assert any(snapshot.encode() in one and b"condemned" in one for one in said)
    heir = Custodian(strongroom, tmp_path / "new")
    heir.adopt("web01", place)
    for _ in range(2):
        assert "names another custodian" in heir.run("round", "web01", "-q").out
    shutil.rmtree(place / ".strongroom/custody")
    for mark in (place / ".strongroom").glob("custodian*"):
        mark.unlink()
    assert "names another custodian" not in heir.round().out
    assert heir.run("round", "web01", "-q").out.count("another custodian") == 0
    named = (place / ".strongroom/custodian").read_text()
    assert named.strip() in heir.run("export", tmp_path / "file.age").expect(0).out


def test_a_machine_that_lives_for_an_hour(strongroom: Strongroom, place: Path, tmp_path: Path) -> None:
    """The state is in a bucket alone: each command fetches the newest and stores the next. What others put there is
    passed over, and one who was overtaken stores nothing. Exported,
    it goes to another bucket by the identity alone."""
    server = minio.running()
    bucket = f"state-{secrets.token_hex(4)}"
    url = f"{server.bucket(bucket)}/custody"
    identity = tmp_path / "keys" / "identity"
    identity.parent.mkdir()
    strongroom.env |= server.environment | {"STRONGROOM_CUSTODY_IDENTITY": str(identity)}

    def custody(verb: str, *words: str | Path) -> Result:
        return strongroom.run("custody", verb, "--state", url, *map(str, words))

    assert "the identity cannot be read" in custody("status").err
    custody("init").expect(0)
    custody("adopt", "web01", "--store", place).expect(0)
    custody("round", "--all").expect(0)
    held = keys(server, bucket, "custody/state/")
    custody("status").expect(0)
    custody("incidents", "web01").expect(0)
    assert keys(server, bucket, "custody/state/") == held
    last = int(held[-1].rpartition("/")[2][:8])
    overwrite(server, bucket, f"custody/state/{last + 1:08d}.age", b"junk")
    overwrite(server, bucket, f"custody/state/{last + 1:08d}.sig", b"{}\n00\n")
    custody("round", "--all").expect(0)
    assert [one["name"] for one in custody("status", "--json").expect(0).json()] == ["web01"]
    newest = int(keys(server, bucket, "custody/state/")[-1].rpartition("/")[2][:8])
    assert newest == last + 2
    held = keys(server, bucket, "custody/state/")
    for name in JUNK:  # the last that there can be, alone and as a pair
        overwrite(server, bucket, f"custody/state/{name}", b"junk")
    custody("round", "--all").expect(0)
    fresh = set(keys(server, bucket, "custody/state/")) - {*held, *(f"custody/state/{n}" for n in JUNK)}
    assert {name.rpartition("/")[2][:8] for name in fresh} == {f"{newest + 1:08d}"}
    custody("export", tmp_path / "file.age").expect(0)
    (tmp_path / "later").mkdir()
    strongroom.env["STRONGROOM_CUSTODY_IDENTITY"] = str(identity.rename(tmp_path / "later" / "identity"))
    url += "-2"
    custody("import", tmp_path / "file.age").expect(0)
    assert [one["name"] for one in custody("status", "--json").expect(0).json()] == ["web01"]
    assert not list(Path(strongroom.home).rglob("custody.db"))


def test_a_new_identity_opens_a_state_in_a_bucket(strongroom: Strongroom, place: Path, tmp_path: Path) -> None:
    """As the guide says it: seal to the new one, put it in the old one's place, a round; the old one opens no more."""
    server = minio.running()
    url = f"{server.bucket(f'state-{secrets.token_hex(4)}')}/custody"
    identity = tmp_path / "keys" / "identity"
    identity.parent.mkdir()
    strongroom.env |= server.environment | {"STRONGROOM_CUSTODY_IDENTITY": str(identity)}

    def custody(verb: str, *words: str | Path) -> Result:
        return strongroom.run("custody", verb, "--state", url, *map(str, words))

    custody("init").expect(0)
    custody("adopt", "web01", "--store", place).expect(0)
    fresh = create_file(str(tmp_path / "identity.new"))
    custody("reseal", "--to", fresh.recipient).expect(0)
    identity.rename(tmp_path / "identity.old")
    (tmp_path / "identity.new").rename(identity)
    custody("round", "--all").expect(0)
    identity.rename(tmp_path / "identity.new")
    (tmp_path / "identity.old").rename(identity)
    assert custody("status").code == 1


def test_a_catalogue_that_is_read_anew_says_the_same(strongroom: Strongroom, place: Path, tmp_path: Path) -> None:
    """After a rebuild one round reads everything, and verdicts and arrivals are what they were."""
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    before = custodian.run("snapshots", "web01", "--json").expect(0).json()
    custodian.run("rebuild", "web01").expect(0)
    done = custodian.run("round", "web01", "--json").expect(0).lines()[0]
    assert done["read"] == done["objects"]
    assert custodian.run("snapshots", "web01", "--json").expect(0).json() == before
    assert custodian.incidents("web01") == []


def test_a_state_that_is_lost_comes_back_from_the_audit_copies(
    strongroom: Strongroom, place: Path, tmp_path: Path
) -> None:
    """With the identity and the judge's key alone a new state takes pins and arrivals from what rounds wrote beside the
    repository, and counts as new; a state that is there is not begun anew."""
    custodian = Custodian(strongroom, tmp_path / "state")
    assert "state already" in custodian.run("init").err
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    (snapshot,) = custodian.verdicts("web01")
    custodian.run("pin", "web01", snapshot).expect(0)
    custodian.round().expect(0)
    for name in tmp_path.glob("state/*.db*"):
        name.unlink()
    custodian.run("init").expect(0)
    custodian.adopt("web01", place)
    custodian.round().expect(74)
    assert ("rolled-back", "web01") in custodian.incidents("web01")
    (row,) = custodian.run("snapshots", "web01", "--json").expect(0).json()
    assert row["pinned"]
