"""The gateway's file for the verbs of ``config``: what it says, and what is in force by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.redact import redact
from strongroom.gateway.access.policy import load_policy
from strongroom.gateway.access.policy_form import SERVER_KEYS
from strongroom.gateway.settings import DEFAULT_PATH, GatewaySettings

if TYPE_CHECKING:
    from strongroom.gateway.access.policy import AccessPolicy


def read_gateway_file(path: str | None) -> tuple[str, AccessPolicy]:
    """The file that was named, read and checked. Raises ``UsageError`` without one, ``ConfigurationError``."""
    if path is None:
        raise UsageError("which file?", hint="Name the gateway's file with --config, as for `gateway serve`.")
    return path, load_policy(path)


def rows(path: str, policy: AccessPolicy) -> list[tuple[str, Any, str]]:
    """Name, value and origin of everything; nothing of a token but its ID, nothing of a password in a URL."""
    settings = GatewaySettings(**{"path": DEFAULT_PATH, **policy.server})
    found: list[tuple[str, Any, str]] = []
    for name in SERVER_KEYS:
        value = getattr(settings, name)
        value = redact(value) if isinstance(value, str) else list(value) if isinstance(value, tuple) else value
        found.append((f"server.{name}", value, path if name in policy.server else "default"))
    for name, one in policy.principals.items():
        values = {
            "token_sha256": list(one.tokens),
            "quota": one.quota.bytes,
            "objects": one.quota.objects,
            "snapshots_per_day": one.quota.snapshots,
            "reads_per_day": one.quota.reads,
            "addresses": one.addresses.split(),
        }
        for key, value in values.items():
            found.append((f"principal.{name}.{key}", value, path if value not in (None, []) else "default"))
    for number, rule in enumerate(policy.rules, 1):
        found.append((f"rule {number}.principal", rule.principal, path))
        found.append((f"rule {number}.repositories", list(rule.repositories), path))
        found.append((f"rule {number}.role", rule.role.value, path))
    return found
