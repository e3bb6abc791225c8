"""The threat catalogue at the gateway: what was answered is on the disk."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support import peers
from tests.support.servers.gateways import Gateway, name_of

DATA = b"some bytes of a pack" * 100


NAME = name_of(DATA)


WEAKER = """
import sys
from strongroom.database import sqlite
real = sqlite._configure_sqlite
def configure(connection, record):
    real(connection, record)
    connection.execute("PRAGMA synchronous=NORMAL")
sqlite._configure_sqlite = configure
from strongroom.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def synced_before_the_answer(folder: Path, *program: str) -> bool:
    """Whether an upload's system calls are, in this order: write, fsync, link, fsync of the folder, fsync of the
    database, answer."""
    strace = peers.require("strace")
    trace = folder / "trace"
    gateway = Gateway(folder)
    calls = "trace=linkat,link,fsync,fdatasync,sendto,write"
    gateway.start(wrap=(str(strace), "-f", "-y", "-s", "64", "-e", calls, "-o", str(trace), *program))
    gateway.make()
    assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
    gateway.stop()
    lines = [line for line in trace.read_text(errors="replace").splitlines() if "resumed" not in line]
    link = next(i for i, line in enumerate(lines) if "link" in line and f"data/{NAME[:2]}/{NAME}" in line)

    def after(start: int, *words: str) -> int:
        """The first line from ``start`` on with all these words; beyond all when there is none."""
        return next((i for i in range(start, len(lines)) if all(word in lines[i] for word in words)), len(lines))

    written = max(i for i in range(link) if f"gate-data-{NAME}" in lines[i] and "write(" in lines[i])
    synced = after(written, "fsync(", f"gate-data-{NAME}")
    in_folder = after(link, "sync(", f"/data/{NAME[:2]}>")
    database = after(in_folder, "sync(", "gateway.db-wal")
    answer = after(link, "HTTP/1.1 200", "Strongroom")
    return written < synced < link < in_folder < database < answer < len(lines)


def test_g_6_the_answer_comes_after_every_sync(tmp_path: Path) -> None:
    """G-6: an object, its folder and its receipt are on the disk before the answer goes out, by system calls."""
    assert synced_before_the_answer(tmp_path)


def test_g_6_a_database_that_is_not_synced_is_noticed(tmp_path: Path) -> None:
    """G-6: the same look finds fault with ``synchronous=NORMAL``, which no kill -9 would ever show."""
    assert not synced_before_the_answer(tmp_path, sys.executable, "-c", WEAKER)
