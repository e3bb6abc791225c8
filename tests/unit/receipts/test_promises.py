"""What a client keeps of promises, and what it finds when the log does not have them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from strongroom.base.errors import Missing, Refused, Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import replace
from strongroom.receipts.client import promise_file as kept_module
from strongroom.receipts.client.gateway_log import Page
from strongroom.receipts.client.key_change import trust
from strongroom.receipts.client.promise_check import LATE_NS, check
from strongroom.receipts.client.promise_file import Kept, PromiseFile
from strongroom.receipts.client.reproach import Fault, Reproach
from strongroom.receipts.log import promise
from tests.support.logs import Log, Shown, make_log, new_signer, rewrite

NOW = 1_800_000_000 * 10**9
PLACE = "rest:http://gateway/web01/"
NAME = ObjectName(Kind.DATA, "ab" * 32)


def keep(folder: Path, log: Log, *numbers: int) -> PromiseFile:
    """Add receipts, and keep their promises."""
    file = PromiseFile(str(folder), PLACE)
    for committed in log.add(*numbers):
        file.keep(NAME, promise.make(log.signer, committed.data), NOW)
    return file


def read(file: PromiseFile) -> Kept:
    """What is kept."""
    found = file.read_promise()
    assert found is not None
    return found


def test_an_honest_gateway_keeps_its_promises(tmp_path: Path) -> None:
    """Promises in the log are checked off, under a pinned key and a head that is held to the next time."""
    log = make_log(tmp_path / "log", 3)
    file = keep(tmp_path, log, 10, 11)
    kept = read(file)
    found = check(Shown(log), kept, NOW, 9)
    assert (found.checked, len(found.left), found.reproaches, found.unanswered) == (0, 2, [], "")  # not sequenced yet
    late = check(Shown(log), kept, NOW + LATE_NS + 1, 9)
    assert (len(late.left), len(late.late), kept.reproaches) == (2, 2, [])  # said, and not held against it
    log.publish()
    found = check(Shown(log), kept, NOW, 9)
    assert (found.checked, found.left, found.reproaches, found.unanswered) == (2, [], [], "")
    assert kept.key == log.verifier
    file.replace(kept)
    keep(tmp_path, log, *range(20, 400))
    log.publish()
    kept = read(file)
    found = check(Shown(log), kept, NOW, 9)
    assert (found.checked, found.left, found.reproaches, found.unanswered) == (380, [], [], "")


@pytest.mark.parametrize("seen", [False, True])
def test_a_dropped_leaf_is_named(tmp_path: Path, seen: bool) -> None:
    """A log that was made anew without a promised leaf is caught by that promise, and by the head, if one was seen."""
    log = make_log(tmp_path / "log", 3)
    log.publish()
    file = keep(tmp_path, log, 10)
    kept = read(file)
    log.publish()
    if seen:
        assert check(Shown(log), kept, NOW, 9).checked == 1
        file.replace(kept)
    keep(tmp_path, log, 11, 12, 13)
    log.publish()
    rewrite(log, 5)
    kept = read(file)
    found = check(Shown(log), kept, NOW, 9)
    lost = [one for one in found.reproaches if one.object]
    assert [one.what for one in lost] == ["its log passes over it"]
    assert promise.check(log.signer.verifier, lost[0].value).sequence == 5
    file.replace(kept)
    kept = read(file)
    assert kept.reproaches == found.reproaches  # until a person has looked
    assert check(Shown(log), kept, NOW, 9).reproaches == []
    assert len(kept.reproaches) == len(found.reproaches)


def seen_log(folder: Path, leaves: int) -> tuple[Log, PromiseFile, Kept]:
    """A log of so many leaves and one more, whose promise was checked off: its key and its head are known."""
    log = make_log(folder / "log", leaves)
    file = keep(folder, log, 10)
    log.publish()
    kept = read(file)
    assert check(Shown(log), kept, NOW, 9).checked == 1
    file.replace(kept)
    return log, file, kept


def test_a_log_that_contradicts_its_past_is_caught(tmp_path: Path) -> None:
    """Shortened, forked, emptied, or under another key: each is a reproach of its own, and the old head is kept."""
    log, _, kept = seen_log(tmp_path, 5)
    before = replace(kept, reproaches=[])
    (late,) = log.add(11)
    old = kept_module.Promise(
        NOW - LATE_NS - 1, promise.make(log.signer, late.data), *promise.contents(promise.make(log.signer, late.data))
    )

    def reproaches(source: Shown) -> str:
        again = replace(before, reproaches=[], promises=[old])
        found = check(source, again, NOW, 9)
        assert again.head == before.head
        assert [one.object for one in again.reproaches] == [one.object for one in found.reproaches]
        return "; ".join(one.what for one in [*found.reproaches, *found.late])

    short = make_log(tmp_path / "short", 3, signer=log.signer)
    assert "shortened: 3 entries, and 6 were signed" in reproaches(Shown(short))
    assert "its log still lacks it" in reproaches(Shown(short))
    fork = make_log(tmp_path / "fork", 9, signer=log.signer)
    assert "does not continue the 6 entries" in reproaches(Shown(fork))
    assert "its log has another receipt in its place" in reproaches(Shown(fork))
    other = make_log(tmp_path / "other", 9)
    assert "not signed by the key that was pinned" in reproaches(Shown(other))


def test_a_key_that_signed_no_promise_is_not_pinned(tmp_path: Path) -> None:
    """A gateway that shows another key than the one that signs its promises is caught at first use."""
    log = make_log(tmp_path / "log", 3)
    kept = read(keep(tmp_path, log, 10))
    log.signer = new_signer()
    found = check(Shown(log), kept, NOW, 9)
    assert ["signed none" in one.what for one in found.reproaches] == [True]
    assert kept.key is None


def test_a_new_key_is_pinned_before_the_first_promise(tmp_path: Path) -> None:
    """A person may pin the key beforehand; another key than the one that signs the log is refused, and no file made."""
    log = make_log(tmp_path / "log", 3)
    log.publish()
    file = PromiseFile(str(tmp_path), PLACE)
    with pytest.raises(Refused):
        trust(Shown(log), file, new_signer().verifier, NOW)
    assert file.read_promise() is None
    done = trust(Shown(log), file, log.signer.verifier, NOW)
    assert (done.changed, done.size, done.aside, done.reproaches) == (True, 3, "", ())
    keep(tmp_path, log, 10)
    log.publish()
    kept = read(file)
    assert (kept.key, check(Shown(log), kept, NOW, 9).checked) == (log.verifier, 1)


def test_promises_of_a_log_that_is_shown_no_more(tmp_path: Path) -> None:
    """What an old log promised and nobody can look up is counted and kept in the old file; it accuses nobody."""
    log, file, _ = seen_log(tmp_path, 3)
    keep(tmp_path, log, 11, 12)
    before = read(file)
    other = make_log(tmp_path / "other", 1)
    keep(tmp_path, other, 20)
    other.publish()
    source = Shown(other)
    assert [one.about_key for one in check(source, read(file), NOW, 9).reproaches] == [True]
    done = trust(source, file, other.signer.verifier, NOW)
    assert (done.checked, done.waiting, done.unchecked, done.reproaches) == (1, 0, 2, ())
    aside = PromiseFile(str(tmp_path), PLACE)
    aside.path = done.aside
    assert [one.value for one in read(aside).promises][:2] == [one.value for one in before.promises]
    kept = read(file)
    assert (kept.key, kept.earlier, kept.promises) == (other.verifier, [log.verifier], [])
    assert check(source, kept, NOW, 9).reproaches == []


def test_who_does_not_answer_is_no_finding(tmp_path: Path) -> None:
    """An unreachable gateway, one without a log, and one whose tiles are missing leave all promises for later."""
    log, file, _ = seen_log(tmp_path, 3)
    keep(tmp_path, log, 11)
    log.publish()

    class Away(Shown):
        def receipts(self, after: int, limit: int) -> Page:  # noqa: ARG002
            raise Unavailable("nobody is there")

    class Tileless(Shown):
        def file(self, path: str) -> bytes:  # noqa: ARG002
            raise Missing("no such thing")

    for source in (Away(log), Tileless(log)):
        kept = read(file)
        found = check(source, kept, NOW + LATE_NS * 2, 9)
        assert (found.checked, len(found.left), found.reproaches) == (0, 1, [])
        assert found.unanswered


def test_the_file_is_bounded_and_survives_half_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond half the limit only some packs are kept, snapshots still; beyond it none; half a line is skipped."""
    monkeypatch.setattr(kept_module, "MOST", 100_000)
    log = make_log(tmp_path / "log")
    (committed,) = log.add(1)
    value = promise.make(log.signer, committed.data)
    file = PromiseFile(str(tmp_path), PLACE)
    for _ in range(2000):
        file.keep(NAME, value, NOW)
    size = os.path.getsize(file.path)
    assert 50_000 < size < 101_500
    for _ in range(200):
        file.keep(ObjectName(Kind.SNAPSHOT, "cd" * 32), value, NOW)
    assert 100_000 < os.path.getsize(file.path) < 101_500
    assert os.stat(file.path).st_mode & 0o777 == 0o600
    whole = len(read(file).promises)
    with open(file.path, "r+b") as raw:
        raw.truncate(os.path.getsize(file.path) - 100)
    assert len(read(file).promises) == whole - 1


def test_of_two_checks_at_once_one_writes_back(tmp_path: Path) -> None:
    """Who read the file before another replaced it writes nothing: promises kept since stay, and a key just pinned."""
    log, file, _ = seen_log(tmp_path, 3)
    keep(tmp_path, log, 11)
    slow = read(file)
    fast = read(file)
    fast.promises, fast.key = [], str(new_signer().verifier)
    assert file.replace(fast)
    keep(tmp_path, log, 12)
    assert not file.replace(slow)
    assert [one.receipt.size for one in read(file).promises] == [12]
    assert read(file).key == fast.key


def test_what_is_kept_while_a_check_runs_is_not_lost(tmp_path: Path) -> None:
    """Promises that arrive between reading and writing back are still there afterwards, once."""
    log = make_log(tmp_path / "log", 3)
    file = keep(tmp_path, log, 10, 11)
    kept = read(file)
    keep(tmp_path, log, 12)
    kept.promises = kept.promises[1:]
    file.replace(kept)
    assert [one.receipt.size for one in read(file).promises] == [11, 12]


@pytest.mark.parametrize("fault", list(Fault))
def test_a_reproach_is_read_as_it_was_written(fault: Fault) -> None:
    """Every fault comes back from its row with all facts."""
    facts = {"entries": 3, "signed": 6, "origin": "a.example/.strongroom/log", "key": "log+1+x", "told": "so it was"}
    one = Reproach(fault, "snapshots/ab", NOW, "value", **facts)  # type: ignore[arg-type]
    assert Reproach.of_row(json.loads(json.dumps(one.row()))) == one


def test_old_sentences_are_read_as_faults() -> None:
    """A file of an older version has sentences alone: each is the fault that it meant, with its numbers."""
    other = "is not signed by the key that was pinned"
    said = {
        "the gateway shows a key for its log that signed none of its promises": (Fault.NO_SIGNER, 0, 0),
        f"its log (a/b) {other} at first use or by a person since, k": (Fault.OTHER_KEY, 0, 0),
        "its log was shortened: 3 entries, and 6 were signed": (Fault.SHORTENED, 3, 6),
        "its log passes over it": (Fault.PASSED_OVER, 0, 0),
    }
    for words, (fault, entries, signed) in said.items():
        read = Reproach.of_row({"what": words, "object": "", "found_ns": NOW, "value": ""})
        assert (read.fault, read.entries, read.signed, read.what) == (fault, entries, signed, words)
    oldest = Reproach.of_row({"what": f"its log (a/b) {other} at first use, k", "object": "", "found_ns": NOW})
    assert (oldest.about_key, oldest.origin, oldest.key) == (True, "a/b", "k")


def test_words_that_nobody_knows_settle_nothing() -> None:
    """A sentence that is none of ours, or a fault of a newer version, is kept as words, and no new key ends it."""
    strange = "it is not signed by the key that was pinned, or so"
    for row in ({"what": strange}, {"what": strange, "fault": "from-the-future"}):
        read = Reproach.of_row({**row, "object": "", "found_ns": NOW})
        assert (read.fault, read.what, read.about_key) == (Fault.TOLD, strange, False)
