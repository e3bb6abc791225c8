"""B-4: a store that does not give one pack of trees: what needs it waits, all else is judged, and nothing goes."""

from __future__ import annotations

from pathlib import Path

from strongroom.base.errors import Unavailable
from strongroom.base.objects import ObjectName
from strongroom.base.progress import Reporter
from strongroom.custody.adopting import open_adopted
from strongroom.custody.deletion.condemning import choose
from strongroom.custody.deletion.survey import survey
from strongroom.custody.ledger import is_frozen
from strongroom.storage.contract import Reader, Store
from strongroom.storage.local.store import LocalStore
from strongroom.storage.wrappers.wrapper import Wrapper
from tests.support.custody.watched import Watched

FILES = {"file": b"content", "folder/more": b"more"}


class Partly(Wrapper):
    """A store that gives some packs whole once, as verifying reads them, and then no more."""

    refused: set[str]
    given: set[str]

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        if name.name in self.refused:
            if length is not None or name.name in self.given:
                raise Unavailable("answered 503", subject=str(name))
            self.given.add(name.name)
        return self.inner.read(name, offset, length)


def refusing(watched: Watched, *packs: str, verified: bool = False) -> None:
    """From now on the store gives these once more, unless they were ``verified``, and then not."""
    given = set(packs) if verified else set()

    def wrapped(store: Store) -> Store:
        made = Partly(store)
        made.refused, made.given = set(packs), given
        return made

    watched.wrap = wrapped


def tree_pack(watched: Watched) -> str:
    """The pack that holds the trees of the newest backup."""
    name: str = watched.forge.entries[-1]["id"]
    return name


def frozen(watched: Watched) -> bool:
    """Whether anything may go."""
    with watched.state.database.read() as connection:
        return is_frozen(connection, watched.adopted.id)


def obstacles(watched: Watched) -> str:
    """Why no pack goes."""
    store = watched.wrap(LocalStore(str(watched.forge.place)))
    surroundings = watched.machine.surroundings
    with open_adopted(watched.adopted, store, watched.identity, surroundings) as repository:
        found = survey(watched.state, repository, Reporter())
        return " ".join(choose(watched.state, watched.adopted, found, watched.now_ns).obstacles)


def test_b_4_one_pack_that_is_not_given_ends_no_judging(tmp_path: Path) -> None:
    """B-4: of two new snapshots the trees of one are refused: it is pending, the other is judged; the incident freezes
    deleting, and both end when the store gives it."""
    watched = Watched(tmp_path)
    watched.backup(FILES)
    watched.adopt()
    watched.round()
    watched.later(hours=1)
    needs = watched.backup(FILES | {"one": b"one"})
    pack = tree_pack(watched)
    watched.later(hours=1)
    other = watched.backup({"file": b"content", "folder/other": b"other", "two": b"two"})
    refusing(watched, pack)
    outcome = watched.round()
    assert outcome.failure == ""
    assert (watched.verdict(needs), watched.verdict(other)) == ("pending", "good")
    assert [one.object for one in watched.incidents()] == [f"judging needs data/{pack}"]
    assert frozen(watched)
    assert "is not given by the store now" in obstacles(watched)
    refusing(watched)
    watched.round()
    assert (watched.verdict(needs), watched.codes(), frozen(watched)) == ("good", set(), False)


def test_b_4_what_is_not_given_is_not_lost(tmp_path: Path) -> None:
    """B-4: while all is looked at anew for a lost pack, trees of a snapshot that was whole are refused: it does not
    become bad for that, and what lost something does."""
    watched = Watched(tmp_path)
    kept = watched.backup(FILES)
    pack = tree_pack(watched)
    watched.adopt()
    watched.round()
    watched.later(hours=1)
    hurt = watched.backup({"gone": b"gone", "file": b"content", "folder/more": b"more"})
    watched.round()
    assert (watched.verdict(kept), watched.verdict(hurt)) == ("good", "good")
    lost = next(entry["id"] for entry in watched.forge.entries[2:] if entry["blobs"][0]["type"] == "data")
    (watched.forge.place / "data" / lost[:2] / lost).unlink()
    watched.later(hours=1)
    refusing(watched, pack, verified=True)
    assert watched.round().failure == ""
    assert watched.verdict(kept) == "good"
    assert frozen(watched)
    refusing(watched)
    watched.round()
    assert (watched.verdict(kept), watched.verdict(hurt)) == ("good", "bad")
