"""X-3 at the custodian: its whole state is put back to an older one, the executor's record with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from strongroom.custody.continuity import newest
from strongroom.custody.continuity.records import MOST_NUMBERS, MOST_STRANGERS, ROUNDS
from strongroom.custody.deciding import condemn_snapshot, pin_snapshot, snapshots_of
from strongroom.custody.planned.plans import plan_rows
from strongroom.receipts.commit.signing_key import load_or_create as generate_signer
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, POLICY, Custody, Host
from tests.support.programs import Restic


def keep(custody: Custody, place: Path) -> None:
    """A copy of all that the custodian has of its own."""
    custody.close()
    shutil.copytree(custody.home, place)
    custody.reopen()


def put_back(custody: Custody, place: Path) -> None:
    """The copy in place of what is there."""
    custody.close()
    shutil.rmtree(custody.home)
    shutil.copytree(place, custody.home)
    custody.reopen()


def records(custody: Custody) -> list[str]:
    """The names of the records beside the repository."""
    return sorted(path.name for path in (custody.place / ".strongroom" / ROUNDS).iterdir())


def test_x_3_a_state_that_was_copied_back_counts_as_new(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """X-3: plans that were due are void, a pin made since holds, ages begin at zero, an incident says so until the
    detection window is over; then all goes on, and stock restic restores what every listed snapshot is to hold."""
    days(custody, host, 6, look=False)
    held = plan_rows(custody.state, custody.adopted.id)
    assert held
    keep(custody, tmp_path / "copy")
    pinned, condemned = [row.id for row in snapshots_of(custody.state, custody.adopted)][:2]
    pin_snapshot(custody.state, custody.adopted, pinned, "ann", "the year's end", pinned=True)
    condemn_snapshot(custody.state, custody.adopted, condemned, "ann", "mine")
    host.backup()
    custody.clock.advance(DAY / 2)
    custody.round()
    before = records(custody)
    put_back(custody, tmp_path / "copy")
    custody.clock.advance(3 * DAY)
    left = custody.names("snapshots")
    handed = custody.hand_over()  # the plans of the copy are long due, and the copied record knows nothing newer
    assert [one.removed for one in handed.plans] == []
    assert plan_rows(custody.state, custody.adopted.id) == []
    assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]
    host.backup()
    custody.round()
    rows = {row.id: row for row in snapshots_of(custody.state, custody.adopted)}
    assert rows[pinned].pinned
    assert rows[condemned].operator == "condemned"
    assert min(row.judged_ns for row in rows.values()) > custody.clock.now_ns() - DAY
    assert records(custody)[: len(before)] == before
    assert len(records(custody)) == len(before) + 1
    for _ in range(2):
        days(custody, host, 1, look=False) if not custody.open_incidents() else custody.day()
    assert left <= custody.names("snapshots")
    host.backup()
    custody.day()
    custody.day()
    assert custody.open_incidents() == []
    days(custody, host, 5, look=False)
    assert left - custody.names("snapshots")
    assert pinned in custody.names("snapshots")
    for name in (pinned, max(host.files, key=lambda one: rows[one].arrival_ns if one in rows else 0)):
        target = tmp_path / "out" / name
        restic.run("-r", host.place, "--no-lock", "restore", name, "--target", target).expect(0)
        assert {path.name: path.read_bytes() for path in target.iterdir()} == host.files[name]


def test_x_3_two_copies_of_one_state_see_each_other(custody: Custody, host: Host, tmp_path: Path) -> None:
    """X-3: of two that go on from one state the second one counts as new, each time it comes back."""
    keep(custody, tmp_path / "copy")
    custody.clock.advance(DAY)
    host.backup()
    custody.round()
    keep(custody, tmp_path / "mine")
    put_back(custody, tmp_path / "copy")
    custody.round()
    assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]
    put_back(custody, tmp_path / "mine")
    custody.round()
    assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]


def test_x_3_records_that_were_taken_away_hide_no_later_one(custody: Custody, host: Host, tmp_path: Path) -> None:
    """X-3: a state is put back, and the record that follows its own is deleted: any later one says what happened."""
    keep(custody, tmp_path / "copy")
    days(custody, host, 3, look=False)
    put_back(custody, tmp_path / "copy")
    place = custody.place / ".strongroom" / ROUNDS
    (place / records(custody)[1]).unlink()
    custody.round()
    assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]


def test_x_3_a_store_that_lost_our_own_record_was_rolled_back(custody: Custody, host: Host) -> None:
    """X-3: the store is put back, or somebody deletes there: an incident until the detection window is over; a record
    that is back, or the next one, ends nothing before."""
    days(custody, host, 1, look=False)
    (custody.place / ".strongroom" / ROUNDS / records(custody)[-1]).unlink()
    custody.day()
    assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]
    for _ in range(POLICY.detection - 1):
        host.backup()
        custody.day()
        assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]
    host.backup()
    custody.day()
    assert custody.open_incidents() == []


@pytest.mark.parametrize("junk", [b"", b"{}\n00\n", b"\xff" * 5000])
def test_x_3_files_that_others_wrote_there_beforehand_change_nothing(custody: Custody, host: Host, junk: bytes) -> None:
    """X-3: who can create files there makes those of the next rounds; they are passed over."""
    place = custody.place / ".strongroom" / ROUNDS
    for number in range(1, 5):
        if not (place / f"{number:010d}").exists():
            (place / f"{number:010d}").write_bytes(junk)
    days(custody, host, 2, look=False)
    assert [name for name in records(custody) if name.endswith("-1")] == ["0000000002-1", "0000000003-1"]


@pytest.mark.parametrize("flood", ["numbers", "one number"])
def test_x_3_a_flood_of_files_there_freezes_deleting_and_ends_no_round(
    custody: Custody, host: Host, flood: str
) -> None:
    """X-3: whoever may create there writes records without end: rounds go on, judge and heal, and nothing is deleted
    until they are away; then all is well after the detection window."""
    host.backup()
    custody.round()
    folder = custody.place / ".strongroom" / ROUNDS
    following = f"{int(records(custody)[-1]) + 1:010d}"
    names = [f"{number:010d}" for number in range(5000, 5000 + MOST_NUMBERS + 1)]
    if flood == "one number":
        names = [following, *(f"{following}-{stranger}" for stranger in range(1, MOST_STRANGERS))]
    for name in names:
        (folder / name).write_bytes(b"junk")
    for _ in range(2):
        host.backup()
        assert custody.round().failure == ""
        assert [code for code, _ in custody.open_incidents()] == ["rolled-back"]
    assert {row.verdict for row in snapshots_of(custody.state, custody.adopted)} == {"good"}
    for name in names:
        (folder / name).unlink()
    custody.clock.advance(POLICY.detection * DAY)
    host.backup()
    for _ in range(2):
        assert custody.round().failure == ""
    assert custody.open_incidents() == []


def test_x_3_another_judge_in_the_place_of_ours_is_said_each_round(
    custody: Custody, host: Host, tmp_path: Path
) -> None:
    """X-3: whoever may overwrite there names a judge of his own: nothing goes, each round says why, and once it is
    taken away ours is named again."""
    mark = custody.place / ".strongroom" / "custodian"
    host.backup()
    assert custody.round().obstacle == ""
    ours = mark.read_bytes()
    mark.chmod(0o600)
    mark.write_bytes(f"{generate_signer(str(tmp_path / 'his'), 'his').verifier}\n".encode())
    for _ in range(2):
        assert "names another custodian, his+" in custody.round().obstacle
    mark.unlink()
    assert custody.round().obstacle == ""
    assert mark.read_bytes() == ours


def test_a_round_that_was_killed_before_it_wrote_its_record(
    custody: Custody, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was prepared is written first by the next round, and nothing is taken for copied back."""
    records_before = records(custody)
    custody.clock.advance(DAY)
    host.backup()
    with monkeypatch.context() as patched:
        patched.setattr(newest, "write_record", ended)
        with pytest.raises(KeyboardInterrupt):
            custody.round()
    days(custody, host, 1, look=False)
    assert custody.open_incidents() == []
    assert len(records(custody)) == len(records_before) + 2


def ended(*_: object) -> bool:
    """In place of a write: the process ends here."""
    raise KeyboardInterrupt
