"""Tags of a snapshot change as restic's command changes them."""

from __future__ import annotations

from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.replacing import with_tags, without_tags
from strongroom.maintenance.tag import TagChange

NAME = "a" * 64


def tagged(*tags: str, original: str = "") -> Snapshot:
    return Snapshot(time=Timestamp(0), tree="0" * 64, paths=("/x",), tags=tags, original=original)


def test_tags_are_added_behind_and_removed_as_restic_does() -> None:
    """What is there is not added again; the last tag takes the place of a removed one."""
    assert with_tags(("a", "b"), ("b", "c", "c")) == ("a", "b", "c")
    assert without_tags(("a", "b", "c"), ("a", "nothing")) == ("c", "b")


def test_nothing_changes_nothing() -> None:
    """Tags that are there, or are not there to be removed, make no new snapshot; nor does none in place of none."""
    assert TagChange(add=("a",), remove=("z",)).apply(NAME, tagged("a")) is None
    assert TagChange(set=()).apply(NAME, tagged()) is None


def test_the_first_id_is_remembered() -> None:
    """A snapshot names the one that it was first, over any number of changes; unknown fields stay."""
    first = TagChange(set=("x",)).apply(NAME, tagged("a"))
    assert first is not None and (first.tags, first.original) == (("x",), NAME)
    second = TagChange(set=()).apply("b" * 64, first)
    assert second is not None and (second.tags, second.original) == ((), NAME)
    kept = Snapshot.parse(b'{"time":"2024-01-01T00:00:00Z","tree":"%s","paths":[],"delete":"Never"}' % (b"0" * 64))
    changed = TagChange(add=("x",)).apply(NAME, kept)
    assert changed is not None and changed.members()["delete"] == "Never"


def test_a_tag_that_is_added_and_removed_at_once_makes_a_new_snapshot() -> None:
    """As in restic, where both count."""
    changed = TagChange(add=("x",), remove=("x",)).apply(NAME, tagged("a"))
    assert changed is not None and changed.tags == ("a",)
