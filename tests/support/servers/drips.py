"""A server that never comes to an end: it says something each moment, and nothing whole."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def endless(first: bytes, piece: bytes, pause: float = 0.05, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that says ``first`` to each connection, then ``piece`` again and again, until it is closed.

    With a ``context`` it does so in TLS.
    """
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads: list[threading.Thread] = []

        def talk(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                speaking = connection if context is None else context.wrap_socket(connection, server_side=True)
                with speaking:
                    speaking.sendall(first)
                    while not ended.wait(pause):
                        speaking.sendall(piece)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while not ended.is_set():
                    threads.append(threading.Thread(target=talk, args=(listening.accept()[0],), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=serve, daemon=True)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in threads:
                one.join()
