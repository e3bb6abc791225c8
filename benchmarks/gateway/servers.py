"""The servers that are measured, each over a folder of its own: ours, ours without receipts, and rclone's.

None asks for a password: rclone hashes one anew for each request, and that would be the figure.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import peers

from benchmarks import processes

OURS, UNLOGGED, RCLONE = "strongroom", "strongroom, no receipts", "rclone"


@dataclass
class Server:
    """A running server over ``folder``, with the shipped number of workers."""

    name: str
    folder: Path
    address: str
    process: subprocess.Popen[bytes]

    @property
    def processor(self) -> float:
        """Seconds of processor time so far, of all its processes."""
        return processes.processor(self.process.pid)

    @property
    def memory(self) -> int:
        """PSS of all its processes in bytes."""
        return processes.memory(self.process.pid)

    def url(self, repository: str) -> str:
        """A repository as restic and Strongroom name it."""
        return f"rest:http://{self.address}/{repository}/"


def find_rclone() -> Path:
    """rclone, which ``make peers`` obtains. Exits without it: there is nothing to stand beside."""
    found = peers.find("rclone")
    if found is None:
        raise SystemExit("bench: rclone is not there; make peers obtains it")
    return found


def version_of_rclone() -> str:
    """The first line that it says of itself."""
    return subprocess.run([find_rclone(), "version"], check=True, capture_output=True, text=True).stdout.split("\n")[0]


def command(name: str, folder: Path, address: str) -> list[str | Path]:
    """How a server is started."""
    if name == RCLONE:
        return [find_rclone(), "serve", "restic", "--append-only", "--addr", address, folder]
    program = [Path(sys.executable).parent / "strongroom"]
    if name == UNLOGGED:
        program = [Path(sys.executable), "-m", "benchmarks.gateway.unlogged"]  # type: ignore[list-item]
    serve = ["gateway", "serve", "--append-only", "--no-auth", "--log-host", "bench", "--listen", address]
    return [*program, *serve, "--path", folder]


@contextlib.contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """Start a server and wait until it answers; ended afterwards. Raises ``RuntimeError`` when it does not begin."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    home = folder.with_name(folder.name + "-home")
    home.mkdir(exist_ok=True)
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
    environment = kept | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    said = home / "said"
    with said.open("wb") as errors:
        process = subprocess.Popen(
            command(name, folder, address), env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
    try:
        _await(address, process, said)
        yield Server(name, folder, address, process)
    finally:
        process.terminate()
        process.wait()


def _await(address: str, process: subprocess.Popen[bytes], said: Path) -> None:
    host, _, port = address.partition(":")
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port))).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not begin: {said.read_text(errors='replace')[-1000:]}")
