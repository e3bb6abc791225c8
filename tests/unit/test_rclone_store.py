"""Running rclone: it starts, ends with us, keeps its password to itself, and says why it did not start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support import peers

from strongroom.base import errors
from strongroom.base.objects import CONFIG
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.rclone import RcloneStore
from strongroom.storage.wrapper import innermost

pytestmark = pytest.mark.peer("rclone")


def options(**extended: str) -> StoreOptions:
    """Options that name the peer, and try once."""
    return StoreOptions(extended={"rclone.program": str(peers.require("rclone")), **extended}, retry_for=0)


def children(pid: int) -> list[int]:
    """The processes below a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def gone(pids: list[int]) -> bool:
    """Whether all of these end within ten seconds."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_its_password_is_not_on_its_command_line(tmp_path: Path) -> None:
    """Whoever lists processes sees no password, and whoever connects without it is refused."""
    with open_store(f"rclone:{tmp_path}", options()) as store:
        inner = innermost(store)
        assert isinstance(inner, RcloneStore)
        pids = children(inner.process.pid)
        password = inner.client.address.password
        assert len(password) >= 40
        assert pids
        assert all(password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
        with pytest.raises(errors.Refused):
            open_store(f"rest:http://127.0.0.1:{inner.client.address.port}/", StoreOptions(retry_for=0)).stat(CONFIG)
    assert gone(pids)


def test_it_ends_with_us(tmp_path: Path) -> None:
    """When we are killed with -9, rclone ends too."""
    program = (
        "import sys, time\n"
        "from strongroom.storage.locate import open_store\n"
        "from strongroom.storage.options import StoreOptions\n"
        "store = open_store('rclone:' + sys.argv[1], StoreOptions(extended={'rclone.program': sys.argv[2]}))\n"
        "print('open', flush=True)\n"
        "time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path), str(peers.require("rclone"))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        pids = children(process.pid)
        assert pids
        process.send_signal(signal.SIGKILL)
    assert gone(pids)


def test_when_it_dies(tmp_path: Path) -> None:
    """An rclone that has ended is not waited for."""
    with open_store(f"rclone:{tmp_path}", options()) as store:
        with pytest.raises(errors.Missing):
            store.stat(CONFIG)
        inner = innermost(store)
        assert isinstance(inner, RcloneStore)
        for pid in children(inner.process.pid):
            if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        with pytest.raises(errors.StoreError, match="rclone has ended") as caught:
            store.stat(CONFIG)
        assert not isinstance(caught.value, errors.Unavailable)


def test_what_it_says_when_it_does_not_start() -> None:
    """A remote that is not configured, and a program that is not there, are said as they are."""
    with pytest.raises(errors.StoreError, match="didn't find section"):
        open_store("rclone:no-such-remote:path", options())
    with pytest.raises(errors.Unsupported, match="no-such-program"):
        open_store("rclone:x:y", options(**{"rclone.program": "no-such-program"}))
