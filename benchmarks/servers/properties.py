"""``python -m benchmarks.servers.properties ENVIRONMENT``: what each server does with what a gateway meets.

Each property is asked of a running server, over a socket that tidies nothing. ENVIRONMENT as in ``__main__.py``.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import trustme

from benchmarks.processes import memory
from benchmarks.servers.running import Asked, answer, reach

MIB = 1 << 20
AMBIGUOUS = {
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"Content-Length : 3\r\n\r\nabc",
    "a folded line": b"X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    "a length with a sign": b"Content-Length: +3\r\n\r\nabc",
    "chunks twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a chunk's length as 0x3": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
}


def backpressure(process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> str:
    """How much of a body is taken, and how the memory grows, while nobody reads it."""
    connection = connect()
    before = memory(process.pid)
    connection.sendall(b"POST /wait HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.setblocking(False)
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"
    end, sent = time.monotonic() + 2.5, 0
    while time.monotonic() < end and sent < 512 * MIB:
        _, writable, _ = select.select([], [connection], [], 0.1)
        if writable:
            with contextlib.suppress(BlockingIOError):
                sent += connection.send(piece[sent % len(piece) :])
    return f"{sent / MIB:.1f} MiB taken, memory +{(memory(process.pid) - before) / MIB:.1f} MiB"


def raw_path(_process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> str:
    """What the application sees of a path with an escaped slash and dots."""
    connection = connect()
    connection.sendall(b"GET /a%2Fb/../%63 HTTP/1.1\r\nHost: x\r\n\r\n")
    return answer(connection)


def ambiguous(_process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> str:
    """The status of each head that two programs could read in two ways."""
    found = []
    for name, rest in AMBIGUOUS.items():
        connection = connect()
        connection.sendall(b"POST /take HTTP/1.1\r\nHost: x\r\n" + rest)
        found.append(f"{name}: {answer(connection)[:40]}")
    return "; ".join(found)


def slow(_process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> str:
    """After how many seconds one is put out who sends a byte of a head, or of a body, each second; 45 at most."""

    def drip(first: bytes) -> str:
        connection = connect()
        begun = time.monotonic()
        try:
            connection.sendall(first)
            while time.monotonic() - begun < 45:
                readable, _, _ = select.select([connection], [], [], 1)
                if readable:
                    return f"{time.monotonic() - begun:.0f} s"
                connection.sendall(b"a")
        except OSError:
            return f"{time.monotonic() - begun:.0f} s"
        return "never"

    found = ["", ""]
    heads = (b"POST /take HTTP/1.1\r\nX: ", b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")

    def one(number: int) -> None:
        found[number] = drip(heads[number])

    threads = [threading.Thread(target=one, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return f"head: {found[0]}, body: {found[1]}"


def refusal(_process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> str:
    """How many of twenty clients that send 2 MiB and then read see an answer that came before."""
    seen = 0
    for _ in range(20):
        connection = connect()
        with contextlib.suppress(OSError):
            connection.sendall(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + bytes(2 * MIB))
        seen += answer(connection).startswith("413")
    return f"{seen} of 20"


def http2(_process: subprocess.Popen[bytes], connect: Callable[[], socket.socket]) -> str:
    """Whether it speaks HTTP/2 to who begins with it."""
    connection = connect()
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    with contextlib.suppress(OSError):
        data = connection.recv(9)
        return "yes" if len(data) > 3 and data[3] == 4 else "no"
    return "no"


def places(server: Asked) -> str:
    """A unix socket, and one that somebody else has opened."""
    found = []
    path = str(server.folder / f"{server.name}.socket")
    with server.running(f"unix:{path}") as process:
        try:
            reach(path, process).close()
            found.append("unix: yes")
        except ConnectionError as error:
            found.append(f"unix: {error}")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.set_inheritable(True)
        with server.running(f"fd:{listener.fileno()}", inherited=listener) as process:
            connection = reach(("127.0.0.1", port), process)  # the kernel takes it, whoever listens
            connection.settimeout(15)
            connection.sendall(b"GET /show HTTP/1.1\r\nHost: x\r\n\r\n")
            said = answer(connection)
            found.append("inherited: yes" if said.startswith("200") else f"inherited: no ({said[:30]})")
    return ", ".join(found)


def renewal(server: Asked, port: int) -> str:
    """Whether SIGHUP shows a new certificate, and whether an upload that was under way ends well."""
    files = server.folder / f"{server.name}.pem", server.folder / f"{server.name}.key"

    def write() -> trustme.CA:
        authority = trustme.CA()
        made = authority.issue_cert("localhost")
        made.cert_chain_pems[0].write_to_path(str(files[0]))
        made.private_key_pem.write_to_path(str(files[1]))
        if server.name == "granian":  # takes PKCS#8 alone
            pkcs8 = subprocess.run(
                ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", str(files[1])], capture_output=True, check=True
            )
            files[1].write_bytes(pkcs8.stdout)
        return authority

    def speak(authority: trustme.CA, process: subprocess.Popen[bytes]) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context.wrap_socket(reach(("127.0.0.1", port), process), server_hostname="localhost")

    first = write()
    with server.running(f"port:{port}", (str(files[0]), str(files[1]))) as process:
        under_way = speak(first, process)
        under_way.sendall(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + bytes(100_000))
        second = write()
        process.send_signal(signal.SIGHUP)
        shown = "no"
        for _ in range(40):
            time.sleep(0.25)
            with contextlib.suppress(OSError, ssl.SSLError):
                speak(second, process).close()
                shown = "yes"
                break
        try:
            under_way.sendall(bytes(100_000))
            ended = answer(under_way)
        except OSError as error:
            ended = type(error).__name__
    return f"new certificate: {shown}, the upload: {ended}"


QUESTIONS = {
    "back-pressure": backpressure,
    "path": raw_path,
    "ambiguous heads": ambiguous,
    "slow clients": slow,
    "early refusals seen": refusal,
    "HTTP/2": http2,
}


def main() -> None:
    """Print what each server did, a line a question."""
    environment = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory(prefix="properties") as folder:
        for offset, name in enumerate(sys.argv[2:] or ("own", "granian", "uvicorn", "hypercorn")):
            server, port = Asked(name, environment, Path(folder)), 9200 + offset
            for what, question in QUESTIONS.items():
                with server.running(f"port:{port}") as process:
                    first = reach(("127.0.0.1", port), process)
                    first.sendall(b"GET /show HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    answer(first)  # some listen before they serve

                    def connect(process: subprocess.Popen[bytes] = process, port: int = port) -> socket.socket:
                        return reach(("127.0.0.1", port), process)

                    print(f"{name}: {what}: {question(process, connect)}", flush=True)
            print(f"{name}: sockets: {places(server)}", flush=True)
            print(f"{name}: TLS: {renewal(server, port + 20)}", flush=True)


if __name__ == "__main__":
    main()
