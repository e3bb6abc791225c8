"""A stream without a byte is a dump that failed: nothing is made of it that looks like a backup."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import Strongroom


@pytest.mark.parametrize("words", [("--stdin",), ("--stdin-from-command", "--", "true")])
def test_an_empty_stream_is_no_backup(strongroom: Strongroom, repository: Path, words: tuple[str, ...]) -> None:
    """It ends with 1 and the words of restic, and the last good dump stays the latest snapshot."""
    strongroom.init(repository)
    strongroom.on(repository, "backup", "--stdin", "--stdin-filename", "db.sql", stdin=b"select 1").expect(0)
    failed = strongroom.on(repository, "backup", "--stdin-filename", "db.sql", *words, stdin=b"").expect(1)
    assert "no data read" in failed.err
    assert len(strongroom.snapshots(repository)) == 1
    assert strongroom.on(repository, "dump", "latest", "/db.sql").expect(0).stdout == b"select 1"
