"""A file of variables for one store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.base.configuration.variables import read_variables
from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def _file(tmp_path: Path, data: bytes, mode: int = 0o600) -> str:
    path = tmp_path / "offsite.env"
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


def test_lines_as_systemd_and_shells_write_them(tmp_path: Path) -> None:
    """Comments, ``export`` and quotes around a value are understood; a value may hold anything else."""
    data = b"\xef\xbb\xbf# mine\n\n; also\nexport A='b c'\nD=\"e=f\"\r\n  G = no\n"
    with pytest.raises(ConfigurationError, match=r"line 6: is no NAME=VALUE"):
        read_variables(_file(tmp_path, data))
    assert read_variables(_file(tmp_path, data.replace(b"G = no", b"G=\xff'"))) == {
        "A": "b c",
        "D": "e=f",
        "G": "\udcff'",
    }


def test_a_bad_line_is_named_and_never_shown(tmp_path: Path) -> None:
    """It may be half of a secret."""
    with pytest.raises(ConfigurationError) as told:
        read_variables(_file(tmp_path, b"A=b\nhunter2\n"))
    assert "line 2" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_what_others_may_read_is_refused(tmp_path: Path) -> None:
    """Credentials are for their owner alone; the files of an audit need not be."""
    path = _file(tmp_path, b"A=b", 0o640)
    with pytest.raises(ConfigurationError, match="others can read"):
        read_variables(path)
    assert read_variables(path, private=False) == {"A": "b"}


def test_no_file_and_an_endless_one(tmp_path: Path) -> None:
    """Neither hangs nor ends in a traceback."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_variables(str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="too long"):
        read_variables("/dev/zero")
