"""The threat catalogue: row B-4, while packs are on their way out. What is known to need nothing of them is not walked
anew, and what may need something is."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.custody.deletion.condemning import condemn
from strongroom.custody.planned.packs import condemned_packs
from strongroom.custody.portable.rebuild import forget_catalogue
from tests.attack.custody.floods.test_walks import HONEST, Flood
from tests.support.custody.watched import Watched
from tests.support.forge import Json, node, sha


def leave(watched: Watched, *packs: str) -> None:
    """Write packs down as on their way out, as a judge does."""
    lease = watched.state.claim(watched.adopted.id, "a test")
    condemn(watched.state, lease, watched.adopted.id, packs)
    watched.state.release(lease)


def leaving(watched: Watched) -> set[str]:
    """The packs that are on their way out."""
    return set(condemned_packs(watched.state, watched.adopted.id))


def one_pack(watched: Watched, content: bytes) -> str:
    """The name of a new pack with one blob, which an index names."""
    watched.forge.pack(("data", content))
    watched.index()
    return watched.pack(-1).name


def rounds(watched: Watched, count: int = 3, *, hours: float = 1) -> None:
    """Rounds in each of which something came."""
    for _ in range(count):
        one_pack(watched, b"small %d" % len(watched.forge.entries))
        watched.later(hours=hours)
        assert watched.round().failure == ""


def lacking(*more: Json) -> list[Json]:
    """Entries of a tree: a file that lacks twenty blobs, of which one is waited for, and others."""
    return [node("lacks", "file", content=[sha(b"never %d" % number) for number in range(20)], size=140), *more]


def test_b_4_a_flood_is_walked_once_while_packs_are_on_their_way_out(tmp_path: Path) -> None:
    """B-4: a condemned pack waits, and each round something comes, in the end snapshots over the same trees. An honest
    snapshot is good in the same round."""
    flood = Flood(tmp_path, node("z", "file", content=[sha(b"never")], size=5))
    watched = flood.watched
    watched.snapshot(flood.root)
    flood.round()
    leave(watched, one_pack(watched, b"waste"))
    asked = []
    for number in range(6):
        one_pack(watched, b"small %d" % number)
        if number > 2:
            watched.snapshot(flood.above(number))
        honest = watched.backup(HONEST | {"b": b"new %d" % number * 100})
        asked.append(flood.round())
        assert watched.verdict(honest) == "good"
    assert asked[0] > 0
    assert asked[2:] == [0] * 4


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository in care, with a condemned pack that nothing needs."""
    found = Watched(tmp_path)
    found.backup(HONEST)
    found.adopt()
    found.round()
    leave(found, one_pack(found, b"waste"))
    return found


def test_b_4_a_pack_that_is_condemned_later_returns_for_what_lacks_something(watched: Watched) -> None:
    """B-4: what was known of a tree holds for the packs that were on their way out then, and for no other."""
    needed = one_pack(watched, b"needed")
    below = watched.forge.tree(*lacking(node("needed", "file", content=[sha(b"needed")], size=6)))
    watched.snapshot(watched.forge.tree(node("d", "dir", subtree=below)))
    rounds(watched)
    leave(watched, needed)
    rounds(watched, 1)
    assert needed not in leaving(watched)
    assert len(leaving(watched)) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_b_4_the_last_copy_returns_when_the_other_is_lost(watched: Watched, *, whole: bool) -> None:
    """B-4, A-1: of two copies one was condemned, and the other goes: what needs it was known to need nothing."""
    first = one_pack(watched, b"twice")
    rounds(watched, 1)
    one_pack(watched, b"twice")
    second = watched.pack(-1).name
    needs = node("needs", "file", content=[sha(b"twice")], size=5)
    tree = watched.forge.tree(node("d", "dir", subtree=watched.forge.tree(*([needs] if whole else lacking(needs)))))
    made = watched.snapshot(tree)
    rounds(watched, 1)
    leave(watched, second)
    rounds(watched)
    assert second in leaving(watched)
    (watched.forge.place / "data" / first[:2] / first).unlink()
    rounds(watched, 1)
    assert second not in leaving(watched)
    assert ("incomplete" in watched.reasons(made)) is not whole


def test_b_4_what_comes_below_a_tree_that_lacks_more_is_walked_within_a_week(watched: Watched) -> None:
    """B-4: a tree that was missing comes, and needs a pack that is on its way out; beside it another blob lacks still,
    so that what leads to it is not read again for its sake."""
    needed = one_pack(watched, b"needed")
    late = watched.forge.tree(node("needed", "file", content=[sha(b"needed")], size=6))
    late_pack = watched.pack(-1)
    kept = late_pack.read_bytes()
    watched.snapshot(watched.forge.tree(*lacking(node("late", "dir", subtree=late))))
    late_pack.unlink()
    rounds(watched)
    leave(watched, needed)
    rounds(watched)
    assert needed in leaving(watched)
    late_pack.write_bytes(kept)
    rounds(watched, 8, hours=24)
    assert needed not in leaving(watched)


def test_b_4_what_a_condemned_pack_is_read_to_hold_later_counts(watched: Watched) -> None:
    """B-4: the catalogue is read anew, and a pack on its way out is not read yet: it may hold more than is known."""
    needed = one_pack(watched, b"needed")
    watched.snapshot(watched.forge.tree(*lacking(node("needed", "file", content=[sha(b"needed")], size=6))))
    rounds(watched, 1)
    path = watched.forge.place / "data" / needed[:2] / needed
    content = path.read_bytes()
    leave(watched, needed)
    path.write_bytes(content[:-1])
    lease = watched.state.claim(watched.adopted.id, "a test")
    forget_catalogue(watched.state, lease, watched.adopted, "a test")
    watched.state.release(lease)
    rounds(watched)
    assert needed in leaving(watched)
    path.write_bytes(content)
    rounds(watched, 1)
    assert needed not in leaving(watched)
