"""A PostgreSQL of our own for a test: made in a folder, on a unix socket, run by an ordinary user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import peers


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
        timeout=120,
        **options,  # type: ignore[call-overload]
    )
    server = subprocess.Popen(
        [postgres, "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "max_connections=60"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **options,  # type: ignore[call-overload]
    )
    try:
        socket = folder / ".s.PGSQL.5432"
        begun = time.monotonic()
        while not socket.exists():
            assert server.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() - begun < 60
            time.sleep(0.05)
        time.sleep(0.2)
        yield f"postgresql://strongroom@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
