"""Certificates from a pipe, which gives its bytes once."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from strongroom.storage.http.connection import _readable_again
from tests.support.waiting import PATIENCE


def test_connections_that_begin_at_once_share_what_a_pipe_gave(tmp_path: Path) -> None:
    """Who asks while another one is reading waits for it, and has all of it too."""
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    asked = threading.Semaphore(0)

    def ask() -> str:
        asked.release()
        return _readable_again(pipe)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        with open(pipe, "wb", buffering=0) as writer:  # opens once the first one reads
            for _ in asking:
                asked.acquire()
            writer.write(b"one")
            writer.write(b" and the other half")
        paths = {one.result(PATIENCE) for one in asking}
    assert len(paths) == 1
    assert Path(paths.pop()).read_bytes() == b"one and the other half"
