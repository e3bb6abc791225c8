"""S-1, X-3, G-1: somebody writes beside the repository, with a host's token or with the bucket's own rights, so that a
person restores the wrong snapshot on the worst day."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import Missing, Refused
from strongroom.custody.drills.newest_list import FoundList, newest_list
from strongroom.custody.good.text import FOLDER, GoodList, GoodSnapshot, GoodSource, file_name
from strongroom.custody.recovery.signing import recovery_signer
from strongroom.receipts.log.note import Signer
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.repository_files import files_beside
from tests.support.buckets import delete, keys, overwrite
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.programs import Strongroom
from tests.support.servers import minio
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway

PLACE = f".strongroom/{FOLDER}"
STRANGER = recovery_signer("AGE-SECRET-KEY-1STRANGER")
EVIL = "ee" * 32


def found(custody: Custody, at_least: int = 0) -> FoundList:
    """What a person without the state reads from the store."""
    return newest_list(files_beside(custody.store()), custody.signer.verifier, custody.adopted.id, at_least=at_least)


def put(custody: Custody, data: bytes, name: str) -> None:
    """Write a file there, as whoever has the folder does."""
    (custody.place / PLACE / name).write_bytes(data)


def forged(custody: Custody, number: int, signer: Signer = STRANGER) -> tuple[bytes, str]:
    """A list that calls the intruder's snapshot good."""
    time = "2027-01-20T00:00:00Z"
    source = GoodSource("web:/", 1, (GoodSnapshot(EVIL, time, time, time),))
    data = GoodList(custody.adopted.id, number, time, "", (source,)).sign(signer)
    return data, file_name(number, data)


def later(custody: Custody, host: Host) -> None:
    """A day with a backup and a round, which writes a list."""
    host.backup()
    custody.clock.advance(DAY)
    custody.round()


@pytest.fixture
def two(custody: Custody, host: Host) -> Custody:
    """A custodian that wrote two lists."""
    later(custody, host)
    return custody


def test_s_1_a_forged_list_is_passed_over_and_named(two: Custody) -> None:
    """S-1: by another key, with the highest number there is, and whatever else lies there; ours is shown all the same,
    by a folder's own name and by none of theirs."""
    true = found(two)
    data, name = forged(two, 9_999_999_999)
    put(two, data, name)
    put(two, b"x" * (33 << 20), file_name(9_999_999_998, b""))
    ours = (two.place / PLACE / true.name).read_bytes()
    changed = ours.replace(true.list.sources[0].snapshots[0].id.encode(), EVIL.encode())
    assert changed != ours
    put(two, changed, file_name(5_000_000_000, changed))
    put(two, b"", "readme")
    seen = found(two)
    assert (seen.list, seen.name, seen.doubt) == (true.list, true.name, "")
    assert [one for one, _ in seen.passed] == [name, file_name(9_999_999_998, b""), file_name(5_000_000_000, changed)]
    unsigned, large, unlike = (why for _, why in seen.passed)
    assert large == "cannot be read: is too large for a file of ours"
    assert {unsigned, unlike} <= {"is not signed by this custodian", "has no signature"}
    two.round()
    assert found(two).list == true.list


def test_s_1_a_list_of_another_repository_in_the_same_care_is_none_of_this(two: Custody) -> None:
    """S-1: the same judge signed it, so the signature alone says nothing: the ID does."""
    time = "2027-01-20T00:00:00Z"
    data = GoodList("cd" * 32, 77, time, "", ()).sign(two.signer)
    put(two, data, file_name(77, data))
    seen = found(two)
    assert seen.passed == ((file_name(77, data), f"is of another repository, {'cd' * 32}"),)
    assert seen.list.repository == two.adopted.id


def test_x_3_an_old_list_under_a_newer_number_is_named(two: Custody) -> None:
    """X-3: bytes of the first list under the name of a later one: signed, and not what the name says."""
    first, second = sorted(path.name for path in (two.place / PLACE).iterdir())
    name = f"0000000099-{first[11:]}"
    put(two, (two.place / PLACE / first).read_bytes(), name)
    seen = found(two)
    assert seen.name == second
    ((passed, why),) = seen.passed
    assert passed == name
    assert why.startswith("is list 1, of 2027-")


def test_x_3_a_list_that_was_taken_away_is_missed_by_what_the_last_round_signed(two: Custody, host: Host) -> None:
    """X-3: the newest list is gone, or junk stands in its place; then the records as well; then all as it was once. The
    old one is shown with its number and date, and never without a doubt."""
    later(two, host)
    names = sorted(path.name for path in (two.place / PLACE).iterdir())
    newest = two.place / PLACE / names[-1]
    kept = newest.read_bytes()
    newest.write_bytes(b"junk")
    seen = found(two)
    assert (seen.list.number, seen.list.before) == (2, names[0])
    assert f"names list {names[-1]}, which has no signature: this one is older" in seen.doubt
    newest.unlink()
    assert f"names list {names[-1]}, which is not there: this one is older" in found(two).doubt
    shutil.copytree(two.place / ".strongroom/custody/rounds", two.home / "rounds")
    (two.place / ".strongroom/custody/rounds/0000000003").unlink()
    seen = found(two)
    assert (seen.list.number, seen.doubt) == (2, "")
    assert "it is list 2, of 2027-" in found(two, at_least=3).doubt
    assert "and list 3 was written" in found(two, at_least=3).doubt
    shutil.rmtree(two.place / ".strongroom/custody/rounds")
    assert "no record of a round by this key is there" in found(two).doubt
    shutil.copytree(two.home / "rounds", two.place / ".strongroom/custody/rounds")
    newest.write_bytes(kept)
    assert found(two, at_least=3).doubt == ""
    for name in names:
        (two.place / PLACE / name).unlink()
    with pytest.raises(Missing, match="no list of good snapshots by this key"):
        found(two)


def test_s_1_a_crowd_of_files_conceals_nothing(two: Custody) -> None:
    """S-1: a thousand files that look like later lists: what the last round's record names is shown all the same. Where
    the records are gone, too, the reader ends, says so in words, and what to do."""
    true = found(two)
    for number in range(1000):
        put(two, b"junk", f"{9_000_000_000 + number}-{'0' * 32}")
    seen = found(two)
    assert (seen.list, seen.doubt, len(seen.passed)) == (true.list, "", 100)
    two.round()
    shutil.rmtree(two.place / ".strongroom/custody/rounds")
    with pytest.raises(Refused, match="others wrote 100 files there") as refused:
        found(two)
    assert "Take what is not the custodian's away" in refused.value.hint


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway."""
    with Gateway(tmp_path / "gateway", flags=("--append-only",), users={"x": "y"}) as made:
        yield made


def test_g_1_a_hosts_token_neither_reads_nor_writes_there(gateway: Gateway) -> None:
    """G-1, R-13: what the host's own token can do to the list at the gateway is nothing at all."""
    words = ("principal", "add", "web01", "--repository", "r", "--role", "host")
    token = f"web01:{operate(gateway, *words)[1].strip()}"
    assert gateway.ask("POST", "/r/?create=true", user=token).status == 200
    for path in (f"{PLACE}/0000000001-{'0' * 32}", f"{PLACE}/"):
        for method in ("GET", "PUT", "POST", "DELETE"):
            assert gateway.ask(method, f"/r/{path}", body=b"x", user=token).status == 403, (method, path)


def test_s_1_who_writes_the_bucket_is_named_by_the_command(custody: Custody, strongroom: Strongroom) -> None:
    """S-1, X-3: by the bucket's own rights a forged list is put there, then the true one deleted: the command without
    state, password or identity names the first, and for the second ends with 75; a wrong key shows nothing."""
    server, bucket = minio.running(), f"vault-{secrets.token_hex(4)}"
    url = f"{server.bucket(bucket)}/web01"
    strongroom.env.update(server.environment)
    with open_store(url, StoreOptions(environment=server.environment)) as store:
        files = files_beside(store)
        for kind in (FOLDER, "custody/rounds"):
            for path in sorted((custody.place / ".strongroom" / kind).iterdir()):
                files.write_once(f"{kind}/{path.name}", path.read_bytes())
    (name,) = (key.rpartition("/")[2] for key in keys(server, bucket, f"web01/{PLACE}/"))
    data, evil = forged(custody, 9)
    overwrite(server, bucket, f"web01/{PLACE}/{evil}", data)
    words = ["custody", "last-good", "--store", url, "--repository", custody.adopted.id, "--judge"]
    shown = strongroom.run(*words, str(custody.signer.verifier)).expect(0)
    (good,) = (path.name for path in (custody.place / "snapshots").iterdir())
    assert f"restic -r {url} restore {good} --target /somewhere --no-lock" in shown.out
    assert EVIL not in shown.out
    assert f"passed over {evil}, which is not signed by this custodian" in shown.err
    wrong = strongroom.run(*words, str(STRANGER.verifier), "--at-least", "1")
    assert (wrong.code, "may not be the newest" in wrong.err) == (75, True)
    delete(server, bucket, f"web01/{PLACE}/{evil}")
    assert strongroom.run(*words, str(STRANGER.verifier)).expect(1).out == ""
    old = GoodList(custody.adopted.id, 0, "2026-12-01T00:00:00Z", "", ()).sign(custody.signer)
    overwrite(server, bucket, f"web01/{PLACE}/{file_name(0, old)}", old)
    delete(server, bucket, f"web01/{PLACE}/{name}")
    shown = strongroom.run(*words, str(custody.signer.verifier))
    assert shown.code == 75
    assert f"names list {name}, which is not there: this one is older" in shown.err
    assert "This is list 0, of 2026-12-01T00:00:00Z; the newest round there is 1, of 2027-" in shown.out
