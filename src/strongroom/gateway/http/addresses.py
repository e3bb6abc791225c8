"""Addresses, and who counts as one: whoever has an IPv6 address has a whole network of them."""

from __future__ import annotations

import functools
import ipaddress


def plain(address: str) -> str:
    """An address as people write it: IPv4 as IPv4 also on a socket for both."""
    return address.removeprefix("::ffff:") if "." in address else address


@functools.lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """With whom an address is counted: IPv4 for itself, IPv6 as its 64 bits; what is no address for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def parse_address(text: str) -> str | None:
    """An address as a proxy writes it, with or without a port; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    else:
        port = ""
    if port and not (port.isascii() and port.isdecimal()):
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found)
