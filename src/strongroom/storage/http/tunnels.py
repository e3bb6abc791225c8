"""Reaching a server through a proxy: CONNECT for HTTP proxies, RFC 1928 and 1929 for SOCKS."""

from __future__ import annotations

import base64
import http.client
import ipaddress
from typing import TYPE_CHECKING, cast

from strongroom.base.errors import Refused, StoreError, Unsupported
from strongroom.storage.transient import Unreachable

if TYPE_CHECKING:
    import socket

    from strongroom.storage.http.endpoint import Endpoint
    from strongroom.storage.http.proxies import Proxy
    from strongroom.storage.http.wire import ClientWire

_SOCKS_REASONS = {
    1: "it failed",
    2: "its rules forbid it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the connection was refused",
    6: "it took too long",
    7: "it knows no such command",
    8: "it knows no such kind of address",
}
_SOCKS_FOR_GOOD = {2, 7, 8}


def credentials_header(proxy: Proxy) -> dict[str, str]:
    """``Proxy-Authorization`` for an HTTP proxy; empty without credentials."""
    if proxy.username is None:
        return {}
    credentials = f"{proxy.username}:{proxy.password}".encode("utf-8", "surrogateescape")
    return {"Proxy-Authorization": "Basic " + base64.b64encode(credentials).decode()}


def tunnel(wire: ClientWire, proxy: Proxy, address: Endpoint) -> None:
    """Have an HTTP proxy connect to the server. Raises ``Refused``, ``Unreachable``, OSError, HTTPException."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = f"{_ascii(host)}:{address.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    lines += [f"{name}: {value}" for name, value in credentials_header(proxy).items()]
    wire.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = http.client.HTTPResponse(cast("socket.socket", wire), method="CONNECT")
    try:
        answer.begin()
        if answer.status == 200:
            return
        what = f"the proxy answered {answer.status} {_printable(answer.reason)}".rstrip()
        raise _refusal(answer.status in {502, 503, 504}, f"{what} when asked for {address.host}", proxy)
    finally:
        answer.close()


def socks(wire: ClientWire, proxy: Proxy, address: Endpoint) -> None:
    """Have a SOCKS5 proxy connect to the server. Raises ``Refused``, ``Unreachable``, ``Unsupported``, OSError."""
    methods = b"\x00" if proxy.username is None else b"\x00\x02"
    wire.sendall(b"\x05" + bytes([len(methods)]) + methods)
    version, method = wire.receive(2)
    if version != 5:
        raise Unsupported("what answers is no SOCKS5 proxy", subject=proxy.shown)
    if method == 2 and proxy.username is not None:
        user, password = (text.encode("utf-8", "surrogateescape") for text in (proxy.username, proxy.password))
        if not 0 < len(user) < 256 or len(password) > 255:
            raise Refused("SOCKS5 takes names and passwords of 1 to 255 bytes", subject=proxy.shown)
        wire.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
        if wire.receive(2)[1] != 0:
            raise Refused("the proxy does not know this user and password", subject=proxy.shown)
    elif method != 0:
        raise Refused("the proxy wants a user and a password", subject=proxy.shown)
    wire.sendall(b"\x05\x01\x00" + _socks_address(address) + address.port.to_bytes(2, "big"))
    _, reply, _, kind = wire.receive(4)
    if reply != 0:
        reason = _SOCKS_REASONS.get(reply, f"error {reply}")
        raise _refusal(reply not in _SOCKS_FOR_GOOD, f"the proxy cannot connect to {address.host}: {reason}", proxy)
    length = {1: 4, 4: 16}.get(kind) or wire.receive(1)[0]
    wire.receive(length + 2)


def _socks_address(address: Endpoint) -> bytes:
    try:
        found = ipaddress.ip_address(address.host)
    except ValueError:
        name = _ascii(address.host).encode()
        if len(name) > 255:
            raise Refused("the host's name is longer than SOCKS5 takes", subject=address.shown) from None
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if found.version == 4 else b"\x04") + found.packed


def _refusal(passing: bool, what: str, proxy: Proxy) -> StoreError:
    if passing:
        return Unreachable(what, subject=proxy.shown)
    return Refused(what, subject=proxy.shown, hint="Check the proxy's variables, or except the host with NO_PROXY.")


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode()


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:200]
