"""The threat catalogue: row E-6, snapshots that would fill the disk on which they are drilled."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom


def test_e_6_a_drill_stays_within_its_budget_whatever_sizes_say(strongroom: Strongroom, tmp_path: Path) -> None:
    """E-6: a file of a terabyte that calls itself small is left out of the sample; the others are restored."""
    forge = Forge(tmp_path / "repository")
    blob, small = forge.pack(("data", os.urandom(1 << 20)), ("data", b"small"))
    nodes = (
        node("huge", "file", content=[blob] * (1 << 20), size=1),
        node("small", "file", content=[small], size=5),
    )
    forge.snapshot(forge.tree(*nodes))
    forge.index()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.round().expect(0)
    folder = tmp_path / "drills"
    folder.mkdir()
    done = custodian.run("drill", "web01", "--json", "--folder", folder, "--budget-bytes", "10M").expect(0).json()
    assert (done["files"], done["bytes"]) == (1, 5)


def test_a_10_an_index_that_is_none_stops_neither_drills_nor_last_good(strongroom: Strongroom, tmp_path: Path) -> None:
    """A-10: who has the password seals indexes of no known format; both warn and go on, and the next round sets them
    aside."""
    forge = Forge(tmp_path / "repository")
    (blob,) = forge.pack(("data", b"small"))
    forge.snapshot(forge.tree(node("small", "file", content=[blob], size=5)), paths=["/"])
    forge.index()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.run("round", "-q", "--all").expect(0)
    forge.write("index", forge.secret.seal(b"[]"))
    forge.write("index", forge.secret.seal(b"\x02no zstd"))
    done = custodian.run("drill", "web01", "--json").expect(0)
    assert (done.json()["files"], done.json()["faults"]) == (1, [])
    assert done.err.count("ignoring index/") == 2
    assert custodian.run("last-good", "web01", "/small", "--json").expect(0).json()[0]["verdict"] == "good"
    told = custodian.run("round", "-q", "--all").expect(0)
    assert "restic 0.1" in told.out and "2 planted objects were set aside" in told.out


def test_e_6_what_a_drill_found_ends_by_an_operators_word(strongroom: Strongroom, tmp_path: Path) -> None:
    """E-6: an operator who says that a file was saved so ends the incident for this content; with another one it is
    told again."""
    forge = Forge(tmp_path / "repository")

    def backup(content: bytes) -> None:
        (blob,) = forge.pack(("data", content))
        forge.snapshot(forge.tree(node("a.docx", "file", content=[blob], size=len(content))), paths=["/"])
        forge.index()

    backup(b"no archive")
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.round().expect(0)
    refused = custodian.run("accept", "web01", "--drilled")
    assert refused.code == 1 and "found nothing that was not right" in refused.err
    found = custodian.run("drill", "web01")
    assert found.code == 75 and "custody accept web01 --drilled" in found.out
    assert custodian.incidents("web01") == [("drill", "web01")]
    custodian.run("accept", "web01", "--drilled", "--why", "a stub").expect(0)
    assert custodian.incidents("web01") == []
    custodian.run("drill", "web01").expect(0)
    backup(b"nor is this")
    custodian.round()
    (fresh,) = (name for name, verdict in custodian.verdicts("web01").items() if verdict != "good")
    custodian.run("accept", "web01", fresh).expect(0)
    assert custodian.run("drill", "web01").code == 75
    assert custodian.incidents("web01") == [("drill", "web01")]
