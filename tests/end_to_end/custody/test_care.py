"""A repository's care as a whole: what is in it, letting go, taking up again, reading again, sealing anew."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from strongroom.base.objects import Kind
from strongroom.custody.care.releasing import release, take_up_again
from strongroom.custody.identity import create_file
from strongroom.custody.mark import make_mark, read_mark, release_mark
from strongroom.custody.sources import change_source, sources_of
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.receipts.log.note import Signer
from strongroom.storage.local.store import LocalStore
from tests.support.clock import ManualClock
from tests.support.custody.custodian import Custodian
from tests.support.custody.fixtures import custody, days, host
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD

__all__ = ["custody", "host"]
ID = "4f" * 32


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at no special moment."""
    return ManualClock(1_800_000_000 * 10**9)


def test_the_mark_goes_from_one_custodian_to_the_next(tmp_path: Path) -> None:
    """Only who is named can release; then another is named; what does not fit into its place says nothing."""
    (tmp_path / "r").mkdir()
    store = LocalStore(str(tmp_path / "r"))
    first, second = (load_or_create(str(tmp_path / name), "strongroom-judge") for name in ("one", "two"))
    make_mark(store, ID, str(first.verifier))
    make_mark(store, ID, str(second.verifier))
    assert read_mark(store, ID) == str(first.verifier)
    assert not release_mark(store, ID, second)
    (tmp_path / "r" / ".strongroom" / "custodian.1").write_text("released bm9ib2R5\n")
    assert read_mark(store, ID) == str(first.verifier)
    assert release_mark(store, ID, first)
    assert read_mark(store, ID) is None
    make_mark(store, ID, str(second.verifier))
    assert read_mark(store, ID) == str(second.verifier)


def test_m_3_a_release_counts_for_its_own_repository_alone(tmp_path: Path) -> None:
    """M-3: whoever may create in `.strongroom/` copies the release of another repository of the same custodian, or one
    that names none, and hands the repository to a custodian of his own."""
    signer = load_or_create(str(tmp_path / "judge"), "strongroom-judge")
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        places.append(LocalStore(str(tmp_path / name)))
        make_mark(places[-1], name * 20, str(signer.verifier))
    assert release_mark(places[0], "one" * 20, signer)
    (copied,) = (tmp_path / "one" / ".strongroom").glob("custodian.1")
    for planted in (copied.read_bytes(), _old_release(signer)):
        path = tmp_path / "two" / ".strongroom" / "custodian.1"
        path.write_bytes(planted)
        assert read_mark(places[1], "two" * 20) == str(signer.verifier)


def _old_release(signer: Signer) -> bytes:
    """As it was signed before it named a repository."""
    return b"released " + base64.b64encode(signer.sign_bytes(b"strongroom custody release 1")) + b"\n"


def test_release_ends_plans_and_undo_goes_on(custody: Custody, host: Host) -> None:
    """What was held goes never; the executor would not either; taken up again the next round knows everything."""
    days(custody, host, 5)
    assert custody.round().plans
    adopted, executor = custody.adopted, custody.executor()
    store = LocalStore(str(custody.place))
    words = {"holder": "test", "who": "ann", "why": "it moves"}
    ended = release(
        custody.state, adopted, store, custody.signer, lambda one: executor.forbid(one, "released"), **words
    )
    assert ended
    assert custody.state.repositories() == []
    assert executor.waits(ended[0]) == "released"
    assert read_mark(store, adopted.id) is None
    take_up_again(custody.state, "web", "ann", "it came back")
    custody.clock.advance(DAY)
    assert custody.round().failure == ""
    assert read_mark(store, adopted.id) == str(custody.signer.verifier)


def test_a_retired_source_lets_go_though_nothing_new_comes(custody: Custody, host: Host) -> None:
    """Without the word nothing goes once its newest good snapshot is old; with it windows and floor decide; a snapshot
    that comes after all ends the retirement."""
    days(custody, host, 6)
    custody.clock.advance(20 * DAY)
    assert not any(plan.remove for plan in custody.round().plans)
    (name,) = (one.name for one in sources_of(custody.state, custody.adopted))
    change_source(custody.state, custody.adopted, name, "ann", retired=True, why="switched off")
    custody.clock.advance(DAY)
    going = [one for plan in custody.round().plans for one in plan.remove]
    assert going
    assert len(going) < len(custody.names("snapshots"))
    host.backup()
    custody.round()
    custody.clock.advance(20 * DAY)
    assert not any(plan.remove for plan in custody.round().plans)


def test_reading_again_listing_and_another_identity(strongroom: Strongroom, tmp_path: Path, clock: ManualClock) -> None:
    """``verify`` finds what rots between turns; ``repositories`` lists; with a new identity rounds go on, and with the
    old one they do not."""
    made = Host(tmp_path / "repository", clock)
    made.backup()
    for name in ("RESTIC_PASSWORD", "STRONGROOM_PASSWORD"):
        strongroom.env[name] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", made.place)
    custodian.round()
    (listed,) = custodian.run("repositories", "--json").expect(0).json()
    assert (listed["name"], listed["store"], listed["policy"]["daily"]) == ("web01", str(made.place), 14)
    assert "0 not right" in custodian.run("verify", "web01").expect(0).out

    fresh = create_file(str(tmp_path / "identity.new"))
    custodian.run("reseal", "--to", fresh.recipient, "web01").expect(0)
    assert custodian.round().code == 1
    (custodian.state / "identity").write_bytes((tmp_path / "identity.new").read_bytes())
    assert custodian.round().code in (0, 73)

    pack = made.forge.entries[0]["id"]
    path = made.place / "data" / pack[:2] / pack
    stamp = path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    os.utime(path, ns=(stamp, stamp))
    found = custodian.run("verify", "web01", f"{Kind.DATA.value}/{pack[:12]}", "--json")
    assert found.code == 75
    assert [name for name, _ in found.json()["faults"]] == [f"data/{pack}"]
    assert ("damaged", f"data/{pack}") in custodian.incidents("web01")
