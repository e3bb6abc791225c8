"""What was whole and is not: which snapshots are hurt, where, and that they come back with what they lack."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.base.errors import UsageError
from strongroom.custody.deciding import accept_gone, condemn_snapshot, pin_snapshot, snapshots_of
from strongroom.custody.portable.rebuild import forget_catalogue
from tests.support.custody.watched import Watched

FILES = {"docs/a": b"first " * 100, "docs/b": b"second " * 100, "c": b"third " * 100}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository in care with two good snapshots, the second of which has a file and a pack more."""
    found = Watched(tmp_path)
    found.backup(FILES)
    found.adopt()
    found.round()
    found.later(days=1)
    return found


def test_a_pack_that_goes_makes_bad_what_needs_it_and_names_the_paths(watched: Watched) -> None:
    """The newer snapshot is bad with its path named, the older one stays good; with the pack back both are good."""
    (older,) = (path.name for path in (watched.forge.place / "snapshots").iterdir())
    packs = len(watched.forge.entries)
    newer = watched.backup(FILES | {"docs/new": b"fourth " * 100})
    watched.round()
    path = watched.pack(packs)
    content = path.read_bytes()
    path.unlink()
    watched.later(hours=1)
    outcome = watched.round()
    assert [(one.id, one.verdict) for one in outcome.judged] == [(newer, "bad")]
    assert (watched.verdict(older), watched.verdict(newer)) == ("good", "bad")
    (lost,) = [one for one in watched.incidents() if one.code.value == "lost"]
    assert (lost.object, "/docs/new" in lost.words, "/docs/a" in lost.words) == (f"snapshots/{newer}", True, False)
    later = watched.backup(FILES | {"docs/new": b"fourth " * 100})
    watched.round()
    assert watched.reasons(later) == {"incomplete"}
    path.write_bytes(content)
    watched.later(hours=1)
    watched.round()
    assert (watched.verdict(newer), watched.verdict(later), watched.codes()) == ("good", "good", set())


def test_a_pack_that_rots_is_found_by_reading_again_and_hurts_in_the_same_round(watched: Watched) -> None:
    """Bytes that changed under the same stamp are found in their turn; the round that finds them says what is hurt."""
    path = watched.pack(0)
    content, stamp = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    os.utime(path, ns=(stamp, stamp))
    watched.round()
    assert watched.codes() == set()
    watched.later(days=29)
    watched.round()
    assert {"damaged", "lost"} <= watched.codes()
    path.write_bytes(content)
    watched.later(hours=1)
    watched.round()
    assert watched.codes() == set()


def test_an_altered_stamp_is_read_again_at_once_and_forgiven_where_the_bytes_are_right(watched: Watched) -> None:
    """Touching a pack costs a reading, and no verdict."""
    watched.stamp(watched.pack(0), 5.0)
    outcome = watched.round()
    assert (len(outcome.seen.altered), outcome.read.objects, watched.codes()) == (1, 1, set())
    assert watched.round().seen.altered == []


def test_a_loss_that_hurts_nobody_walks_nothing_and_hurts_nobody(watched: Watched) -> None:
    """A pack that no snapshot needs may rot: that is an incident, and no verdict changes."""
    watched.forge.pack(("data", b"needed by nobody" * 10))
    watched.round()
    watched.pack(-1).write_bytes(b"rot")
    watched.later(hours=1)
    outcome = watched.round()
    assert (watched.codes(), outcome.judged) == ({"altered", "damaged"}, [])


def test_a_second_copy_stands_in_for_the_first(watched: Watched) -> None:
    """A blob that lies in two packs is not lost with one of them."""
    watched.forge.pack(*(("data", content) for content in FILES.values()))
    watched.index()
    watched.round()
    watched.pack(0).unlink()
    watched.later(hours=1)
    outcome = watched.round()
    assert (outcome.judged, "lost" in watched.codes()) == ([], False)


def test_what_was_pinned_or_condemned_stays_so_through_a_loss(watched: Watched) -> None:
    """What an operator said of a snapshot outlives its being hurt and whole again."""
    (only,) = (path.name for path in (watched.forge.place / "snapshots").iterdir())
    pin_snapshot(watched.state, watched.adopted, only, "a test", "", pinned=True)
    path = watched.pack(0)
    content = path.read_bytes()
    for there in (False, True):
        if there:
            path.write_bytes(content)
        else:
            path.unlink()
        watched.later(hours=1)
        watched.round()
        (row,) = snapshots_of(watched.state, watched.adopted)
        assert (row.verdict, row.pinned) == ("good" if there else "bad", 1)


def test_junk_that_goes_is_not_missed_and_what_was_good_is(watched: Watched) -> None:
    """Objects that never were what their names say leave no incident behind; a sound one that goes does."""
    junk = watched.forge.write("index", b"junk")
    watched.round()
    assert watched.codes() == {"damaged"}
    junk.unlink()
    watched.round()
    assert watched.codes() == set()
    next((watched.forge.place / "index").iterdir()).unlink()
    watched.round()
    assert watched.codes() == {"missing", "unindexed"}


def test_an_operator_may_say_that_what_is_gone_is_gone(watched: Watched) -> None:
    """The incident of the pack ends, and what needs it stays bad until it is condemned; nothing is frozen then."""
    (only,) = (path.name for path in (watched.forge.place / "snapshots").iterdir())
    path = watched.pack(0)
    with pytest.raises(UsageError):
        accept_gone(watched.state, watched.adopted, f"data/{path.name}", "a test", "")
    path.unlink()
    watched.later(hours=1)
    watched.round()
    assert watched.codes() == {"missing", "lost"}
    said = accept_gone(watched.state, watched.adopted, path.name[:10], "a test", "burnt")
    assert said == (f"data/{path.name}", False)
    watched.round()
    assert (watched.codes(), watched.verdict(only)) == ({"lost", "lying-index", "unindexed"}, "bad")
    condemn_snapshot(watched.state, watched.adopted, only, "a test", "")
    watched.round()
    assert watched.codes() == {"lying-index"}  # which a round of a judge that signs sets aside


def test_a_pack_that_was_damaged_before_its_first_reading_and_goes_is_a_loss(watched: Watched) -> None:
    """What it should have held is in nobody's hands, whatever was wrong with the pack: `missing` until a host gives
    that again."""
    packs = len(watched.forge.entries)
    hurt = watched.backup(FILES | {"docs/new": b"fourth " * 100})
    path = watched.pack(packs)
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    watched.round()
    assert ("damaged", f"data/{path.name}") in {(one.code.value, one.object) for one in watched.incidents()}
    path.unlink()
    for _ in range(2):
        watched.later(hours=1)
        watched.round()
        assert ("missing", f"data/{path.name}") in {(one.code.value, one.object) for one in watched.incidents()}
        assert watched.verdict(hurt) == "suspicious"
    watched.forge.pack(("data", b"fourth " * 100))
    watched.index()
    watched.later(hours=1)
    watched.round()
    watched.round()
    assert (watched.verdict(hurt), "missing" in watched.codes()) == ("good", False)


def test_a_pack_that_goes_while_the_catalogue_is_read_anew_is_a_loss(watched: Watched) -> None:
    """What it held was just forgotten; nothing counts as whole for that."""
    (only,) = (path.name for path in (watched.forge.place / "snapshots").iterdir())
    lease = watched.state.claim(watched.adopted.id, "a test")
    forget_catalogue(watched.state, lease, watched.adopted, "a test")
    watched.pack(0).unlink()
    watched.later(hours=1)
    watched.round()
    assert ("lost" in watched.codes(), watched.verdict(only)) == (True, "bad")
