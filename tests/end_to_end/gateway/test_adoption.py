"""A folder that others filled: what is odd in it keeps nothing else from being adopted, and what came late is told."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from strongroom.receipts.log.leaf import LeafType
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until

NOW = 1_700_000_000


def fill(folder: Path, count: int = 3) -> None:
    """A repository as rest-server leaves it."""
    for kind in ("data", "index", "keys", "locks", "snapshots"):
        (folder / kind).mkdir(parents=True)
    (folder / "config").write_bytes(b"config of " + folder.name.encode())
    for number in range(count):
        put(folder, "keys" if number == 0 else "index", b"object %d" % number)


def put(folder: Path, kind: str, data: bytes, stamp: int = NOW) -> Path:
    """An object, with a date."""
    path = folder / kind / (name_of(data)[:2] if kind == "data" else "") / name_of(data)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (stamp, stamp))
    return path


def adopted(gateway: Gateway) -> list[tuple[str, int]]:
    """Names of what was adopted, with the time of each."""
    return [(one.name, one.time_ns) for one in leaves(gateway) if one.type is LeafType.ADOPTED]


def settled(gateway: Gateway) -> bool:
    """Whether nothing is left to adopt."""
    return gateway.rows("SELECT count(*), sum(adopting) FROM repository") == [(2, 0)]


def test_odd_files_are_adopted_or_named_and_keep_nothing_back(tmp_path: Path) -> None:
    """Dates before 1970 or still to come get a date that fits; what is no regular file is passed over;
    everything else in this repository and in the others is adopted, and reconcile works."""
    gateway = Gateway(tmp_path)
    first, second = gateway.data / "first", gateway.data / "second"
    fill(first)
    fill(second)
    old = put(first, "keys", b"a key from 1969", -30_000_000)
    far = put(first, "index", b"an index of 2400", 13_600_000_000)
    huge = put(first, "data", b"sparse")
    os.truncate(huge, 1 << 40)
    wrong = put(first, "snapshots", b"a snapshot")
    wrong.write_bytes(b"other bytes than the name says")
    (first / "index" / "A weird\nname \udcff").write_bytes(b"x")
    (first / "index" / ("a" * 64)).mkdir()
    os.mkfifo(first / "index" / ("b" * 64))
    (first / "index" / ("c" * 64)).symlink_to("/etc/passwd")
    put(first, "index", b"unreadable").chmod(0)
    before = time.time_ns()
    with gateway:
        until(lambda: settled(gateway), gateway.said)
        assert gateway.ask("GET", "/health").json()["problems"] == []
        assert "error" not in gateway.said()
        code, said = operate(gateway, "reconcile", "first", "--reason", "looked \a at it")
        assert (code, said) == (0, "0 objects have gone, 0 were there without a receipt\n")
    all_of_them = adopted(gateway)
    assert len(all_of_them) == 4 + 5 + 4
    found = dict(all_of_them)
    assert found[old.name] == 0
    assert before <= found[far.name] <= time.time_ns()
    assert {huge.name, wrong.name} <= set(found)


def test_a_folder_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    """A kind's folder that is something else is named on standard error; other kinds and repositories are adopted."""
    gateway = Gateway(tmp_path)
    fill(gateway.data / "first")
    fill(gateway.data / "second")
    (gateway.data / "first/snapshots").rmdir()
    (gateway.data / "first/snapshots").write_bytes(b"no folder")
    put(gateway.data / "first", "data", b"a pack")
    with gateway:
        until(lambda: settled(gateway), gateway.said)
        assert "first/snapshots" in gateway.said()
    assert len(adopted(gateway)) == 2 * 4 + 1


@pytest.mark.parametrize("workers", [1, 2])
def test_s_1_what_came_while_another_server_ran_is_adopted_and_told(tmp_path: Path, workers: int) -> None:
    """S-1: objects that were stored in the folder meanwhile have receipts after the next start, once, and standard
    error, the log and /health say so until an operator has explained it."""
    with Gateway(tmp_path, workers=workers) as gateway:
        gateway.make()
        assert gateway.put(f"/web01/data/{name_of(b'ours')}", b"ours") == 200
        gateway.stop()
        late = [put(gateway.data / "web01", kind, kind.encode()).name for kind in ("data", "index", "snapshots")]
        gateway.start()
        words = "objects that had come past the gateway and were adopted at its start: 3"
        until(lambda: words in gateway.ask("GET", "/health").json()["warnings"], gateway.said, pause=0.1)
        assert "objects that had come past the gateway were adopted: 3 (" in gateway.said()
        assert operate(gateway, "reconcile", "web01", "--reason", "rest-server ran")[0] == 0
        until(lambda: words not in gateway.ask("GET", "/health").json()["warnings"], gateway.said)
        gateway.stop()
        gateway.start()
    receipts = leaves(gateway)
    assert sorted(one.name for one in receipts if one.type is LeafType.ADOPTED) == sorted(late)
    assert sum(one.type is LeafType.ALARM for one in receipts) == 1


def test_a_copied_folder_is_named_and_gets_an_id_of_its_own(tmp_path: Path) -> None:
    """A folder that ``cp -a`` made beside its original is named once and counted; after ``new-id`` panic and receipts
    are its own, while the gateway runs; a folder that is no copy, or was renamed, keeps its ID."""
    with Gateway(tmp_path) as gateway:
        gateway.make()
        assert gateway.put(f"/web01/data/{name_of(b'ours')}", b"ours") == 200
        shutil.copytree(gateway.data / "web01", gateway.data / "web02", copy_function=shutil.copy2)
        assert gateway.put(f"/web02/data/{name_of(b'in the copy')}", b"in the copy") == 200
        words = "folders with the ID of another repository, which they were copied from: 1"
        assert words in gateway.ask("GET", "/health").json()["warnings"]
        assert gateway.said().count("alarm: web02 has the ID of web01") == 1
        assert operate(gateway, "new-id", "web01")[0] != 0
        code, said = operate(gateway, "new-id", "web02")
        assert code == 0, said
        until(lambda: words not in gateway.ask("GET", "/health").json()["warnings"], gateway.said)
        assert said.strip() == (gateway.data / "web02/.strongroom/id").read_text().strip()
        assert said.strip() != (gateway.data / "web01/.strongroom/id").read_text().strip()
        assert operate(gateway, "panic", "web01")[0] == 0
        until(lambda: gateway.put(f"/web01/data/{name_of(b'x')}", b"x") == 403, gateway.said)
        until(lambda: gateway.put(f"/web02/data/{name_of(b'y')}", b"y") == 200, gateway.said)
        (gateway.data / "web02").rename(gateway.data / "web03")
        assert gateway.put(f"/web03/data/{name_of(b'z')}", b"z") == 200
        assert words not in gateway.ask("GET", "/health").json()["warnings"]
    mine = [one for one in leaves(gateway) if one.repository == said.strip()]
    assert {one.name for one in mine} >= {name_of(b"ours"), name_of(b"in the copy"), name_of(b"y"), name_of(b"z")}
