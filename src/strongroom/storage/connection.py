"""HTTP/1.1 connections that are kept and used again.

The standard library's client does what is needed (its sends and reads release the interpreter lock), starts faster than
urllib3 and lets an upload be pushed block by block, which urllib3's public interface does not.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import select
import socket
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError, Refused, StoreError, Unavailable
from strongroom.base.record import record
from strongroom.storage.passing import Unreachable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from strongroom.storage.options import StoreOptions

_CONNECT_TIMEOUT = 30.0


def tls_context(options: StoreOptions) -> ssl.SSLContext:
    """How to believe and to be believed. Raises ``ConfigurationError`` for a certificate that cannot be read."""
    import ssl  # noqa: PLC0415 -- 10 ms, for https alone

    context = ssl.create_default_context()
    subject = ""
    try:
        if options.cacert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for subject in options.cacert:
                context.load_verify_locations(cafile=subject)
        if options.client_certificate:
            subject = options.client_certificate
            context.load_cert_chain(subject)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"no usable certificate: {error.strerror or error}", subject=subject, hint="A PEM file is needed."
        ) from error
    if options.insecure_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@record
class Endpoint:
    """A server: ``shown`` is how errors name it, ``socket`` a path where it listens in the file system."""

    tls: bool
    host: str
    port: int
    socket: str | None
    shown: str


class Pool:
    """Connections to one server. Safe to use from many threads; each connection serves one at a time."""

    def __init__(self, address: Endpoint, options: StoreOptions) -> None:
        self._address = address
        self._timeout = options.stuck_timeout
        self._context = tls_context(options) if address.tls else None
        self._proxy = _Proxy.for_address(address, options)
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._open = True
        self.ended: Callable[[], StoreError | None] = lambda: None
        """Asked when nobody answers: why nobody ever will, where that is known."""

    def target(self, path: str) -> str:
        """What stands in the request line for this path: a proxy for plain HTTP wants the whole URL."""
        if self._proxy is None or self._address.tls:
            return path
        return f"http://{self._address.host}:{self._address.port}{path}"

    @property
    def headers(self) -> dict[str, str]:
        """Headers for a proxy of plain HTTP."""
        return self._proxy.headers if self._proxy is not None and not self._address.tls else {}

    def take(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before. Raises ``Unreachable``, ``Refused``."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect(), False
            if connection.sock is not None and not readable(connection.sock):
                return connection, True
            connection.close()  # the server has closed it, or says what nobody asked

    def give(self, connection: http.client.HTTPConnection) -> None:
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

    def _connect(self) -> http.client.HTTPConnection:
        address = self._address
        host, port = (address.host, address.port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        connection: http.client.HTTPConnection
        if address.socket is not None:
            connection = _UnixConnection(address.socket, _CONNECT_TIMEOUT)
        elif self._context is not None:
            connection = http.client.HTTPSConnection(host, port, timeout=_CONNECT_TIMEOUT, context=self._context)
            if self._proxy is not None:
                connection.set_tunnel(address.host, address.port, headers=self._proxy.headers)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_CONNECT_TIMEOUT)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException, UnicodeError) as error:  # UnicodeError: no such name can be
            connection.close()
            raise self.ended() or connection_error(error, address.shown, connecting=True) from error
        assert connection.sock is not None
        connection.sock.settimeout(self._timeout)
        return connection


def readable(sock: socket.socket) -> bool:
    """Whether something has arrived, the end included. Does not wait."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def connection_error(error: Exception, subject: str, *, connecting: bool = False) -> StoreError:
    """What a broken connection means: permanent when trust is missing, passing otherwise."""
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
    text = "no progress for too long" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    if connecting:
        return Unreachable(f"the server cannot be reached: {text}", subject=subject)
    return Unavailable(f"the connection broke: {text}", subject=subject)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.ExitStack() as stack:
            stack.callback(self.sock.close)
            self.sock.settimeout(_CONNECT_TIMEOUT)
            self.sock.connect(self._path)
            stack.pop_all()


class _Proxy:
    """A proxy named by the environment, as curl and restic read it."""

    def __init__(self, host: str, port: int, headers: dict[str, str]) -> None:
        self.host = host
        self.port = port
        self.headers = headers

    @classmethod
    def for_address(cls, address: Endpoint, options: StoreOptions) -> _Proxy | None:
        """The proxy for this address, if any; never for this machine itself."""
        scheme = "https" if address.tls else "http"
        environment = {name.lower(): value for name, value in options.environment.items() if "proxy" in name.lower()}
        url = environment.get(f"{scheme}_proxy")
        if not url or address.socket is not None or address.host in {"localhost", "127.0.0.1", "::1"}:
            return None
        from urllib.parse import unquote, urlsplit  # noqa: PLC0415
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # noqa: PLC0415

        if proxy_bypass_environment(f"{address.host}:{address.port}", {"no": environment.get("no_proxy", "")}):
            return None
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigurationError("only http:// proxies are known", subject=f"{scheme}_proxy")
        headers = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
        return cls(parts.hostname, parts.port or 80, headers)
