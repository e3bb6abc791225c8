"""A repository anew after an identity leaked: another master key, what was good, and nothing of the old one goes."""

from __future__ import annotations

from pathlib import Path

from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD


def test_a_leaked_identity_ends_with_another_repository(strongroom: Strongroom, tmp_path: Path) -> None:
    """What is good is copied and in care, what is suspicious is not; the old one is frozen; a second run does no harm;
    a repository with the old master key is none."""
    forge, new = Forge(tmp_path / "old"), tmp_path / "new"
    tree = forge.tree(node("file", "file", content=forge.pack(("data", b"content")), size=7))
    forge.index()
    good = forge.snapshot(tree).name
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web", forge.place)
    custodian.round().expect(0)
    bad = forge.snapshot(tree, hostname="other").name
    custodian.round().expect(73)
    same = custodian.run("reissue", "web", "--to", str(forge.place), "--as", "web-anew")
    assert same.code == 1 and "old master key" in same.err
    strongroom.run("init", "--repo", str(new)).expect(0)
    for _ in range(2):
        said = custodian.run("reissue", "web", "--to", str(new), "--as", "web-anew", "--json").expect(0).json()
        assert (said["copied"], said["failed"]) == (1, 0)
    custodian.round("web-anew").expect(0)
    states = {one["name"]: one["state"] for one in custodian.run("status", "--json").json()}
    assert states == {"web": "frozen", "web-anew": "well"}
    assert ("reissued", "web") in custodian.incidents("web")
    snapshots = custodian.run("snapshots", "web-anew", "--json").expect(0).json()
    assert [(one["original"], one["verdict"]) for one in snapshots] == [(good, "good")]
    assert bad not in {one["original"] for one in snapshots}
    strongroom.run("restore", "latest", "--repo", str(new), "--target", str(tmp_path / "out")).expect(0)
    assert (tmp_path / "out" / "file").read_bytes() == b"content"


def test_a_good_snapshot_that_somebody_took_away_is_lacked(strongroom: Strongroom, tmp_path: Path) -> None:
    """What went since the last round, and not by us, is said to be lacked: the old repository is not let go of."""
    forge, new = Forge(tmp_path / "old"), tmp_path / "new"
    tree = forge.tree(node("file", "file", content=forge.pack(("data", b"content")), size=7))
    forge.index()
    names = [forge.snapshot(tree, hostname=host).name for host in ("one", "two")]
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web", forge.place)
    custodian.round().expect(0)
    strongroom.run("init", "--repo", str(new)).expect(0)
    lost = forge.place / "snapshots" / names[0]
    lost.rename(tmp_path / "taken")
    words = ("reissue", "web", "--to", str(new), "--as", "web-anew", "--json")
    said = custodian.run(*words)
    assert (said.code, said.json()["copied"], said.json()["failed"]) == (1, 1, 1)
    assert {one["name"]: one["state"] for one in custodian.run("status", "--json").json()}["web"] != "frozen"
    (tmp_path / "taken").rename(lost)
    said = custodian.run(*words)
    assert (said.code, said.json()["copied"], said.json()["failed"]) == (0, 2, 0)
