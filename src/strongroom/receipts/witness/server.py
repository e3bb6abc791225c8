"""The witness over HTTP: ``POST <prefix>/add-checkpoint``, and ``GET <prefix>/latest/<SHA-256 of the origin>``.

The C2SP protocol leaves reading to be decided; ``latest`` is ours. The requests are few and small, so the standard
library's threading server is enough; a slow sender is cut off, and the number of connections is bounded, in all and for
each address: where no place is left, who only waits loses his to who is new.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing
from strongroom.base.server_log import LOG
from strongroom.receipts.witness.witness import MAX_REQUEST, Refusal, parse_submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.receipts.witness.witness import Witness

_TEXT = "text/plain; charset=utf-8"
MAX_CONNECTIONS = 64
MAX_OF_ONE = 16
"""Connections at once from one address; an IPv6 /64 is one."""
SECONDS = 10.0
"""A read or write that takes longer ends the connection."""
LONGEST = 30.0
"""Seconds after which a connection ends, however its bytes drip in."""


class WitnessServer(ThreadingHTTPServer):
    """A server for one witness; it logs each request."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.witness = witness
        self._taken: dict[socket.socket, str] = {}
        """Whose each connection is, by address, in the order in which they came."""
        self._working: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """Serve in a thread when there is a place, else close: the sender tries again within a minute."""
        if not self._enter(request, _network(client_address[0])):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started, and none gives the place back
            self._leave(request)
            raise  # the server closes the connection, and goes on

    def process_request_thread(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """Serve one connection."""
        end = threading.Timer(LONGEST, _hang_up, (request,))
        end.daemon = True
        try:
            try:
                end.start()
            except RuntimeError:  # no thread to be had: nobody would end it, so it ends now
                self.shutdown_request(request)
                return
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._leave(request)

    @contextlib.contextmanager
    def at_work(self, request: socket.socket) -> Iterator[None]:
        """Within this something is done for a connection: it is not ended for another."""
        with self._guard:
            self._working.add(request)
        try:
            yield
        finally:
            with self._guard:
                self._working.discard(request)

    def _enter(self, request: socket.socket, who: str) -> bool:
        """Whether there is a place, be it that of a connection that only waits."""
        with self._guard:
            crowds = Counter(self._taken.values())
            if crowds[who] >= MAX_OF_ONE:
                free = self._end_one(who)
            else:
                free = len(self._taken) < MAX_CONNECTIONS or self._end_one(None)
            if free:
                self._taken[request] = who
            return free

    def _end_one(self, who: str | None) -> bool:
        """End the connection that has waited longest, of an address or of the one that has the most of them."""
        waiting = {
            one: whose for one, whose in self._taken.items() if one not in self._working and who in (None, whose)
        }
        if not waiting:
            return False
        crowds = Counter(waiting.values())
        first = max(waiting, key=lambda one: crowds[waiting[one]])
        del self._taken[first]
        _hang_up(first)
        return True

    def _leave(self, request: socket.socket) -> None:
        with self._guard:
            self._taken.pop(request, None)

    def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def]  # noqa: ARG002
        """A connection that broke is the sender's affair."""
        LOG.info(f"{client_address[0]} the connection broke")


def _network(address: str) -> str:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else found
    return str(mapped or ipaddress.ip_network(f"{found}/64", strict=False))


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "strongroom-witness"
    sys_version = ""
    timeout = SECONDS

    def do_POST(self) -> None:
        """Countersign."""
        lengths = self.headers.get_all("Content-Length", [])
        length = lengths[0] if len(lengths) == 1 and "Transfer-Encoding" not in self.headers else ""
        if not self.path.endswith("/add-checkpoint"):
            self._answer(404, b"no such place\n", close=True)
        elif not length.isdecimal() or len(length) > 9 or int(length) > MAX_REQUEST:
            self._answer(400, b"the body needs a length, and a small one\n", close=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):  # else it broke off
                with self.server.at_work(self.connection):
                    self._submit(body)

    def _submit(self, body: bytes) -> None:
        try:
            self._answer(200, self.server.witness.add_checkpoint(parse_submission(body)).encode())
        except Refusal as refusal:
            if refusal.size is not None:
                self._answer(refusal.status, b"%d\n" % refusal.size, kind="text/x.tlog.size")
            else:
                self._answer(refusal.status, f"{refusal.what}\n".encode())
        except OSError:
            self._answer(500, b"the checkpoint could not be kept\n")

    def do_GET(self) -> None:
        """The last countersigned checkpoint."""
        place, _, digest = self.path.rpartition("/")
        try:
            if not place.endswith("/latest"):
                raise Missing("no such place")
            with self.server.at_work(self.connection):
                self._answer(200, self.server.witness.latest(digest))
        except Missing as error:
            self._answer(404, f"{error.what}\n".encode())

    def _answer(
        self, status: int, body: bytes, *, kind: str = "text/plain; charset=utf-8", close: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """One line for each request; what a sender wrote is escaped."""
        LOG.info(f"{self.client_address[0]} {(format % args).encode('unicode_escape').decode()}")
