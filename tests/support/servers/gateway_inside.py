"""What one sees on a gateway's own machine: its receipts, its open descriptors, an operator's commands."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from strongroom.receipts.audit.entries import entries
from strongroom.receipts.log.leaf import Receipt
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateways import Gateway


def leaves(gateway: Gateway) -> list[Receipt]:
    """All receipts, after a graceful stop."""
    gateway.stop()
    return [receipt for _, receipt in entries(gateway.source, 0, 10_000)]


def operate(gateway: Gateway, *words: str) -> tuple[int, str]:
    """An operator's command on the gateway's machine."""
    env = environment(gateway.folder, gateway.variables)
    done = run([STRONGROOM, "gateway", *words, *gateway.where], env=env)
    return done.code, done.out + done.err


def descriptors(gateway: Gateway) -> int:
    """How many files and connections the gateway's processes have open.

    Without the database's files and the sockets between its processes: these are kept for later, bounded, and how many
    there are hangs on how many threads happened to need one at once.
    """
    between = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}
    count = 0
    for child in gateway.children():
        for number in os.listdir(f"/proc/{child}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                what = os.readlink(f"/proc/{child}/fd/{number}")
                count += "gateway.db" not in what and what.removeprefix("socket:[").removesuffix("]") not in between
    return count
