"""All settings of a gateway, as the flags and the policy file give them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.base.objects import Kind

MIB = 1 << 20
GIB = 1 << 30


def _limits() -> dict[Kind, int]:
    from strongroom.base.objects import Kind  # noqa: PLC0415 - the dataclass needs a function here

    return {
        Kind.CONFIG: 64 * 1024,
        Kind.KEY: 64 * 1024,
        Kind.LOCK: 64 * 1024,
        Kind.SNAPSHOT: 16 * MIB,
        Kind.INDEX: 256 * MIB,
        Kind.DATA: GIB,
    }


@dataclass(frozen=True, slots=True)
class Settings:
    """How a gateway serves. The names are those of the flags."""

    path: str
    listen: tuple[str, ...] = (":8000",)
    append_only: bool = False
    private_repos: bool = False
    htpasswd_file: str | None = None
    no_auth: bool = False
    tls: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_min_ver: str = "1.2"
    max_size: int = 0
    log: str | None = None
    log_format: str = "combined"
    prometheus: bool = False
    prometheus_no_auth: bool = False
    proxy_auth_username: str | None = None
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128", "unix")
    group_accessible_repos: bool = False
    config: str | None = None
    """The policy file."""
    state: str | None = None
    database: str | None = None
    signing_key: str | None = None
    host: str | None = None
    """The name in the log's origin, ``<host>/.strongroom/log``."""
    workers: int = 2
    allow_plaintext: bool = False
    public_log: bool = False
    witness: str | None = None
    witness_key: str | None = None
    uploads_per_principal: int = 32
    locks_per_principal: int = 64
    keys_per_repository: int = 16
    drain_seconds: float = 20.0
    slow_rate: int = 8000
    slow_span: float = 30.0
    """A body that brings fewer than so many bytes a second over so many seconds is cut off."""
    receipts: bool = True
    """Only the bench of the gateway turns this off, to see what receipts cost; no flag does."""
    limits: dict[Kind, int] = field(default_factory=_limits)

    @property
    def state_folder(self) -> str:
        """Where the database and the signing key are."""
        return self.state or os.environ.get("STATE_DIRECTORY") or os.path.join(self.path, ".strongroom")

    @property
    def database_url(self) -> str:
        """SQLite in the state, unless another is given."""
        return self.database or f"sqlite:///{os.path.abspath(self.state_folder)}/gateway.db"

    @property
    def log_folder(self) -> str:
        """Where the log's tiles are: with the store."""
        return os.path.join(self.path, ".strongroom", "log")

    @property
    def origin(self) -> str:
        """The log's name."""
        import socket  # noqa: PLC0415

        return f"{self.host or socket.getfqdn() or 'localhost'}/.strongroom/log"
