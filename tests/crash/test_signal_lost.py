"""A signal to stop whose exception Python drops, as it does within a destructor, while a server starts."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.command import STRONGROOM, environment, run
from tests.support.logs import new_signer
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

LOSING = """
import os, signal, sys
from importlib import import_module

class Gone:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

module, name, *words = sys.argv[1:]
place = import_module(module)
before = getattr(place, name)

def then_lost(*given, **named):
    found = before(*given, **named)
    Gone()
    print("still here", file=sys.stderr)
    return found

setattr(place, name, then_lost)
from strongroom.cli.main import main
sys.exit(main(words))
"""
"""Does a command, and sends it SIGTERM in a destructor after one function of its start has ended."""


def _ended(module: str, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOSING, module, name, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_gateway_ends_all_the_same(tmp_path: Path) -> None:
    """It starts no process, and ends with 0."""
    ended = _ended(
        "strongroom.gateway.processes.serve",
        "make_folders",
        *("gateway", "serve", "--path", str(tmp_path / "data"), "--no-auth", "--listen", "127.0.0.1:0"),
    )
    assert "still here" in ended.stderr  # Python has dropped it,
    assert "Interrupted" not in ended.stderr  # without a traceback
    assert ended.returncode == 0
    assert "start server" not in ended.stderr


def test_a_witness_ends_all_the_same(tmp_path: Path) -> None:
    """It does not begin to serve, and ends with 0."""
    ended = _ended(
        "strongroom.base.own_files",
        "make_own_folder",
        *("witness", "serve", "--state", str(tmp_path / "state"), "--listen", "127.0.0.1:0"),
        *("--log", str(new_signer("backup.example/log").verifier)),
    )
    assert "still here" in ended.stderr
    assert "Interrupted" not in ended.stderr
    assert ended.returncode == 0, ended.stderr
    assert "start witness" not in ended.stderr


def test_a_fleets_server_ends_all_the_same(tmp_path: Path) -> None:
    """It ends with 0, and so does all that it had begun."""
    state = str(tmp_path / "fleet")
    run([STRONGROOM, "fleet", "init", "--state", state], env=environment(tmp_path)).expect(0)
    file = tmp_path / "fleet" / "fleet.toml"
    file.write_text(file.read_text().replace("[server]\n", '[server]\nlisten = "127.0.0.1:0"\n'))
    ended = _ended("strongroom.fleet.server.serving", "listen", "fleet", "serve", "--state", state)
    assert "still here" in ended.stderr
    assert "Interrupted" not in ended.stderr
    assert ended.returncode == 0, ended.stderr


def test_a_gateway_that_fails_when_it_was_told_to_stop_says_so(tmp_path: Path) -> None:
    """The signal makes a success of nothing: what goes wrong after it has its words and its code."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = _ended(
            "strongroom.gateway.processes.serve",
            "make_folders",
            *("gateway", "serve", "--path", str(tmp_path / "data"), "--no-auth"),
            *("--listen", f"127.0.0.1:{taken.getsockname()[1]}"),
        )
    assert "still here" in ended.stderr
    assert "cannot listen" in ended.stderr
    assert ended.returncode == 1


def test_a_fleets_server_that_fails_when_it_was_told_to_stop_says_so(tmp_path: Path) -> None:
    """As a gateway."""
    state = str(tmp_path / "fleet")
    run([STRONGROOM, "fleet", "init", "--state", state], env=environment(tmp_path)).expect(0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = tmp_path / "fleet" / "fleet.toml"
        place = f'listen = "127.0.0.1:{taken.getsockname()[1]}"'
        file.write_text(file.read_text().replace("[server]\n", f"[server]\n{place}\n"))
        ended = _ended("strongroom.fleet.server.state", "check_own_files", "fleet", "serve", "--state", state)
    assert "still here" in ended.stderr
    assert "listen" in ended.stderr
    assert ended.returncode == 1
