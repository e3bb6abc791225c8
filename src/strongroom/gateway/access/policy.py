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
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from strongroom.base.errors import ConfigurationError
from strongroom.gateway.access.roles import GIVEN, Role

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")
_SIZE = re.compile(r"([0-9]+)\s*([KMGTP]?)(?:i?B)?\Z", re.IGNORECASE)
_TOKEN_HASH = re.compile(r"([0-9a-f]{16}):([0-9a-f]{64})\Z")
_TABLES = {"version", "principal", "rule", "server", "log", "witness"}
_PRINCIPAL_KEYS = {"token_sha256", "quota", "objects", "snapshots_per_day", "reads_per_day", "addresses"}


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
class Rule:
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
class Policy:
    """A file that loaded."""

    principals: dict[str, FixedPrincipal] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    server: dict[str, Any] = field(default_factory=dict)
    """Settings of the server by the names of its flags, with underlines."""

    def role(self, principal: str, repository: str) -> Role | None:
        """The role that the rules give; of several the first."""
        for rule in self.rules:
            if rule.principal == principal and any(fnmatch.fnmatchcase(repository, p) for p in rule.repositories):
                return rule.role
        return None


def load_policy(path: str) -> Policy:
    """The policy in a file. Raises ``ConfigurationError`` with the table and key."""
    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"the policy cannot be read: {error.strerror}", subject=path) from None
    except (ValueError, RecursionError) as error:  # not TOML, or not even UTF-8
        raise ConfigurationError(f"not TOML: {error}", subject=path) from None
    _known(data, _TABLES, path)
    if data.get("version") != 1:
        raise ConfigurationError("version = 1 is understood", subject=f"{path}: version")
    principals = {}
    for name, table in _table(data, "principal", path).items():
        principals[check_name(name, f"{path}: principal")] = _fixed(name, table, f"{path}: principal.{name}")
    rules = data.get("rule", [])
    if not isinstance(rules, list):
        raise ConfigurationError("rules are written as [[rule]]", subject=f"{path}: rule")
    return Policy(
        principals, tuple(_rule(r, f"{path}: rule {n}") for n, r in enumerate(rules, 1)), _table(data, "server", path)
    )


def check_name(name: str, subject: str = "") -> str:
    """A principal's name. Raises ``ConfigurationError``."""
    if _NAME.match(name) is None:
        hint = "letters, digits, dot, dash, underline and @; at most 64"
        raise ConfigurationError(f"not a name for a principal: {name[:80]!r}", subject=subject, hint=hint)
    return name


def parse_size(text: object, subject: str) -> int:
    """Bytes, as ``500G`` or a number; factors of 1024. Raises ``ConfigurationError``."""
    match = _SIZE.match(str(text))
    if match is None:
        raise ConfigurationError(f"not a size: {text!r}", subject=subject, hint="such as 500G")
    return int(match[1]) << (10 * " KMGTP".index(match[2].upper() or " "))


def check_addresses(found: object, subject: str) -> str:
    """Networks as one text. Raises ``ConfigurationError``."""
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigurationError("a list of networks is due", subject=subject)
    try:
        return " ".join(str(ipaddress.ip_network(one, strict=False)) for one in found)
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


def _fixed(name: str, table: Any, subject: str) -> FixedPrincipal:
    if not isinstance(table, dict):
        raise ConfigurationError("a table is due", subject=subject)
    _known(table, _PRINCIPAL_KEYS, subject)
    tokens = {}
    hashes = table.get("token_sha256", [])
    if not isinstance(hashes, list):
        raise ConfigurationError("a list is due", subject=f"{subject}.token_sha256")
    for one in hashes:
        match = _TOKEN_HASH.match(one) if isinstance(one, str) else None
        if match is None:
            raise ConfigurationError("a token's ID and hash are due, as ID:HASH", subject=f"{subject}.token_sha256")
        tokens[match[1]] = bytes.fromhex(match[2])
    quota = Quota(
        parse_size(table["quota"], f"{subject}.quota") if "quota" in table else None,
        _number(table, "objects", subject),
        _number(table, "snapshots_per_day", subject),
        parse_size(table["reads_per_day"], f"{subject}.reads_per_day") if "reads_per_day" in table else None,
    )
    return FixedPrincipal(name, tokens, quota, check_addresses(table.get("addresses", []), f"{subject}.addresses"))


def _rule(table: Any, subject: str) -> Rule:
    if not isinstance(table, dict):
        raise ConfigurationError("a table is due", subject=subject)
    _known(table, {"principal", "repositories", "role"}, subject)
    role = GIVEN.get(str(table.get("role")))
    if role is None:
        raise ConfigurationError("the role is host, auditor or custodian", subject=f"{subject}.role")
    names = table.get("repositories")
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise ConfigurationError("a list of repositories is due", subject=f"{subject}.repositories")
    return Rule(check_name(str(table.get("principal")), f"{subject}.principal"), tuple(names), role)


def _number(table: dict[str, Any], key: str, subject: str) -> int | None:
    found = table.get(key)
    if found is not None and (type(found) is not int or found < 0):
        raise ConfigurationError("a number is due", subject=f"{subject}.{key}")
    return found


def _table(data: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise ConfigurationError("a table is due", subject=f"{path}: {key}")
    return found


def _known(data: dict[str, Any], keys: set[str], subject: str) -> None:
    for key in data:
        if key not in keys:
            raise ConfigurationError(
                "unknown key", subject=f"{subject}: {key}", hint=f"known: {', '.join(sorted(keys))}"
            )
