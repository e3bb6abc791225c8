"""A signal that comes before a server has loaded what heeds signals, or that whoever started it had ignored."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import STRONGROOM, environment, run
from tests.support.logs import new_signer
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

SIGNALLED = """
import importlib, os, signal, sys

module, number, *words = sys.argv[1:]

class Early:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))
        return None

from strongroom.cli import main
sys.meta_path.insert(0, Early())
sys.argv = ["strongroom", *words]
sys.exit(main.main())
"""
"""Does a command, and sends it a signal when it begins to load a module."""

OUTPUT = "strongroom.cli.output.out"
"""What is loaded before ``Signals`` are there."""
GATEWAY = "strongroom.gateway.processes.serve"
"""What is loaded after it."""
STOPS = (signal.SIGTERM, signal.SIGINT)


def _ended(module: str, number: int, *words: str, ignored: int | None = None) -> subprocess.CompletedProcess[str]:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if ignored is not None:
            signal.signal(ignored, signal.SIG_IGN)

    return subprocess.run(
        [sys.executable, "-c", SIGNALLED, module, str(int(number)), *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=ignore,
    )


def _gateway(tmp_path: Path) -> tuple[str, ...]:
    return ("gateway", "serve", "--path", str(tmp_path / "data"), "--no-auth", "--listen", "127.0.0.1:0")


def _servers(tmp_path: Path) -> list[tuple[str, ...]]:
    key = str(new_signer("backup.example/log").verifier)
    state = str(tmp_path / "fleet")
    run([STRONGROOM, "fleet", "init", "--state", state], env=environment(tmp_path)).expect(0)
    witness = ("witness", "serve", "--state", str(tmp_path / "witness"), "--listen", "127.0.0.1:0", "--log", key)
    return [_gateway(tmp_path), witness, ("fleet", "serve", "--state", state)]


@pytest.mark.parametrize("number", STOPS)
def test_servers_end_with_0_while_they_are_loaded(tmp_path: Path, number: int) -> None:
    """Neither a traceback nor another code, and nothing was made."""
    for words in _servers(tmp_path):
        ended = _ended(OUTPUT, number, *words)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", ""), words
    assert not (tmp_path / "data").exists()


def test_other_verbs_end_by_the_signal_without_a_traceback() -> None:
    """A shell that asks how it ended is told so."""
    ended = _ended(OUTPUT, signal.SIGINT, "snapshots", "-r", "/nowhere")
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_a_backup_of_folders_with_a_servers_name_is_no_success() -> None:
    """What was not saved must not end with 0, whatever the folders are called."""
    ended = _ended(OUTPUT, signal.SIGTERM, "backup", "-r", "/nowhere", "gateway", "serve")
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGTERM, "", "")


@pytest.mark.parametrize("module", [OUTPUT, GATEWAY])
def test_a_server_that_a_script_starts_in_the_background_heeds_an_interrupt(tmp_path: Path, module: str) -> None:
    """A shell has SIGINT ignored for what it starts with ``&``; a gateway heeds it when it serves, and so before."""
    ended = _ended(module, signal.SIGINT, *_gateway(tmp_path), ignored=signal.SIGINT)
    assert ended.returncode == 0, ended.stderr
    assert "start server" not in ended.stderr


@pytest.mark.parametrize("module", [OUTPUT, GATEWAY])
def test_a_reload_while_it_starts_ends_no_gateway(tmp_path: Path, module: str) -> None:
    """Its files are read anyway: it goes on to where it finds that it may not listen."""
    words = [*_gateway(tmp_path)[:-1], "192.0.2.1:1"]
    ended = _ended(module, signal.SIGHUP, *words)
    assert ended.returncode == 1, ended.stderr
    assert "cannot listen" in ended.stderr
