"""Which proxy the environment names for a server, by Go's rules, which restic and most programs for servers follow.

``HTTP_PROXY`` and ``HTTPS_PROXY`` by the server's scheme, upper case before lower case; ``NO_PROXY`` with networks,
addresses, hosts (and all below them), ``.domain`` (only what is below), ``*``, each perhaps with a port; never for
this machine itself; ``HTTP_PROXY`` never within CGI, where whoever sends a request sets it. The rules are those of
golang.org/x/net/http/httpproxy, the kinds of proxy those of net/http.
"""

from __future__ import annotations

import contextlib
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.storage.http.endpoint import Endpoint

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@record
class Proxy:
    """A proxy: ``scheme`` is http, https, socks5 or socks5h; the names of servers are looked up by the proxy."""

    scheme: str
    host: str
    port: int
    username: str | None = field(repr=False)
    password: str = field(repr=False)

    @property
    def shown(self) -> str:
        """How errors name it, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {self.scheme}://{host}:{self.port}"


def proxy_for(address: Endpoint, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for this server, if any. Raises ``ConfigurationError``, which names the variable and no secret."""
    if address.socket is not None:
        return None
    names = ("HTTPS_PROXY", "https_proxy") if address.tls else ("HTTP_PROXY", "http_proxy")
    variable = next((name for name in names if environment.get(name)), None)
    if variable is None:
        return None
    proxy = _parsed(environment[variable], variable)
    if proxy is None:
        return None
    if not address.tls and environment.get("REQUEST_METHOD"):
        raise ConfigurationError(
            "is not believed within CGI, where whoever sends a request can set it",
            subject=variable,
            hint="Take REQUEST_METHOD out of the environment if this is no CGI script.",
        )
    excepted = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    return proxy if _used(address.host, address.port, excepted) else None


def _parsed(text: str, variable: str) -> Proxy | None:
    """None for what is no URL, which Go passes over, too."""
    try:
        parts = urlsplit(text)
        if not parts.scheme or not parts.netloc:
            parts = urlsplit(f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    if parts.scheme not in _PORTS:
        raise ConfigurationError(
            f"names a kind of proxy that is not known: {parts.scheme}",
            subject=variable,
            hint="Known are http://, https://, socks5:// and socks5h://.",
        )
    username = None if parts.username is None else unquote(parts.username, errors="surrogateescape")
    return Proxy(
        parts.scheme,
        host,
        port or _PORTS[parts.scheme],
        username,
        unquote(parts.password or "", errors="surrogateescape"),
    )


def _used(host: str, port: int, excepted: str) -> bool:
    """Whether the proxy is used for a server: not for this machine, nor for what ``NO_PROXY`` excepts."""
    if host == "localhost":
        return False
    address = _address(host)
    if address is not None and _plain(address).is_loopback:
        return False
    host = host.strip().lower()
    return not any(_matches(entry.strip().lower(), host, address, port) for entry in excepted.split(","))


def _matches(entry: str, host: str, address: _Address | None, port: int) -> bool:
    """Whether an entry of ``NO_PROXY`` speaks of this server."""
    if entry == "*":
        return True
    if "/" in entry:
        network = _network(entry)
        if network is not None:
            return address is not None and (_plain(address) in network or address in network)
    name, only_port = _split(entry)
    if not name or (only_port and only_port != str(port)):
        return False
    its = _address(name)
    if its is not None:
        return address is not None and _plain(its) == _plain(address)
    name = name.removeprefix("*") if name.startswith("*.") else name
    with contextlib.suppress(UnicodeError):
        name = name if name.isascii() else name.encode("idna").decode()
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split(entry: str) -> tuple[str, str]:
    """Host and port; the port is empty where there is none. ``::1`` is a host, ``[::1]:80`` has a port."""
    if entry.startswith("["):
        host, mark, rest = entry[1:].partition("]")
        return (host, rest[1:]) if mark and rest.startswith(":") else ("", "")
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _plain(address: _Address) -> _Address:
    """An IPv4 address that is written as one of IPv6 is the IPv4 address, as in Go."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
