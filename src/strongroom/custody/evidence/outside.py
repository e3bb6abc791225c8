"""What lies outside of state and store, and how it is reached: logs, witnesses, other clocks, this system's boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import field, record
from strongroom.base.steady import since_boot_ns
from strongroom.custody.evidence.web_clocks import WebClocks
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.receipts.commit.committer import boot_id
from strongroom.receipts.witness.client import WitnessClient
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest.url import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.evidence.clocks import ClockSource
    from strongroom.receipts.log.note import Verifier


def this_boot() -> tuple[str, int]:
    """The system's boot ID, and nanoseconds since its start."""
    return boot_id(), since_boot_ns()


def open_log(url: str, options: StoreOptions) -> GatewayLog:
    """The log of the gateway that serves a repository at this URL."""
    return GatewayLog(parse(url.removeprefix("rest:"), options), options)


def open_witness(url: str, verifier: Verifier) -> WitnessClient:
    """The witness at this URL."""
    return WitnessClient(url, verifier)


@record
class Outside:
    """What a round needs beside state and store: ways to reach others, and web servers whose clocks count."""

    options: StoreOptions = field(default_factory=StoreOptions)
    clocks: WebClocks = field(default_factory=WebClocks)
    boot: Callable[[], tuple[str, int]] = this_boot
    more: Callable[[], tuple[ClockSource, ...]] = tuple
    """Clocks that are asked in some other way."""
    open_log: Callable[[str, StoreOptions], GatewayLog] = open_log
    open_witness: Callable[[str, Verifier], WitnessClient] = open_witness
