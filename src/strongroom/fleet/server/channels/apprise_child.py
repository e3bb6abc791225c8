"""Apprise in a process of its own: it has neither a limit of time for an exchange nor one of bytes for an answer.

The message comes by standard input, with the URL of the service, a secret. The exit code is 0 once it was handed on.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from typing import IO

from strongroom.base.errors import Unavailable

WHOLE_SECONDS = 60.0
"""For the process, with all that it asks of the service."""
MEMORY = 384 << 20
"""Bytes of its address space: an answer without an end ends it alone, within what a service may have."""
_MOST = 1 << 20
_PROGRAM = (sys.executable, "-I", "-c", "from strongroom.fleet.server.channels.apprise_child import main; main()")


def hand_on(url: str, title: str, body: str, kind: str) -> None:
    """Say it by the service at ``url``. Raises ``Unavailable``, without the URL; or OSError."""
    words = json.dumps({"url": url, "title": title, "body": body, "notify_type": kind, "memory": MEMORY}).encode()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(_PROGRAM, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True) as child:
        try:
            child.communicate(words, WHOLE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"no whole answer within {WHOLE_SECONDS:g} seconds", subject="apprise") from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)  # some of its services begin processes themselves
    if child.returncode != 0:
        raise Unavailable("apprise could not hand it on", subject="apprise")


def main(stdin: IO[bytes] | None = None) -> None:
    """The process. No redirect is followed: it might lead to what only this machine reaches."""
    words = json.loads((stdin or sys.stdin.buffer).read(_MOST))
    memory, url = words.pop("memory"), words.pop("url")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import apprise  # noqa: PLC0415 - slow to load, and only the process needs it

    found = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False))
    sys.exit(0 if found.add(url) and found.notify(**words) else 1)
