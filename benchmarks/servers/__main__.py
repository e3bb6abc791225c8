"""``python -m benchmarks.servers ENVIRONMENT``: the trial of HTTP servers.

ENVIRONMENT is a virtual environment with granian, uvicorn[standard] and hypercorn. Five connections, two workers, the
same data path. Each rival is measured in pairs with our own server, the two in turn, and what is compared is processor
time within a pair: so the trial needs no quiet machine, since what else runs slows both alike and is not counted.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.processes import memory, processor

CONNECTIONS = 5
MIB = 1 << 20
PAIRS = 5
RIVALS = ("granian", "uvicorn", "hypercorn")
PHASES = (
    ("upload of 16 MiB, ms/MiB", "POST", "l", 20, 16 * MIB, 320),
    ("download of 16 MiB, ms/MiB", "GET", "l", 20, 0, 320),
    ("POST of 20 kB, ms", "POST", "s", 600, 20_000, 600),
    ("GET of 20 kB, ms", "GET", "s", 600, 0, 600),
)
"""Name, method, names of objects begin with, how many, bytes of a body, what the time is divided by."""


def commands(environment: Path, port: int) -> dict[str, list[str]]:
    """How each server is started, with two workers."""
    app, address = "benchmarks.servers.asgi_app:app", f"127.0.0.1:{port}"
    tool = environment / "bin"
    return {
        "own": [sys.executable, "-m", "benchmarks.servers.own", str(port)],
        "granian": [str(tool / "granian"), "--interface", "asgi", "--workers", "2", "--port", str(port), app],
        "uvicorn": [str(tool / "uvicorn"), "--workers", "2", "--port", str(port), "--no-access-log", app],
        "hypercorn": [str(tool / "hypercorn"), "--workers", "2", "--bind", address, app],
    }


def exchange(connection: socket.socket, head: bytes, body: bytes, buffer: memoryview) -> None:
    """One request on a kept connection, and its whole answer."""
    connection.sendall(head + body if len(body) < 65536 else head)
    if len(body) >= 65536:
        connection.sendall(body)
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError(data)
        data += more
    top, _, rest = data.partition(b"\r\n\r\n")
    assert b" 200 " in top.split(b"\r\n")[0], top
    length = next(int(line.split(b":")[1]) for line in top.lower().split(b"\r\n") if line.startswith(b"content-length"))
    left = length - len(rest)
    while left:
        left -= connection.recv_into(buffer)


def measure(port: int, method: str, names: list[str], body: bytes) -> float:
    """Seconds for these requests over five connections."""
    shares = [names[n::CONNECTIONS] for n in range(CONNECTIONS)]

    def work(share: list[str]) -> None:
        buffer = memoryview(bytearray(MIB))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for name in share:
                head = f"{method} /{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                exchange(connection, head, body, buffer)

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def costs(name: str, environment: Path, port: int) -> list[float]:
    """Milliseconds of processor time of a server that is started for this, phase by phase; at last its PSS in MiB."""
    root = tempfile.mkdtemp(prefix="trial")
    process = subprocess.Popen(
        commands(environment, port)[name],
        env={**os.environ, "TRIAL_ROOT": root, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(2.0)  # until its workers have begun
        row = []
        for _, method, prefix, count, size, amount in PHASES:
            before = processor(process.pid)
            measure(port, method, [f"{prefix}{n}" for n in range(count)], os.urandom(size))
            row.append((processor(process.pid) - before) * 1000 / amount)
        return [*row, memory(process.pid) / MIB]
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(root)


def main() -> None:
    """Print the table."""
    environment = Path(sys.argv[1]).absolute()
    print("| rival | what | rival, median | ours, median | rival for ours 1, median of pairs (least to most) |")
    print("|---|---|---|---|---|")
    port = 9100
    for rival in RIVALS:
        pairs = []
        for number in range(PAIRS):
            order = ("own", rival) if number % 2 else (rival, "own")
            found = {}
            for name in order:
                port += 1
                found[name] = costs(name, environment, port)
            pairs.append((found[rival], found["own"]))
        for index, what in enumerate((*(phase[0] for phase in PHASES), "memory (PSS), MiB")):
            theirs, ours = [pair[0][index] for pair in pairs], [pair[1][index] for pair in pairs]
            shares = sorted(one / max(other, 1e-3) for one, other in zip(theirs, ours, strict=True))
            middles = f"{statistics.median(theirs):.2f} | {statistics.median(ours):.2f}"
            spread = f"{statistics.median(shares):.2f} ({shares[0]:.2f} to {shares[-1]:.2f})"
            print(f"| {rival} | {what} | {middles} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
