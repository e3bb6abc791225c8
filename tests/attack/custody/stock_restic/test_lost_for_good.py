"""S-1, S-2: what nobody gives back is let go by an operator's word, and stock restic works on as if it never was."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.custody.deciding import accept_gone, condemn_snapshot
from strongroom.custody.handover.by_word import set_aside
from tests.support.custody.in_process import Custody, Host
from tests.support.forge import sha
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}


@pytest.mark.parametrize("damaged", [False, True])
def test_s_1_what_is_lost_for_good_leaves_the_indexes(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path, damaged: bool
) -> None:
    """S-1, S-2: a pack that was taken away, or spoilt, and that nothing heals: once an operator has said so no index
    names it, nothing is frozen, stock restic stores its blobs again and restores every snapshot that is whole."""
    content = b"what is lost, and comes again" * 1000
    lost = host.backup(content)
    kept = host.backup()
    custody.day()
    assert custody.open_incidents() == []
    (pack,) = (entry["id"] for entry in host.forge.entries for blob in entry["blobs"] if blob["id"] == sha(content))
    path = custody.place / "data" / pack[:2] / pack
    if damaged:
        path.write_bytes(b"spoilt")
    else:
        path.unlink()
    custody.day()
    code = "damaged" if damaged else "missing"
    assert {code, "lost"} <= {one for one, _ in custody.open_incidents()}
    condemn_snapshot(custody.state, custody.adopted, lost, "us", "nobody has it")
    assert accept_gone(custody.state, custody.adopted, f"data/{pack[:10]}", "us", "") == (f"data/{pack}", damaged)
    if damaged:
        said = (custody.signer, [f"data/{pack}"], "us", "")
        set_aside(custody.state, custody.adopted, custody.handover(), custody.executor(), *said)
    assert path.exists() is False
    custody.day()
    custody.day()
    assert custody.open_incidents() == []
    source = tmp_path / "source"
    source.mkdir()
    (source / "again").write_bytes(content)
    restic.on(custody.place, "backup", "--host", "again", source, env=ENV).expect(0)
    out = ("--host", "again", "--target", tmp_path / "again")
    restic.on(custody.place, "restore", "latest", *out, env=ENV).expect(0)
    assert (tmp_path / "again" / source.relative_to("/") / "again").read_bytes() == content
    restic.on(custody.place, "restore", kept, "--target", tmp_path / "kept", env=ENV).expect(0)
    assert {one.name: one.read_bytes() for one in (tmp_path / "kept").iterdir()} == host.files[kept]
