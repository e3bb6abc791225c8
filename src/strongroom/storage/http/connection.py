"""HTTP/1.1 connections that are kept and used again.

The standard library's client does what is needed (its sends and reads release the interpreter lock), starts faster than
urllib3 and lets an upload be pushed block by block, which urllib3's public interface does not.
"""

from __future__ import annotations

import functools
import http.client
import os
import select
import socket
import stat
import threading
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import ConfigurationError, Refused, StoreError, Unavailable
from strongroom.storage.http.endpoint import Endpoint
from strongroom.storage.http.head import WholeHead
from strongroom.storage.http.proxies import proxy_for
from strongroom.storage.http.tunnels import credentials_header, socks, tunnel
from strongroom.storage.http.wire import ClientWire, connect, connect_to
from strongroom.storage.stopping import Purpose, Stop
from strongroom.storage.transient import Unreachable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from strongroom.storage.options import StoreOptions

_CONNECT_TIMEOUT = 30.0
_LONGEST = 16 << 20
"""Bytes of certificates; all authorities of a system take a hundredth."""
_COPYING = threading.Lock()


def tls_context(options: StoreOptions) -> ssl.SSLContext:
    """How to believe and to be believed. Raises ``ConfigurationError`` for a certificate that cannot be read."""
    import ssl  # noqa: PLC0415 -- 10 ms, for https alone

    context = ssl.create_default_context()
    subject = ""
    try:
        if options.cacert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for subject in options.cacert:
                context.load_verify_locations(cafile=_readable_again(subject))
        if options.client_certificate:
            subject = options.client_certificate
            context.load_cert_chain(_readable_again(subject))
    except OSError as error:
        why = "it holds none" if isinstance(error, ssl.SSLError) else error.strerror
        hint = "A PEM file is needed, with its private key for --tls-client-cert."
        raise ConfigurationError(f"no usable certificate: {why}", subject=subject, hint=hint) from error
    if options.insecure_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _readable_again(path: str) -> str:
    """The path itself; for a pipe, which can be read once, a copy in memory that serves every connection."""
    status = os.stat(path)
    if not stat.S_ISFIFO(status.st_mode):
        return path
    with _COPYING:  # else two repositories that open at once would each get a part of it
        return _copied(path, status.st_dev, status.st_ino)


@functools.lru_cache
def _copied(path: str, _device: int, _inode: int) -> str:
    with open(path, "rb") as pipe:
        data = pipe.read(_LONGEST)
    descriptor = os.memfd_create("strongroom-certificate", os.MFD_CLOEXEC)  # until the process ends
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return f"/proc/self/fd/{descriptor}"


class Connection(http.client.HTTPConnection):
    """A connection that stands already."""

    auto_open = 0
    response_class = WholeHead

    def __init__(self, address: Endpoint, wire: ClientWire) -> None:
        super().__init__(address.host, address.port)
        if address.tls:
            self.default_port = http.client.HTTPS_PORT
        self.wire = wire
        self.sock: Any = wire


class Pool:
    """Connections to one server. Safe to use from many threads; each connection serves one at a time."""

    def __init__(self, address: Endpoint, options: StoreOptions) -> None:
        self._address = address
        self._timeout = options.stuck_timeout
        self._stop = Stop(options)
        self._options = options
        self._context = tls_context(options) if address.tls else None
        self._proxy = proxy_for(address, options.environment)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._open = True
        self.ended: Callable[[], StoreError | None] = lambda: None
        """Asked when nobody answers: why nobody ever will, where that is known."""

    def target(self, path: str) -> str:
        """What stands in the request line for this path: an HTTP proxy for plain HTTP wants the whole URL."""
        if not self._absolute:
            return path
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"http://{host}:{self._address.port}{path}"

    @property
    def headers(self) -> dict[str, str]:
        """Headers for an HTTP proxy of plain HTTP."""
        return credentials_header(self._proxy) if self._absolute and self._proxy is not None else {}

    @property
    def _absolute(self) -> bool:
        return self._proxy is not None and self._proxy.scheme in {"http", "https"} and not self._address.tls

    def take(self, purpose: Purpose = Purpose.READ) -> tuple[Connection, bool]:
        """A connection, and whether it was used before. Raises ``Unreachable``, ``Refused``, ``Interrupted``."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect(purpose), False
            connection.wire.purpose = purpose
            if not readable(connection.wire):
                return connection, True
            connection.close()  # the server has closed it, or says what nobody asked

    def give(self, connection: Connection) -> None:
        """Take back a connection whose answer was read to its end."""
        with self._lock:
            if self._open and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back. Idempotent."""
        with self._lock:
            idle, self._idle, self._open = self._idle, [], False
        for connection in idle:
            connection.close()

    def _connect(self, purpose: Purpose) -> Connection:
        address, proxy = self._address, self._proxy
        try:
            wire = self._reach(purpose)
        except (OSError, http.client.HTTPException, UnicodeError) as error:  # UnicodeError: no such name can be
            ended = self.ended()
            if ended is not None:
                raise ended from error
            if proxy is None:
                raise connection_error(error, address.shown, connecting=True) from error
            raise connection_error(error, address.shown, connecting=True, through=proxy.shown) from error
        wire.timeout = self._timeout
        return Connection(address, wire)

    def _reach(self, purpose: Purpose) -> ClientWire:
        """A wire to the server, through the proxy and TLS where they are wanted."""
        address, proxy = self._address, self._proxy
        if address.socket is not None:
            wire = connect(socket.AF_UNIX, address.socket, self._stop, _CONNECT_TIMEOUT, purpose)
        else:
            host, port = (address.host, address.port) if proxy is None else (proxy.host, proxy.port)
            wire = connect_to(host, port, self._stop, _CONNECT_TIMEOUT, purpose)
        try:
            if proxy is not None and proxy.scheme == "https":
                wire.secure(tls_context(self._options), proxy.host)
            if proxy is not None and proxy.scheme.startswith("socks5"):
                socks(wire, proxy, address)
            elif proxy is not None and address.tls:
                tunnel(wire, proxy, address)
            if self._context is not None:
                wire.secure(self._context, address.host)
        except BaseException:
            wire.close()
            raise
        return wire


def readable(sock: ClientWire) -> bool:
    """Whether something has arrived, the end included. Does not wait."""
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def _words(error: Exception) -> str:
    """What the system said, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def connection_error(
    error: Exception, subject: str, *, connecting: bool = False, through: str = "the server"
) -> StoreError:
    """What a broken connection means: permanent when trust is missing, passing otherwise. ``through``: a proxy."""
    import ssl  # noqa: PLC0415 -- only once something went wrong

    reason = str(getattr(error, "reason", "") or "")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(
            f"the server's certificate is not trusted: {error.verify_message}",
            subject=subject,
            hint="Give its authority with --cacert FILE.",
        )
    if isinstance(error, ssl.SSLError) and "CERTIFICATE" in reason:
        return Refused(
            f"the server does not accept our certificate: {reason}",
            subject=subject,
            hint="Give one with --tls-client-cert FILE.",
        )
    if connecting and isinstance(error, ssl.SSLError) and reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
        return Refused("the server does not speak TLS", subject=subject, hint="Is it http:// rather than https://?")
    text = "no progress for too long" if isinstance(error, TimeoutError) else _words(error)
    if connecting:
        return Unreachable(f"{through} cannot be reached: {text}", subject=subject)
    return Unavailable(f"the connection broke: {text}", subject=subject)
