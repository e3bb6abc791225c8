"""Starting one of the servers for a question, and talking to it over a socket that tidies nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

APP = "benchmarks.servers.asked:app"


class Asked:
    """One server, started anew for each question."""

    def __init__(self, name: str, environment: Path, folder: Path) -> None:
        self.name = name
        self._tool = environment / "bin"
        self.folder = folder

    def command(self, where: str, tls: tuple[str, str] | None) -> list[str]:
        """``where``: ``port:N``, ``unix:PATH`` or ``fd:N``."""
        kind, _, what = where.partition(":")
        if self.name == "own":
            address = f"127.0.0.1:{what}" if kind == "port" else f"unix:{what}"
            return [sys.executable, "-m", "benchmarks.servers.asked_of_own", address, *(tls or ())]
        if self.name == "granian":
            flag = {"port": "--port", "unix": "--uds", "fd": "--fd"}[kind]
            pair = ("--ssl-certificate", tls[0], "--ssl-keyfile", tls[1]) if tls else ()
            return [str(self._tool / "granian"), "--interface", "asgi", flag, what, *pair, APP]
        if self.name == "uvicorn":
            flag = {"port": "--port", "unix": "--uds", "fd": "--fd"}[kind]
            pair = ("--ssl-certfile", tls[0], "--ssl-keyfile", tls[1]) if tls else ()
            return [str(self._tool / "uvicorn"), flag, what, *pair, "--no-access-log", APP]
        address = {"port": f"127.0.0.1:{what}", "unix": f"unix:{what}", "fd": f"fd://{what}"}[kind]
        pair = ("--certfile", tls[0], "--keyfile", tls[1]) if tls else ()
        return [str(self._tool / "hypercorn"), "--bind", address, *pair, APP]

    @contextlib.contextmanager
    def running(
        self, where: str, tls: tuple[str, str] | None = None, inherited: socket.socket | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The server, once it takes connections."""
        env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        words = self.command(where, tls)
        descriptors: tuple[int, ...] = ()
        if inherited is not None:
            descriptors = (inherited.fileno(),)
            if self.name == "own":  # systemd's way, which the shell plays here
                play = f'exec 3<&{inherited.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
                words = ["bash", "-c", play, "play", *words]
        with open(self.folder / f"{self.name}.log", "ab") as log:
            process = subprocess.Popen(
                words, env=env, stdout=log, stderr=log, pass_fds=descriptors, start_new_session=True
            )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def reach(address: tuple[str, int] | str, process: subprocess.Popen[bytes]) -> socket.socket:
    """A connection, as soon as there is one to be had."""
    for _ in range(300):
        if process.poll() is not None:
            raise ConnectionError("it ended")
        connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            time.sleep(0.1)
            continue
        connection.settimeout(30)
        return connection
    raise ConnectionError("nobody listens")


def answer(connection: socket.socket) -> str:
    """Status and body of what comes, or how it ended."""
    data = b""
    try:
        while b"\r\n\r\n" not in data or not data.partition(b"\r\n\r\n")[2]:
            more = connection.recv(65536)
            if not more:
                break
            data += more
            if b"content-length: 0" in data.lower():
                break
    except OSError as error:
        return f"{type(error).__name__} after {len(data)} bytes"
    if not data:
        return "closed without an answer"
    head, _, body = data.partition(b"\r\n\r\n")
    return f"{head.split(b' ')[1].decode()} {body[:200].decode('latin-1')}".strip()
