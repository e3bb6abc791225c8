"""Once a quarter a person opens what was drilled: a program sees that files are whole, not what they say."""

from __future__ import annotations

from pathlib import Path

from strongroom.custody.drills.opened_by import QUARTER_NS, opened_words, sign_opened
from strongroom.custody.rounds_made.of_all import facts_of_all
from strongroom.custody.state import State
from tests.support.clock import ManualClock
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom


def _cared_for(strongroom: Strongroom, tmp_path: Path) -> Custodian:
    forge = Forge(tmp_path / "repository")
    (blob,) = forge.pack(("data", b"words that a person reads"))
    forge.snapshot(forge.tree(node("letter", "file", content=[blob], size=25)), paths=["/"])
    forge.index()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.round().expect(0)
    return custodian


def test_what_is_kept_is_there_to_be_opened_and_is_signed(strongroom: Strongroom, tmp_path: Path) -> None:
    """The files stay where they were to stay, and whose word it was is in the audit trail; before a drill, and after
    one that found a fault, nobody signs."""
    custodian = _cared_for(strongroom, tmp_path)
    assert "nothing was drilled yet" in custodian.run("drill", "web01", "--sign").err
    assert "of which repository" in custodian.run("drill", "--sign").err
    assert "Give --folder" in custodian.run("drill", "web01", "--keep").err
    (tmp_path / "kept").mkdir()
    kept = custodian.run("drill", "web01", "--keep", "--folder", tmp_path / "kept", "--json").expect(0).json()
    assert (Path(kept["folder"]) / "letter").read_bytes() == b"words that a person reads"
    assert Path(kept["folder"]).stat().st_mode & 0o777 == 0o700
    said = custodian.run("drill", "web01", "--sign", "--why", "read the letter").expect(0).out
    assert f"opened what was drilled of {kept['snapshot'][:8]}" in said
    assert custodian.run("drill", "web01", "--json").expect(0).json()["folder"] is None


def test_status_reminds_after_a_quarter(strongroom: Strongroom, tmp_path: Path) -> None:
    """From the adoption on, and from the newest drill that somebody signed; it is no broken promise."""
    custodian = _cared_for(strongroom, tmp_path)
    assert custodian.run("status", "--json").expect(0).json()[0]["drill"] is None
    custodian.run("drill", "web01").expect(0)
    with State(str(custodian.state), ManualClock(1_900_000_000 * 10**9)) as state:
        adopted = state.repository("web01")
        late = adopted.adopted_ns + QUARTER_NS
        assert facts_of_all(state)[adopted.id].signed_ns is None
        assert opened_words(adopted, None, late - 1) == ""
        assert "for 92 days: `custody drill web01 --keep" in opened_words(adopted, None, late)
        sign_opened(state, adopted, "ann", "")
        signed_ns = facts_of_all(state)[adopted.id].signed_ns
        assert signed_ns is not None
        assert opened_words(adopted, signed_ns, late) == ""
        assert opened_words(adopted, signed_ns, signed_ns + QUARTER_NS) != ""
