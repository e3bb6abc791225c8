"""What the command line, the environment and the configuration say about reaching a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from strongroom.base.clock import Clock, SystemClock
from strongroom.base.errors import UsageError
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName

Environment = Mapping[str, str]


def _never() -> bool:
    return False


@record
class StoreOptions:
    """How to reach a store. Every field has restic's default."""

    cacert: tuple[str, ...] = ()
    """PEM files with authorities to trust, instead of the system's."""
    client_certificate: str | None = None
    """A PEM file with our certificate and its key."""
    insecure_tls: bool = False
    """Believe any certificate."""
    user_agent: str | None = None
    connections: int | None = None
    """Requests at once; None for the store's own default."""
    limit_upload: int = 0
    """KiB per second, 0 for no limit."""
    limit_download: int = 0
    """KiB per second, 0 for no limit."""
    stuck_timeout: float = 300.0
    """Seconds without a byte after which a request counts as lost."""
    longest_request: float = 3600.0
    """Seconds after which a whole request is given up, where the client library counts only that (Google, Azure)."""
    retry_for: float = 900.0
    """For how many seconds a passing fault is retried; 0 for never."""
    on_retry: Callable[[str], None] | None = None
    """Told of each wait before a retry, in one line without secrets."""
    on_promise: Callable[[ObjectName, str], None] | None = None
    """Told of each object that a gateway accepted, with its signed promise (the ``Strongroom-Receipt`` header)."""
    cancelled: Callable[[], bool] = _never
    """Asked while waiting; when it says yes, ``Interrupted`` is raised."""
    extended: Mapping[str, str] = field(default_factory=dict)
    """restic's ``-o key=value``: ``rclone.program``, ``rclone.args``, ``s3.region``, …"""
    environment: Environment = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)

    @property
    def seconds_of_retries(self) -> float:
        """``retry_for``, or what ``-o retry-for=SECONDS`` says (also ``-o rest.retry-for``, ``s3.retry-for``, …).

        Raises ``UsageError`` for what is no number of seconds.
        """
        for key, text in self.extended.items():
            if key.rpartition(".")[2] == "retry-for":
                if not text.isdecimal():
                    raise UsageError("this is no number of seconds", subject=f"-o {key}={text}")
                return float(text)
        return self.retry_for

    def variable(self, name: str) -> str | None:
        """``STRONGROOM_<name>``, else ``RESTIC_<name>`` from the environment."""
        return self.environment.get(f"STRONGROOM_{name}") or self.environment.get(f"RESTIC_{name}")
