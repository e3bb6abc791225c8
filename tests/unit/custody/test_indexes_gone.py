"""S-1 at the indexes: packs and snapshots stay, and what names the packs is taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.deciding import snapshots_of
from strongroom.storage.local.store import LocalStore
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, Custody, Host, sound
from tests.support.forge import dumps, sha


def newest(custody: Custody, kind: str = "index") -> Path:
    """The file that was stored last."""
    return max((custody.place / kind).iterdir(), key=lambda path: path.stat().st_mtime_ns)


def codes(custody: Custody) -> list[str]:
    """The codes of what is open."""
    return [code for code, _ in custody.open_incidents()]


def backup_without_index(custody: Custody, host: Host) -> tuple[str, bytes]:
    """A backup whose index an intruder took away at once; the snapshot, and the index's bytes."""
    before = custody.names("index")
    custody.clock.advance(3600)
    name = host.backup()
    custody.settle()
    (index,) = custody.names("index") - before
    path = custody.place / "index" / index
    content = path.read_bytes()
    path.unlink()
    return name, content


def test_s_1_an_index_that_nobody_ever_saw_is_missed(custody: Custody, host: Host) -> None:
    """S-1: taken away before the first round, it leaves no trace but packs that no index names: an incident, a new
    index in the same round, nothing goes meanwhile, and the next round finds all well."""
    name, _ = backup_without_index(custody, host)
    assert any(fault.startswith(name[:8]) for fault in sound(custody.place))
    outcome = custody.round()
    assert codes(custody) == ["unindexed"]
    assert set(outcome.indexed) <= custody.names("index") and outcome.indexed
    assert sound(custody.place) == []
    assert [one.verdict for one in outcome.judged] == ["good"]
    assert not any(one.removed for one in custody.hand_over().plans)
    custody.day()
    assert custody.open_incidents() == []


def test_s_1_a_known_index_that_went_is_written_anew_and_then_forgotten(custody: Custody) -> None:
    """S-1: `missing` names it, stock restic finds all again after that round, and the next one closes it."""
    newest(custody).unlink()
    custody.day()
    assert codes(custody) == ["missing"]
    assert sound(custody.place) == []
    custody.day()
    assert custody.open_incidents() == []
    for path in (custody.place / "index").iterdir():  # ours as well
        path.unlink()
    custody.day()
    assert sound(custody.place) == []
    custody.day()
    assert custody.open_incidents() == []


class NoIndexes(LocalStore):
    """A store that takes no index any more."""

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Refused for indexes."""
        if name.kind is Kind.INDEX:
            raise Refused("takes no index", subject=str(name))
        super().create(name, data)


def test_s_1_what_no_index_leads_to_is_not_called_whole(
    custody: Custody, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-1: where no index can be written either, neither the new snapshot nor the old ones are good until one is
    there; deleting is frozen so long."""
    (old,) = host.files
    new, content = backup_without_index(custody, host)
    known = newest(custody)
    kept = known.read_bytes()
    known.unlink()
    monkeypatch.setattr(custody, "store", lambda: NoIndexes(str(custody.place)))
    outcome = custody.round()
    assert sorted(codes(custody)) == ["missing", "unindexed"]
    assert "takes no index" in outcome.obstacle
    assert verdicts(custody) == {old: "pending", new: "pending"}
    custody.clock.advance(DAY)
    known.write_bytes(kept)
    host.forge.write("index", content)
    custody.touched -= {str(path) for path in (custody.place / "index").iterdir()}
    custody.round()
    assert verdicts(custody) == {old: "good", new: "good"}
    assert custody.open_incidents() == []


def verdicts(custody: Custody) -> dict[str, str]:
    """Each snapshot's verdict by its name."""
    return {row.id: row.verdict for row in snapshots_of(custody.state, custody.adopted)}


def test_s_1_nothing_goes_between_an_index_that_went_and_the_next_round(custody: Custody, host: Host) -> None:
    """S-1: a plan is due, and no round was made since an index went, or a backup came without its own."""
    while not days(custody, host, 1, look=False):
        pass
    custody.day()
    backup_without_index(custody, host)
    custody.clock.advance(DAY)
    left = custody.names("snapshots") | custody.names("data")
    handed = custody.hand_over()
    assert codes(custody) == ["unindexed"]
    assert [one.removed for one in handed.plans if one.removed] == []
    assert left <= custody.names("snapshots") | custody.names("data")
    assert sound(custody.place) == []


def test_s_1_a_backup_that_was_killed_is_no_incident(custody: Custody, host: Host) -> None:
    """S-1: packs that no snapshot needs may be in no index, and none is written for them."""
    host.forge.pack(("data", b"of a first upload " * 100))
    before = custody.names("index")
    for _ in range(2):
        custody.clock.advance(DAY / 2)
        outcome = custody.round()
        assert (outcome.indexed, custody.open_incidents()) == ([], [])
    assert custody.names("index") == before


def test_s_2_an_index_that_was_overwritten_and_that_nothing_heals_is_set_aside(custody: Custody) -> None:
    """S-2: stock restic opens nothing while it is there. What it said is in another index at once, and a day later it
    goes, since neither a version nor a replica gave its bytes back."""
    path = newest(custody)
    path.chmod(0o600)
    path.write_bytes(b"junk")
    custody.day()
    assert codes(custody) == ["altered", "damaged"]
    assert path.exists()
    custody.day()
    assert not path.exists()
    assert sound(custody.place) == []
    custody.day()
    assert custody.open_incidents() == []


def test_b_4_an_index_that_names_a_pack_a_hundred_thousand_times_is_asked_about_once(
    custody: Custody, host: Host
) -> None:
    """B-4: compressed it is a few bytes; each mention is true, and it costs one question, not as many."""
    entry = host.forge.entries[0]
    host.forge.unpacked("index", dumps({"packs": [entry] * 3000 + [{"id": sha(b"nowhere"), "blobs": []}] * 3000}))
    asked = []
    sa.event.listen(custody.state.database.engine, "before_cursor_execute", lambda *words: asked.append(words[2]))
    outcome = custody.round()
    assert [words for _, words in outcome.liars] == [
        f"names 3000 blobs instead of the 1 that pack {entry['id'][:10]} holds"
    ]
    assert len(asked) < 1000
