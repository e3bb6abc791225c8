"""Which folders may be mounted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import UsageError
from strongroom.mount import mountpoint

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_folder_is_a_mountpoint(tmp_path: Path) -> None:
    """It is named by its real path, whatever links lead there."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert mountpoint.check(str(tmp_path / "link")) == str(tmp_path / "real")


def test_what_is_none_is_refused_with_advice(tmp_path: Path) -> None:
    """Missing, no folder, not empty, and any overlap with a repository: each says what is wrong and what to do."""
    (tmp_path / "file").touch()
    (tmp_path / "full" / "x").mkdir(parents=True)
    for name, word in (("none", "does not exist"), ("file", "not a directory"), ("full", "not empty")):
        with pytest.raises(UsageError, match=word) as refused:
            mountpoint.check(str(tmp_path / name))
        assert refused.value.hint
    for repository in (tmp_path / "full" / "x", tmp_path / "full", tmp_path / "full" / "x" / "below"):
        with pytest.raises(UsageError, match="lie in one another"):
            mountpoint.check(str(tmp_path / "full" / "x"), [str(repository)])
    assert mountpoint.check(str(tmp_path / "full" / "x"), [str(tmp_path / "elsewhere")])
