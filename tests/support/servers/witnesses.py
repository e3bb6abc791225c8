"""A witness of the installed command."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.command import STRONGROOM, environment
from tests.support.waiting import until


@contextlib.contextmanager
def witness(folder: Path, log: str) -> Iterator[tuple[str, str, subprocess.Popen[bytes]]]:
    """Our witness as a command: its URL, its key, its process."""
    said = folder / "witness.err"
    command = [str(STRONGROOM), "witness", "serve", "--state", str(folder / "witness"), "--listen", "127.0.0.1:0"]
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--log", log, "--name", "witness.example/w"],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment(folder),
        )
    try:
        found = until(lambda: re.search(r"^start witness on (\S+)\n", said.read_text(), re.MULTILINE), said.read_text)
        key = re.search(r"^witness verifier key: (.*)$", said.read_text(), re.MULTILINE)
        assert key
        yield f"http://{found[1]}", key[1], process
    finally:
        process.kill()
        process.wait()
