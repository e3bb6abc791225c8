"""A MariaDB of our own for a test: made in a folder, on a unix socket, run by an ordinary user."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import peers
from tests.support.waiting import PATIENCE, until

_ROOM = "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--skip-networking", "--skip-log-bin"


@dataclass(frozen=True)
class MariaDB:
    """A server with an empty database ``shop``; its administrator needs no password."""

    socket: Path
    process: subprocess.Popen[bytes]

    def ask(self, statements: str) -> str:
        """Run statements in ``shop``; what they print."""
        words = [str(peers.require("mariadb")), f"--socket={self.socket}", "--user=root", "--batch", "-N", "shop"]
        ended = subprocess.run(words, input=statements.encode(), capture_output=True, timeout=PATIENCE, check=True)
        return ended.stdout.decode()


@contextlib.contextmanager
def running() -> Iterator[MariaDB]:
    """The server. Skips the test when the machine has no MariaDB."""
    server, install = str(peers.require("mariadbd")), str(peers.require("mariadb-install-db"))
    folder = Path(tempfile.mkdtemp(prefix="my", dir="/tmp"))  # a socket's path must be short
    user = ["--user=nobody"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "nobody")
    data, socket = folder / "data", folder / "s"
    made = ["--no-defaults", f"--datadir={data}", *user, *_ROOM[:2]]
    plain = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run([install, *made, *plain], check=True, capture_output=True, timeout=PATIENCE)
    process = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={data}", f"--socket={socket}", *user, *_ROOM],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ping = [
            str(peers.require("mariadb")),
            f"--socket={socket}",
            "--user=root",
            "-e",
            "CREATE DATABASE IF NOT EXISTS shop",
        ]

        def answers() -> bool:
            assert process.poll() is None, "MariaDB did not start"
            return subprocess.run(ping, capture_output=True, check=False, timeout=PATIENCE).returncode == 0

        until(answers)
        yield MariaDB(socket, process)
    finally:
        process.send_signal(signal.SIGKILL)  # nothing in it is wanted any more
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)
