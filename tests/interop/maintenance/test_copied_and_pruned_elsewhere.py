"""`copy` in one pass to a gateway and a bucket, then `forget --prune` in both: restic finds no fault, all is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import trees
from tests.support.command import PASSWORD
from tests.support.programs import Restic, Strongroom
from tests.support.servers.gateways import Gateway
from tests.support.servers.minio import running


@pytest.mark.peer("restic")
@pytest.mark.peer("minio")
def test_copied_and_pruned_behind_a_gateway_and_in_a_bucket(tmp_path: Path) -> None:
    """Packs go from both, `check --read-data` of restic passes, and the newest snapshot is whole."""
    server = running()
    server.bucket("pruned")
    bucket = f"s3:{server.endpoint}/pruned/web01"
    home = tmp_path / "home"
    strongroom, restic = Strongroom(home), Restic(home)
    for program in (strongroom, restic):
        program.env |= server.environment
    strongroom.env["RESTIC_FROM_PASSWORD"] = PASSWORD
    origin, source = tmp_path / "origin", tmp_path / "source"
    strongroom.init(origin)
    for number in range(3):
        trees.ordinary(source / str(number), files=12, largest=40_000)
        (source / str(number) / "large").write_bytes(bytes([number]) * 300_000 + b"%d" % number)
        if number:
            (source / str(number - 1) / "large").unlink()
        strongroom.backup(origin, source, "--compression", "off")
    with Gateway(tmp_path / "gateway", flags=("--no-auth",)) as gateway:
        elsewhere = (f"rest:http://{gateway.address}/web01/", bucket)
        for place in elsewhere:
            strongroom.init(place, "--copy-chunker-params", "--from-repo", str(origin))
        both = [word for place in elsewhere for word in ("-r", place)]
        strongroom.run(*both, "copy", "--from-repo", origin).expect(0)
        for place in elsewhere:
            pruned = strongroom.on(place, "forget", "--keep-last", "1", "--prune", "--max-unused", "0").expect(0)
            assert "old packs" in pruned.out
            restic.check(place)
            (one,) = restic.snapshots(place)
            assert one["tree"] == strongroom.snapshots(origin)[-1]["tree"]
            assert strongroom.on(place, "prune", "--dry-run").expect(0)
