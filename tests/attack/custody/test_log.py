"""The threat catalogue: rows X-3, M-2 and W-1, a gateway and a witness in wrong hands, as their custodian sees them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from strongroom.custody.care.changing import change_log
from strongroom.custody.deciding import accept_snapshot, snapshots_of
from strongroom.custody.evidence.pinning import LogPins, accept_log
from strongroom.receipts.commit.rotation import next_origin, rotate
from strongroom.receipts.log.leaf import LeafType
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.custody.logged import URL, Logged
from tests.support.logs import ORIGIN, Log, make_log, new_signer, rewrite
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}
HOUR = 3600


@pytest.fixture
def logged(custody: Custody, tmp_path: Path) -> Logged:
    """A custodian with a pinned log, after a round that believes it."""
    made = Logged(custody, tmp_path)
    made.round()
    assert custody.open_incidents() == []
    return made


def _codes(custody: Custody) -> set[str]:
    return {code for code, _ in custody.open_incidents()}


def _verdict(custody: Custody, snapshot: str) -> str:
    (found,) = (row.verdict for row in snapshots_of(custody.state, custody.adopted) if row.id == snapshot)
    return str(found)


def _restored(custody: Custody, host: Host, restic: Restic, out: Path) -> None:
    """Stock restic restores every honest file."""
    for number, (name, files) in enumerate(host.files.items()):
        where = out / str(number)
        restic.on(custody.place, "restore", name, "--no-lock", "--target", where, env=ENV).expect(0)
        assert {path.name: path.read_bytes() for path in where.iterdir()} == files


def _backup(logged: Logged, host: Host) -> str:
    """An hour later a backup comes through the gateway."""
    logged.clock.advance(HOUR)
    name = host.backup()
    logged.receive()
    logged.clock.advance(HOUR)
    return name


def test_arrival_is_the_receipts(logged: Logged, host: Host) -> None:
    """The gateway's own time counts, to the second; what comes again is no younger."""
    name = _backup(logged, host)
    came_ns = logged.clock.now_ns() - HOUR * 10**9
    logged.round()
    assert logged.evidence(name) == ("receipt", came_ns)
    assert _verdict(logged.custody, name) == "good"
    logged.clock.advance(DAY)
    logged.write(LeafType.CREATE, [("snapshots", name)])
    logged.round()
    assert logged.evidence(name) == ("receipt", came_ns)


@pytest.mark.parametrize("how", ["shortened", "forked", "other key", "emptied"])
def test_x_3_m_2_a_log_that_is_another(how: str, logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """X-3, M-2: a log that was rolled back, rewritten, or is signed by another key is found in the first round; its
    word counts no more, nothing is planned to go, and it stays so until an operator pins a log."""
    custody = logged.custody
    _backup(logged, host)
    logged.round()
    logged.shown = _another(how, logged, tmp_path / "another")
    host.backup()
    outcome = logged.round()
    assert outcome.log.doubt
    assert _codes(custody) == {"log"}
    assert custody.round().plans == [] or all(plan.breakers for plan in custody.round().plans)
    logged.shown = logged.log  # an honest face again is no excuse
    logged.clock.advance(HOUR)
    assert logged.round().log.doubt
    assert _codes(custody) == {"log"}
    logged.receive()
    accept_log(custody.state, custody.adopted, logged.log.verifier, "a test", "it was us")
    assert logged.round().log.receipts > 0
    assert _codes(custody) == set()
    _restored(custody, host, restic, tmp_path / "out")


def _another(how: str, logged: Logged, folder: Path) -> Log:
    if how == "other key":
        return make_log(folder, 100, signer=new_signer(), clock=logged.clock)
    if how == "emptied":
        return make_log(folder, signer=logged.log.signer, clock=logged.clock)
    if how == "shortened":
        return make_log(folder, 2, signer=logged.log.signer, clock=logged.clock)
    made = make_log(folder, 500, signer=logged.log.signer, clock=logged.clock)
    rewrite(made, 3)
    return made


def test_m_2_receipts_that_are_left_out(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """M-2: a gateway that shows this repository's receipts with gaps is caught by their chain."""
    _backup(logged, host)
    rewrite(logged.log, 1)  # before the first head was pinned, as far as a custodian knows that pins now
    accept_log(logged.custody.state, logged.custody.adopted, logged.log.verifier, "a test", "")
    assert "are left out" in logged.round().log.doubt
    assert "log" in _codes(logged.custody)
    _restored(logged.custody, host, restic, tmp_path / "out")


@pytest.mark.parametrize("by", [-40 * DAY, 40 * DAY])
def test_m_2_a_gateway_that_makes_up_times(by: int, logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """M-2, R-1: a receipt that is dated weeks off is clamped to what rounds prove, and that is an incident."""
    custody = logged.custody
    last_ns = logged.clock.now_ns()
    logged.clock.advance(HOUR)
    name = host.backup()
    logged.receive(at_ns=logged.clock.now_ns() + by * 10**9)
    logged.clock.advance(HOUR)
    logged.round()
    by_what, arrival_ns = logged.evidence(name)
    assert by_what == "receipt"
    assert last_ns <= arrival_ns <= logged.clock.now_ns()
    assert "clock" in _codes(custody)
    _restored(custody, host, restic, tmp_path / "out")


def test_x_3_what_comes_past_the_gateway(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """X-3, S-1: a snapshot without a receipt waits a round, then it is `unlogged` and suspicious, until a person has
    accepted it; what the log alone has is `missing`."""
    custody = logged.custody
    logged.clock.advance(HOUR)
    name = host.backup()
    logged.round()
    assert _verdict(custody, name) == "pending"
    logged.clock.advance(HOUR)
    outcome = logged.round()
    assert f"snapshots/{name}" in outcome.log.unlogged
    assert (_verdict(custody, name), "unlogged" in _codes(custody)) == ("suspicious", True)
    logged.receive()  # the operator had the gateway adopt it
    accept_snapshot(custody.state, custody.adopted, name, "a test", "")
    logged.write(LeafType.CREATE, [("data", "ab" * 32)])
    outcome = logged.round()
    assert (outcome.log.unlogged, outcome.log.only_in_log) == ([], [f"data/{'ab' * 32}"])
    assert _codes(custody) == {"missing"}
    logged.write(LeafType.RECONCILED, [("data", "ab" * 32)])
    logged.round()
    assert _verdict(custody, name) == "good"
    _restored(custody, host, restic, tmp_path / "out")


def test_what_the_custodian_does_itself_is_no_incident(logged: Logged, host: Host) -> None:
    """Days in which snapshots and packs go and indexes are written anew past the gateway: nothing is unlogged."""
    custody = logged.custody
    went = 0
    for _ in range(9):
        logged.clock.advance(DAY / 2)
        host.backup()
        custody.settle()
        logged.receive()
        logged.clock.advance(DAY / 2)
        outcome = logged.round()
        assert (outcome.log.unlogged, outcome.log.doubt) == ([], "")
        went += sum(len(one.removed) for one in custody.hand_over().plans)
        assert _codes(custody) == set()
    assert went > 0


def test_w_1_a_witness_that_lies(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """W-1: a witness that shows heads which the log never signed is an incident of its own, and the log is believed;
    one that saw another past under the log's own key convicts the log."""
    custody = logged.custody
    logged.watched()
    name = _backup(logged, host)
    logged.round()
    assert _codes(custody) == set()
    assert _verdict(custody, name) == "good"
    liar = make_log(tmp_path / "lie", 3, clock=logged.clock)
    (memory,) = (tmp_path / "witness").glob("*.checkpoint")
    honest = memory.read_bytes()
    memory.write_bytes(_newest(liar))
    logged.round()
    assert _codes(custody) == {"witness"}
    memory.write_bytes(honest)
    logged.round()
    assert _codes(custody) == set()
    other = make_log(tmp_path / "other", 400, signer=logged.log.signer, clock=logged.clock)
    memory.write_bytes(_newest(other))
    assert "witness saw" in logged.round().log.doubt
    assert "log" in _codes(custody)
    _restored(custody, host, restic, tmp_path / "out")


def _newest(log: Log) -> bytes:
    return log.checkpoint().read_bytes()


def test_x_3_an_old_state_of_the_gateway_after_ours_is_gone_too(
    logged: Logged, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """X-3: where our own state is old as well, the witness remembers that the log was longer."""
    logged.watched()
    database = logged.custody.home / "state" / "custody.db"
    logged.round()
    logged.custody.state.close()
    shutil.copy(database, tmp_path / "old.db")
    logged.custody.reopen()
    old = _copy(logged.log, tmp_path / "copy")
    _backup(logged, host)
    logged.round()
    logged.custody.state.close()
    shutil.copy(tmp_path / "old.db", database)
    logged.custody.reopen()
    logged.shown = old
    assert "an old state" in logged.round().log.doubt
    assert "log" in _codes(logged.custody)
    _restored(logged.custody, host, restic, tmp_path / "out")


def _copy(log: Log, folder: Path) -> Log:
    """The log as it is now, as whoever copies the gateway's machine has it."""
    log.database.close()
    shutil.copytree(log.folder, folder)
    log.database = make_log(log.folder, signer=log.signer, clock=log.clock).database
    return make_log(folder, signer=log.signer, clock=log.clock)


@pytest.mark.parametrize("verb", ["accept", "change"])
def test_m_2_a_rotated_log_goes_on_where_the_old_one_ended(logged: Logged, host: Host, verb: str) -> None:
    """M-2: another key freezes until an operator names it, by either verb; then the first receipt of the new log
    follows those of the old one, whose word was proven, and dates what comes."""
    origin = next_origin(ORIGIN)
    rotate(logged.log.database, origin, [logged.log.checkpoint().read_bytes()], logged.clock)
    logged.log = logged.shown = dataclasses.replace(
        logged.log, folder=logged.folder / "log2", signer=new_signer(origin)
    )
    logged.log.publish()
    logged.round()
    assert _codes(logged.custody) == {"log"}
    state, adopted = logged.custody.state, logged.custody.adopted
    if verb == "accept":
        accept_log(state, adopted, logged.log.verifier, "us", "rotated")
    else:
        change_log(state, adopted, LogPins(URL, logged.log.verifier), "us", "rotated")
    names = [_backup(logged, host) for _ in range(2)]
    outcome = logged.round()
    assert (outcome.log.doubt, _codes(logged.custody)) == ("", set())
    assert [logged.evidence(name)[0] for name in names] == ["receipt", "receipt"]
