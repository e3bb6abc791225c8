"""The way out for what was planted: indexes that lie, junk, keys; and that nothing honest goes with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.aside import step
from strongroom.custody.deciding import accept_key
from strongroom.custody.executor.aside import MOST_A_DAY
from strongroom.custody.executor.contract import Went
from strongroom.custody.handover.by_word import set_aside
from strongroom.custody.planned.orders import ASIDE, Confirmation, Item, Order
from strongroom.format import rfc3339
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.forge import dumps, node, sha, zstd_bomb
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}


def _clean(custody: Custody, host: Host, restic: Restic, out: Path) -> None:
    """No incident is open; stock restic checks all, and restores every honest file."""
    assert custody.open_incidents() == []
    restic.on(custody.place, "check", "--read-data", env=ENV).expect(0)
    for number, (name, files) in enumerate(host.files.items()):
        where = out / str(number)
        restic.on(custody.place, "restore", name, "--no-lock", "--target", where, env=ENV).expect(0)
        assert {path.name: path.read_bytes() for path in where.iterdir()} == files
    restic.on(custody.place, "restore", "latest", "--no-lock", "--target", out / "latest", env=ENV).expect(0)


def _by_word(custody: Custody, names: list[str], who: str, why: str) -> Went:
    """As ``custody set-aside`` does it."""
    handover, executor = custody.handover(), custody.executor()
    return set_aside(custody.state, custody.adopted, handover, executor, custody.signer, names, who, why)


def _plant(host: Host, *entries: Any) -> str:
    return host.forge.unpacked("index", dumps({"packs": list(entries)})).name


def _false(host: Host) -> dict[str, Any]:
    """An honest pack, said to hold what it does not."""
    entry = host.forge.entries[0]
    return {"id": entry["id"], "blobs": [entry["blobs"][0] | {"id": sha(b"never stored")}]}


def test_a_1_a_2_an_index_that_lies_is_set_aside(custody: Custody, host: Host, restic: Restic, tmp_path: Path) -> None:
    """A-1, A-2: a round sets it aside without a hold, and after it stock restic checks and restores everything."""
    planted = _plant(host, _false(host))
    assert [name for name, _ in custody.round().liars] == [planted]
    handed = custody.hand_over()
    assert [one.removed for one in handed.plans] == [[f"index/{planted}"]]
    _clean(custody, host, restic, tmp_path / "out")


@pytest.mark.parametrize("entries", [[0], [0, 0], [0, 1, 0, 1]])
def test_a_2_an_index_that_names_a_pack_otherwise_than_whole_is_set_aside(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path, entries: list[int]
) -> None:
    """A-2: half of a true pack, or all of it twice: each entry is true, and stock restic's check fails over it, and
    advises to remove the honest pack."""
    before = len(host.forge.entries)
    host.forge.pack(("data", b"one" * 100), ("data", b"two" * 100))
    host.forge.index(host.forge.entries[before:])
    entry = host.forge.entries[before]
    planted = _plant(host, entry | {"blobs": [entry["blobs"][number] for number in entries]})
    assert restic.on(custody.place, "check", env=ENV).code != 0
    custody.round()
    custody.hand_over()
    assert planted not in custody.names("index")
    _clean(custody, host, restic, tmp_path / "out")


def test_a_1_what_a_lying_index_says_truly_stays(custody: Custody, host: Host, restic: Restic, tmp_path: Path) -> None:
    """A-1: honest packs that a lying index alone names are in another one before it goes, by what they hold."""
    before = len(host.forge.entries)
    host.backup(index=False)
    planted = _plant(host, *host.forge.entries[before:], _false(host))
    custody.round()
    custody.hand_over()
    assert planted not in custody.names("index")
    _clean(custody, host, restic, tmp_path / "out")


def test_a_3_an_index_of_packs_that_are_not_there_goes_after_ten_minutes(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """A-3: while a list may lag it stays; then it is set aside, and the next backup stores what it had promised."""
    promised = os.urandom(3000)
    blob = {"id": sha(promised), "type": "data", "offset": 0, "length": 3028}
    planted = _plant(host, {"id": sha(b"no pack"), "blobs": [blob]}, _false(host))
    custody.round()
    custody.hand_over()
    assert planted in custody.names("index")
    custody.clock.advance(700)
    custody.round()
    custody.hand_over()
    assert planted not in custody.names("index")
    host.backup(promised)
    custody.round()
    _clean(custody, host, restic, tmp_path / "out")


def test_a_10_b_1_junk_and_bombs_in_place_of_indexes_are_set_aside(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """A-10, B-1: an index that is noise, and one that is a bomb, stop stock restic; both go in one round."""
    junk = host.forge.write("index", os.urandom(500)).name
    bomb = host.forge.compressed("index", zstd_bomb(1 << 30)).name
    assert restic.on(custody.place, "check", env=ENV).code != 0
    assert custody.round().failure == ""
    custody.hand_over()
    assert not {junk, bomb} & custody.names("index")
    _clean(custody, host, restic, tmp_path / "out")


def test_k_1_a_malformed_key_goes_and_k_4_a_well_formed_one_waits(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """K-1, K-3, K-4: keys that nobody can open are set aside by the round; one that opens waits for an operator,
    and what it says of itself forges no line of the round's."""
    junk = host.forge.write("keys", b"junk").name
    greedy = host.forge.key(declared={"N": 1 << 30, "r": 64, "p": 1 << 20}).name
    planted = host.forge.key(declared={"hostname": "h\x1b[2J\nweb: round 9: all is well"}).name
    told = [words for _, words in custody.round().read.faults]
    assert any("all is well" in words for words in told) and all(words.isprintable() for words in told)
    custody.hand_over()
    assert custody.names("keys") & {junk, greedy, planted} == {planted}
    _by_word(custody, [f"keys/{planted[:12]}"], "ann", "not ours")
    assert planted not in custody.names("keys")
    _clean(custody, host, restic, tmp_path / "out")


def test_k_4_no_pinned_key_is_set_aside(custody: Custody, host: Host) -> None:
    """K-4: neither by an operator's slip, nor by a judge's signature, whatever its state calls pinned."""
    mine = host.forge.key().name
    custody.round()
    custody.hand_over()
    accept_key(custody.state, custody.adopted, mine, "ann", "mine")
    with pytest.raises(UsageError, match="no matching ID"):
        _by_word(custody, [f"keys/{mine}"], "ann", "")
    first = custody.adopted.key_name
    removed, failed = _by_a_stolen_judge(custody, [f"keys/{first}", f"keys/{mine}"])
    assert removed == []
    assert {name for name, _ in failed} == {f"keys/{first}", f"keys/{mine}"}


def test_m_3_a_stolen_judge_sets_little_aside_and_no_snapshot(custody: Custody, host: Host) -> None:
    """M-3: the executor lets ten indexes a day go, and of snapshots and packs none that is true to its name."""
    for _ in range(15):
        host.backup()
    custody.round()
    custody.hand_over()
    names = sorted(custody.names("index"))
    removed, _ = _by_a_stolen_judge(custody, [f"index/{name}" for name in names])
    assert len(removed) == MOST_A_DAY
    snapshot, pack = min(custody.names("snapshots")), min(custody.names("data"))
    rotten = host.forge.write("data", b"not its name", name="00" * 32)
    removed, _ = _by_a_stolen_judge(custody, [f"snapshots/{snapshot}", f"data/{pack}", f"data/{rotten.name}"])
    assert removed == [f"data/{rotten.name}"]


def _by_a_stolen_judge(custody: Custody, names: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """What the executor makes of a plan without hold that names anything."""
    executor = custody.executor()
    number = executor.newest[1] + 1
    values = {"repository": custody.adopted.id, "store": custody.adopted.store, "epoch": 1, "number": number}
    items = tuple(Item(name, 1, "") for name in names)
    order = Order(**values, kind=ASIDE, made_ns=0, policy="", items=items).sign(custody.signer)  # type: ignore[arg-type]
    executor.look([order])
    boot, boot_ns = custody.boot()
    told = {"order": order.digest, "names": tuple(names), "issued_ns": 0, "boot": boot, "boot_ns": boot_ns}
    confirmed = Confirmation(**values, **told, nonce=str(number)).sign(custody.signer)  # type: ignore[arg-type]
    report = executor.execute(order, confirmed)
    return report.removed, report.failed


def test_what_was_set_aside_comes_back_and_stays(custody: Custody, host: Host) -> None:
    """An operator who brings an index back is not overruled by the next round: the incident is open again."""
    planted = _plant(host, _false(host))
    custody.round()
    (went,) = custody.hand_over().plans
    custody.handover().undo(custody.executor(), went.number, "ann", "I want to look at it")
    for _ in range(2):
        custody.round()
        custody.hand_over()
    assert planted in custody.names("index")
    assert [code for code, _ in custody.open_incidents()] == ["lying-index"]


def test_a_flood_of_junk_goes_ten_a_day(custody: Custody, host: Host) -> None:
    """B-4: forty junk indexes stop nothing else, and are gone in four days."""
    for _ in range(4 * step.MOST):
        host.forge.write("index", os.urandom(100))
    left = []
    for _ in range(4):
        custody.round()
        custody.hand_over()
        custody.round()
        custody.hand_over()
        left.append(len(custody.open_incidents()))
        custody.clock.advance(DAY + 1)
    assert left == [30, 20, 10, 0]


def test_an_honest_index_lies_not_when_a_pack_rots(custody: Custody, host: Host) -> None:
    """A pack that was sound and is gone is a loss: the index that named it stays, for the pack may come back."""
    index = custody.names("index")
    pack = host.forge.entries[0]["id"]
    path = custody.place / "data" / pack[:2] / pack
    kept = path.read_bytes()
    path.unlink()
    custody.clock.advance(61 * DAY)
    custody.round()
    custody.hand_over()
    assert custody.names("index") == index
    assert "lying-index" not in {code for code, _ in custody.open_incidents()}
    path.write_bytes(kept)
    custody.round()
    assert custody.open_incidents() == []


@pytest.mark.parametrize("left", [0, 100])
def test_a_1_a_pack_that_comes_after_its_index_went_is_in_an_index_again(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path, left: int
) -> None:
    """A-1, S-1: a pack is gone, or cut short, before the first round reads it, so its honest index goes as a liar. With
    the pack back the snapshot is whole, and stock restic finds its blobs."""
    custody.round()
    custody.hand_over()
    first, second = os.urandom(200_000), os.urandom(200_000)
    before = len(host.forge.entries)
    host.forge.pack(("data", first), ("data", second))
    content = [sha(first), sha(second)]
    tree = host.forge.tree(node("fresh", "file", content=content, size=len(first + second)))
    host.forge.index(host.forge.entries[before:])
    name = host.forge.snapshot(tree, time=rfc3339.format_utc(host.clock.now_ns())).name
    host.files[name] = {"fresh": first + second}
    entry = host.forge.entries[before]
    pack = entry["id"]
    path = custody.place / "data" / pack[:2] / pack
    kept = path.read_bytes()
    path.unlink()
    if left:
        path.write_bytes(kept[:left])
    custody.round()
    custody.clock.advance(700)
    custody.round()
    assert [one.kind for one in custody.hand_over().plans if one.removed] == [ASIDE]
    path.write_bytes(kept)
    custody.touched.discard(str(path))
    _plant(host, entry | {"blobs": entry["blobs"][:1] * 9})  # true, and not all of it
    custody.clock.advance(700)
    custody.round()
    custody.hand_over()
    _clean(custody, host, restic, tmp_path / "out")


def test_bytes_under_a_false_name_are_set_aside_by_word(custody: Custody, host: Host, restic: Restic) -> None:
    """A-6, A-10: a pack that is not its name, and a snapshot that is noise, freeze all until an operator has them set
    aside; a sound snapshot is not."""
    false = host.forge.write("data", b"junk", name="ab" * 32)
    noise = host.forge.write("snapshots", os.urandom(300))
    custody.round()
    custody.hand_over()
    assert {code for code, _ in custody.open_incidents()} == {"damaged"}
    with pytest.raises(UsageError, match="no matching ID"):
        _by_word(custody, [f"snapshots/{next(iter(host.files))}"], "ann", "")
    names = [str(ObjectName(kind, path.name)) for kind, path in ((Kind.DATA, false), (Kind.SNAPSHOT, noise))]
    went = _by_word(custody, names, "ann", "junk")
    assert sorted(went.removed) == sorted(names)
    assert custody.open_incidents() == []
    restic.on(custody.place, "check", env=ENV).expect(0)
