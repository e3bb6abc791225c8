"""All settings of a gateway, as the flags and the policy file give them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from strongroom.base.errors import ConfigurationError
from strongroom.base.objects import Kind
from strongroom.receipts.commit.tail import TAIL_FILE

MIB = 1 << 20
GIB = 1 << 30
DEFAULT_PATH = "/tmp/restic"
"""rest-server's."""


def _limits() -> dict[Kind, int]:
    return {
        Kind.CONFIG: 64 * 1024,
        Kind.KEY: 64 * 1024,
        Kind.LOCK: 64 * 1024,
        Kind.SNAPSHOT: 16 * MIB,
        Kind.INDEX: 256 * MIB,
        Kind.DATA: GIB,
    }


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How a gateway serves. The names are those of the flags, and of the policy file's [server] table."""

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
    message_format: str = "text"
    """How the server's own messages on standard error look, text or json."""
    message_level: str = "info"
    """The least level of them that is said: info, warning or error."""
    prometheus: bool = False
    prometheus_no_auth: bool = False
    proxy_auth_username: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    """Networks, or ``unix``: whose word counts for who is asking and from where. Nobody's unless it is said."""
    group_accessible_repos: bool = False
    config: str | None = None
    """The policy file."""
    store: str | None = None
    """The URL of a bucket and prefix, instead of a folder: s3://, gs:// or az://."""
    store_options: tuple[str, ...] = ()
    """``key=value`` for the kind of store, such as s3.region=eu-central-1; as -o on the command line."""
    cacert: tuple[str, ...] = ()
    """Certificates to trust when the store is reached."""
    allow_unconditional: bool = False
    """Serve a store that replaces what it is given, with one gateway that serialises creation."""
    spool_bytes: int = 16 * GIB
    """How much uploads to a bucket may hold on the state's disk at once, over all workers."""
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
    reads_per_day: str = "10G"
    """Beyond this, and beyond ten times its own usual, a principal's reading is an alarm."""
    trash_days: int = 90
    """So long what a custodian deletes stays in the trash at least."""
    clock_kept_outside: bool = False
    """A hypervisor keeps the clock: the kernel's word that nobody does is no doubt."""
    drain_seconds: float = 20.0
    slow_rate: int = 8000
    slow_span: float = 30.0
    """A body that brings fewer than so many bytes a second over so many seconds is cut off."""
    limits: dict[Kind, int] = field(default_factory=_limits)

    def __post_init__(self) -> None:
        """Raises ``ConfigurationError`` where a folder for the state is missing."""
        if self.store and not (self.state or os.environ.get("STATE_DIRECTORY")):
            hint = "Give --state FOLDER, on a disk of this machine: it holds the database, the log's key and the spool."
            raise ConfigurationError("a gateway before a bucket needs a folder for its state", hint=hint)

    @property
    def home(self) -> str:
        """Where files are looked for that no flag names: the data folder, or the state where there is none."""
        return self.state_folder if self.store else self.path

    @property
    def state_folder(self) -> str:
        """Where the database and the signing key are."""
        return self.state or os.environ.get("STATE_DIRECTORY") or os.path.join(self.path, ".strongroom")

    @property
    def database_url(self) -> str:
        """SQLite in the state, unless another is given."""
        return self.database or f"sqlite:///{os.path.abspath(self.state_folder)}/gateway.db"

    def log_folder(self, origin: str) -> str:
        """Where a log's tiles are: with the store, under the last word of its origin."""
        return os.path.join(self.path, ".strongroom", origin.rpartition("/")[2])

    def key_file(self, origin: str) -> str:
        """Where a log's signing key is, unless one is given."""
        return os.path.join(self.state_folder, f"{origin.rpartition('/')[2]}.key")

    def tail_of(self, origin: str) -> str:
        """Where the newest head that was signed is kept: beside the tiles, or in the state of a bucket's gateway."""
        if not self.store:
            return os.path.join(self.log_folder(origin), TAIL_FILE)
        return os.path.join(self.state_folder, f"{origin.rpartition('/')[2]}.tail")

    @property
    def origin(self) -> str:
        """The log's name."""
        import socket  # noqa: PLC0415

        found = self.host or socket.getfqdn()
        if not found or found.partition(".")[0] == "localhost":  # without a network, as under our systemd unit
            found = socket.gethostname() or "localhost"
        return f"{found}/.strongroom/log"
