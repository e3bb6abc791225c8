"""A PostgreSQL of our own for a test: made in a folder, on a unix socket, run by an ordinary user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.support import peers
from tests.support.waiting import PATIENCE, until


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of an empty database. Skips the test when the machine has no PostgreSQL."""
    postgres, initdb = peers.require("postgres"), peers.require("initdb")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    user: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}
    data = folder / "data"
    options: dict[str, object] = {"env": environment, "cwd": folder, **user}
    subprocess.run(
        [initdb, "-D", data, "-U", "strongroom", "--auth=trust", "--encoding=UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
        **options,  # type: ignore[call-overload]
    )
    server = subprocess.Popen(
        [postgres, "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "max_connections=60"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,  # type: ignore[call-overload]
    )
    try:
        url = f"postgresql://strongroom@/postgres?host={folder}"

        def answers() -> bool:
            """Whether it takes connections: its socket is there some time before."""
            assert server.poll() is None, "PostgreSQL did not start"
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(url).close()
                return True
            return False

        until(answers)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # SIGTERM would wait for clients to leave
        server.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)
