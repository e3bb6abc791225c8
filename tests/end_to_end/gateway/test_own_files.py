"""A state that this user may not read and write is said to be so, with the path and what to do, and changes nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateways import Gateway

NOT_OVER_MODES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to give up rights"
)
CLOSED = ("", "gateway.db", "gateway.db.closed", "gateway.db.write-lock", "log", "log.key")


def _refused(tmp_path: Path, *words: str | Path) -> str:
    said = run([*NOT_OVER_MODES, STRONGROOM, *words], env=environment(tmp_path / "home")).expect(1).err
    assert "Traceback" not in said
    return said


def test_a_gateway_whose_state_is_another_users(tmp_path: Path) -> None:
    """Each file of it, and the folder: no traceback, no talk of damage, and no advice to move anything away."""
    gateway = Gateway(tmp_path)
    gateway.start()
    gateway.stop()
    state = gateway.log.parent
    serve = ("gateway", "serve", "--path", state.parent, "--no-auth", "--listen", "127.0.0.1:0")
    for name in CLOSED:
        path = state / name
        mode = path.stat().st_mode & 0o7777
        path.chmod(0)
        try:
            said = _refused(tmp_path, *serve)
        finally:
            path.chmod(mode)
        assert str(path) in said, name
        assert "start this as the user" in said.lower() or "Permission denied" in said, name
        assert "damaged" not in said
    state.chmod(0o500)
    try:
        assert "may not read and write this" in _refused(tmp_path, *serve)
    finally:
        state.chmod(0o700)


@pytest.mark.parametrize(
    "words",
    [
        "witness serve --log x",
        "fleet init",
        "fleet serve",
        "fleet status",
        "custody init",
        "custody status",
        "custody follow",
    ],
)
def test_a_folder_of_state_that_is_closed_or_a_file(tmp_path: Path, words: str) -> None:
    """What is there and closed is never called missing, and advice is given."""
    closed, file = tmp_path / "closed", tmp_path / "file"
    closed.mkdir(mode=0)
    file.write_text("")
    try:
        for place in (closed, closed / "in"):
            said = _refused(tmp_path, *words.split(), "--state", place)
            assert f"{closed} belongs to root, with mode 0000" in said
            assert "there is no" not in said
        assert "A file lies there" in _refused(tmp_path, *words.split(), "--state", file)
    finally:
        closed.chmod(0o700)
