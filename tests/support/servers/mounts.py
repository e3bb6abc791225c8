"""Mounts of tests: made by a program, waited for, and taken away whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Unsupported
from strongroom.mount.mountpoint import check_fuse
from tests.support import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.programs import Program


def require_fuse() -> None:
    """Skip the test, with the reason, where this machine cannot mount."""
    try:
        check_fuse()
    except Unsupported as error:
        pytest.skip(f"no FUSE: {error.what}")
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/fuse", os.O_RDWR))
        return
    pytest.skip("no FUSE: /dev/fuse cannot be opened")


def is_mounted(place: Path) -> bool:
    """Whether the kernel lists a mount at a place."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        return any(line.split()[1] == str(place) for line in file)


def log_of(place: Path) -> str:
    """What the command that mounted a place has said so far."""
    return place.with_name(place.name + ".log").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def mounted(program: Program, repository: Path | str, place: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """While this lasts, the repository is mounted at ``place``, which is made; see ``log_of``.

    A command that ends by itself instead is handed out as it is.
    """
    place.mkdir(exist_ok=True)
    words = [str(program.executable), "-r", str(repository), "mount", str(place), *options]
    with place.with_name(place.name + ".log").open("wb") as log:
        process = subprocess.Popen(words, env=program.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        waiting.until(lambda: is_mounted(place) or process.poll() is not None, lambda: log_of(place))
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(waiting.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)
