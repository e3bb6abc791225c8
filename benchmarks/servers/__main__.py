"""``python -m benchmarks.servers ENVIRONMENT``: the trial of HTTP servers.

ENVIRONMENT is a virtual environment with granian, uvicorn[standard] and hypercorn. Five connections, two workers, the
same data path, rounds in turn; rates of a client that is part of the figure, so they are floors.
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
ROUNDS = 3


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


def main() -> None:
    """Print the table."""
    environment = Path(sys.argv[1]).absolute()
    results: dict[str, list[list[float]]] = {}
    large, small = os.urandom(16 * MIB), os.urandom(20_000)
    for number in range(ROUNDS):
        for offset, name in enumerate(("own", "granian", "uvicorn", "hypercorn")):
            port = 9100 + number * 10 + offset
            root = tempfile.mkdtemp(prefix="trial")
            process = subprocess.Popen(
                commands(environment, port)[name],
                env={**os.environ, "TRIAL_ROOT": root, "PYTHONPATH": str(Path.cwd())},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                for _ in range(100):
                    try:
                        socket.create_connection(("127.0.0.1", port)).close()
                        break
                    except OSError:
                        time.sleep(0.1)
                row = []
                for method, prefix, count, body, amount in (
                    ("POST", "l", 40, large, 640),
                    ("GET", "l", 40, b"", 640),
                    ("POST", "s", 1000, small, 1000),
                    ("GET", "s", 1000, b"", 1000),
                ):
                    before = processor(process.pid)
                    seconds = measure(port, method, [f"{prefix}{n}" for n in range(count)], body)
                    row += [amount / seconds, (processor(process.pid) - before) * 1000 / amount]
                results.setdefault(name, []).append([*row, memory(process.pid) / MIB])
            finally:
                process.terminate()
                process.wait()
                shutil.rmtree(root)
    print("| server | upload 16 MiB, MiB/s; CPU ms/MiB | download | POST 20 kB, 1/s; CPU ms | GET 20 kB | PSS, MiB |")
    print("|---|---|---|---|---|---|")
    for name, rows in results.items():
        middle = [statistics.median(column) for column in zip(*rows, strict=True)]
        pairs = [f"{middle[n]:.0f}; {middle[n + 1]:.2f}" for n in range(0, 8, 2)]
        print(f"| {name} | {' | '.join(pairs)} | {middle[8]:.0f} |")


if __name__ == "__main__":
    main()
