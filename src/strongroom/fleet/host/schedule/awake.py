"""Keeping the machine from going to sleep in the middle of a backup."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 5.0


@contextlib.contextmanager
def no_sleep(why: str) -> Iterator[None]:
    """While this lasts systemd-logind lets the machine neither sleep nor hibernate by itself; nothing without it.

    The inhibitor ends with its standard input, so with us, however we end.
    """
    program = shutil.which("systemd-inhibit")
    if program is None:
        yield
        return
    words = [program, "--what=sleep:idle", "--who=Strongroom", f"--why={why}", "--mode=block", "cat"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, process_group=0) as holder:
        try:
            yield
        finally:
            assert holder.stdin is not None
            with contextlib.suppress(OSError):
                holder.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                holder.wait(_PATIENCE)
            if holder.poll() is None:
                holder.kill()
