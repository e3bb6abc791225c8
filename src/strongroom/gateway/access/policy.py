"""The policy: who may do what with which repository. One TOML file, which may be read anew at any time.

version = 1
[principal.web01]                      # a fixed principal; others are made with `gateway principal add`
token_sha256 = ["<id>:<64 hex digits>"]
quota = "500G"
objects = 1000000
snapshots_per_day = 48
reads_per_day = "50G"                  # beyond this an alarm, no refusal
addresses = ["192.0.2.0/24"]
[[rule]]
principal = "web01"
repositories = ["web01", "shared/*"]
role = "host"
"""

from __future__ import annotations

import fnmatch
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom.base.configuration.document import parse, read_text
from strongroom.base.errors import ConfigurationError
from strongroom.base.quantities import size
from strongroom.gateway.access.policy_form import FORM, PRINCIPAL, networks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.gateway.access.roles import Role


@dataclass(frozen=True, slots=True)
class Quota:
    """What a principal may store: bytes, objects, snapshots a day; None is without limit."""

    bytes: int | None = None
    objects: int | None = None
    snapshots: int | None = None
    reads: int | None = None
    """Bytes a day, beyond which reading is an alarm; it refuses nothing."""

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return (self.bytes, self.objects, self.snapshots) != (None, None, None)


NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A principal's role for the repositories whose paths match one of the patterns."""

    principal: str
    repositories: tuple[str, ...]
    role: Role


@dataclass(frozen=True, slots=True)
class FixedPrincipal:
    """A principal of the file."""

    name: str
    tokens: dict[str, bytes]
    quota: Quota
    addresses: str


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """A file that loaded."""

    principals: dict[str, FixedPrincipal] = field(default_factory=dict)
    rules: tuple[AccessRule, ...] = ()
    server: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the server by the names of its flags, with underlines."""

    def role(self, principal: str, repository: str) -> Role | None:
        """The role that the rules give; of several the first."""
        for rule in self.rules:
            if rule.principal == principal and any(fnmatch.fnmatchcase(repository, p) for p in rule.repositories):
                return rule.role
        return None


def load_policy(path: str) -> AccessPolicy:
    """The policy in a file. Raises ``ConfigurationError`` with the table and key."""
    return parse_policy(read_policy(path), path)


def read_policy(path: str) -> str:
    """The text of a policy. Raises ``ConfigurationError``."""
    return read_text(path, hint="`strongroom config generate --gateway` prints one to begin with.")


def parse_policy(text: str, path: str) -> AccessPolicy:
    """The policy that a file's text is. Raises ``ConfigurationError`` with the table and key."""
    found = parse(FORM, text, path)
    rules = tuple(AccessRule(one["principal"], one["repositories"], one["role"]) for one in found["rule"])
    return AccessPolicy({name: _fixed(name, one) for name, one in found["principal"].items()}, rules, found["server"])


def _fixed(name: str, table: Mapping[str, Any]) -> FixedPrincipal:
    quota = Quota(table.get("quota"), table.get("objects"), table.get("snapshots_per_day"), table.get("reads_per_day"))
    return FixedPrincipal(name, table.get("token_sha256", {}), quota, table.get("addresses", ""))


def check_name(name: str, subject: str = "") -> str:
    """A principal's name. Raises ``ConfigurationError``."""
    if PRINCIPAL.pattern.match(name) is None:
        what = f"not a name for a principal: {name[:80]!r}"
        raise ConfigurationError(what, subject=subject, hint=PRINCIPAL.hint)
    return name


def parse_size(text: str, subject: str) -> int:
    """Bytes, as ``500G`` or a number; factors of 1024. Raises ``ConfigurationError``."""
    try:
        return size(text)
    except ValueError as error:
        raise ConfigurationError(str(error), subject=subject) from None


def check_addresses(found: object, subject: str) -> str:
    """Networks as one text. Raises ``ConfigurationError``."""
    try:
        return networks(found)
    except ValueError as error:
        raise ConfigurationError(str(error), subject=subject) from None


def allowed_address(addresses: str, peer: str) -> bool:
    """Whether the peer's address lies in one of the networks, or there are none. A unix socket's peer has none."""
    if not addresses:
        return True
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(one) for one in addresses.split())
