"""Why a program's own folder cannot be used, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import ConfigurationError
from strongroom.base.own_files import check_own_files


def test_a_file_on_the_way_to_a_folder_is_no_matter_of_permissions(tmp_path: Path) -> None:
    """It is to be moved away; whose it is does not matter."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "state", tmp_path / "file" / "state" / "deep"):
        with pytest.raises(ConfigurationError) as refused:
            check_own_files(str(folder))
        assert "A file lies there" in refused.value.hint
