"""Repositories in a bucket: what we write there stock restic reads and goes on with, and the other way round."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.support import compare, peers
from tests.support.servers.minio import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs import Restic, Strongroom


@pytest.fixture
def bucket(strongroom: Strongroom, restic: Restic) -> str:
    """A place of its own in a MinIO bucket, whose credentials both programs have."""
    minio = running()
    for program in (strongroom, restic):
        program.env = {**program.env, **minio.environment}
    return f"s3:{minio.endpoint}/plain/{secrets.token_hex(8)}"


def test_restic_reads_our_bucket(
    strongroom: Strongroom, restic: Restic, bucket: str, source: Path, tmp_path: Path
) -> None:
    """restic checks with all data and restores what we wrote, and backs up beside it; then we check its work."""
    strongroom.init(bucket)
    strongroom.backup(bucket, source)
    restic.check(bucket)
    restic.restore(bucket, tmp_path / "theirs")
    compare.assert_same(source, compare.restored(tmp_path / "theirs", source))
    restic.backup(bucket, source)
    strongroom.check(bucket)
    assert len(strongroom.snapshots(bucket)) == 2
    strongroom.restore(bucket, tmp_path / "ours")
    compare.assert_same(source, compare.restored(tmp_path / "ours", source))


def test_through_rclone(strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path) -> None:
    """Through a running rclone we write what restic then finds in rclone's folder."""
    folder = tmp_path / "remote"
    program = ("-o", f"rclone.program={peers.require('rclone')}")
    strongroom.run(*program, "-r", f"rclone:{folder}", "init").expect(0)
    strongroom.run(*program, "-r", f"rclone:{folder}", "backup", source).expect(0)
    restic.check(folder)
    strongroom.run(*program, "-r", f"rclone:{folder}", "check", "--read-data").expect(0)
