"""An access log that cannot be written costs lines, and nothing else."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.servers.gateways import Gateway
from tests.support.waiting import until

FLAGS = ("--no-auth", "--append-only", "--clock-kept-outside")


def _kept_connection(gateway: Gateway) -> socket.socket:
    connection = gateway.connect()
    _ask(gateway, connection)
    return connection


def _ask(gateway: Gateway, connection: socket.socket) -> None:
    connection.sendall(gateway.head("GET", "/health"))
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_full_log_is_told_of_once_and_drops_no_connection(tmp_path: Path) -> None:
    """With no space for the log, kept connections are served on; it is said once, also at /health."""
    gateway = Gateway(tmp_path, flags=(*FLAGS, "--log", "/dev/full"), workers=2)
    with gateway:
        connections = [_kept_connection(gateway) for _ in range(6)]
        for _ in range(5):
            for connection in connections:
                _ask(gateway, connection)
        until(lambda: any("access log" in one for one in gateway.ask("GET", "/health").json()["warnings"]))
        assert gateway.ask("GET", "/health").json()["ok"] is True
        for connection in connections:
            connection.close()
    assert gateway.said().count("access log") == 1


@pytest.mark.root
def test_a_log_goes_on_where_there_is_room_again(tmp_path: Path) -> None:
    """A line that was cut short stays one line, and what comes when there is room again is whole."""
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "x", small], check=False).returncode:
        pytest.skip("needs root and mounts")
    try:
        log = small / "access.log"
        with Gateway(tmp_path / "gateway", flags=(*FLAGS, "--log", str(log))) as gateway:
            connection = _kept_connection(gateway)
            ballast = small / "ballast"
            with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
                while True:
                    file.write(bytes(1024))
            for _ in range(200):
                _ask(gateway, connection)
            assert gateway.said().count("access log") == 1
            ballast.unlink()
            for _ in range(3):
                _ask(gateway, connection)
            assert gateway.ask("GET", "/health").json()["warnings"] == []
            connection.close()
        lines = log.read_text().splitlines()
        assert all(line.startswith("127.0.0.1 - ") for line in lines)
        assert all(line.endswith(('"-" "-"', '"" ""')) for line in lines[-4:]), lines[-4:]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_log_whose_folder_went_away_comes_back(tmp_path: Path) -> None:
    """A log that was moved or removed is made anew within a second or so; without its folder it is told of once."""
    folder = tmp_path / "log"
    folder.mkdir()
    log = folder / "access.log"
    with Gateway(tmp_path / "gateway", flags=(*FLAGS, "--log", str(log))) as gateway:
        connection = _kept_connection(gateway)

        def grows() -> bool:
            _ask(gateway, connection)
            return log.exists() and log.stat().st_size > 0

        log.rename(folder / "access.log.1")
        until(grows, gateway.said)
        log.unlink()
        until(grows, gateway.said)
        folder.rename(tmp_path / "gone")  # in one step: a log that comes back meanwhile would keep the folder

        def told() -> bool:
            _ask(gateway, connection)
            return "access log" in gateway.said()

        until(told, gateway.said)
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            _ask(gateway, connection)
        folder.mkdir()
        until(grows, gateway.said)
        assert gateway.said().count("access log") == 1
        until(lambda: gateway.ask("GET", "/health").json()["warnings"] == [], gateway.said)
        connection.close()


def test_a_log_to_a_pipe_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    """Where standard output is a pipe whose reader has stopped, requests are answered and lines are left out."""
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)  # full after some forty lines
    with Gateway(tmp_path, flags=(*FLAGS, "--log", str(tmp_path / "pipe"))) as gateway:
        connection = _kept_connection(gateway)
        for _ in range(150):
            _ask(gateway, connection)
        assert gateway.said().count("access log") == 1
        os.close(reading)
        for _ in range(10):
            _ask(gateway, connection)
        connection.close()
