"""Running rclone: it starts, ends with us, keeps its password to itself, and says why it did not start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.base import errors
from strongroom.base.objects import CONFIG
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.rclone.store import RcloneStore
from strongroom.storage.wrappers.wrapper import innermost
from tests.support import peers
from tests.support.waiting import until

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


def command_line(pid: int) -> bytes:
    """A process's command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def all_end(pids: list[int]) -> None:
    """Wait until all of these have ended."""
    until(lambda: not any(command_line(pid) for pid in pids))


def test_its_password_is_not_on_its_command_line(tmp_path: Path) -> None:
    """Whoever lists processes sees no password, and whoever connects without it is refused."""
    with open_store(f"rclone:{tmp_path}", options()) as store:
        inner = innermost(store)
        assert isinstance(inner, RcloneStore)
        pids = children(inner.process.pid)
        password = inner.client.address.password
        assert len(password) >= 40
        assert pids
        assert all(password.encode() not in command_line(pid) for pid in pids)
        with pytest.raises(errors.Refused):
            open_store(f"rest:http://127.0.0.1:{inner.client.address.port}/", StoreOptions(retry_for=0)).stat(CONFIG)
    all_end(pids)


def test_it_ends_with_us(tmp_path: Path) -> None:
    """When we are killed with -9, rclone ends too."""
    program = (
        "import sys, time\n"
        "from strongroom.storage.locate import open_store\n"
        "from strongroom.storage.options import StoreOptions\n"
        "store = open_store('rclone:' + sys.argv[1], StoreOptions(extended={'rclone.program': sys.argv[2]}))\n"
        "print('open', flush=True)\n"
        "time.sleep(600)\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path), str(peers.require("rclone"))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        pids = children(process.pid)
        assert pids
        process.send_signal(signal.SIGKILL)
    all_end(pids)


def test_when_it_dies(tmp_path: Path) -> None:
    """An rclone that has ended is not waited for."""
    with open_store(f"rclone:{tmp_path}", options()) as store:
        with pytest.raises(errors.Missing):
            store.stat(CONFIG)
        inner = innermost(store)
        assert isinstance(inner, RcloneStore)
        for pid in children(inner.process.pid):
            if b"serve" in command_line(pid):
                os.kill(pid, signal.SIGKILL)
        until(lambda: inner.process.ended() is not None)
        with pytest.raises(errors.StoreError, match="rclone has ended") as caught:
            store.stat(CONFIG)
        assert not isinstance(caught.value, errors.Unavailable)


def test_what_it_says_when_it_does_not_start() -> None:
    """A remote that is not configured, and a program that is not there, are said as they are."""
    with pytest.raises(errors.StoreError, match="didn't find section"):
        open_store("rclone:no-such-remote:path", options())
    with pytest.raises(errors.Unsupported, match="no-such-program"):
        open_store("rclone:x:y", options(**{"rclone.program": "no-such-program"}))


def test_its_words_as_restic_has_them(tmp_path: Path) -> None:
    """restic's `-o rclone.args` begins with the verb; what is behind it is told to rclone here, too."""
    words = {"rclone.args": "serve restic --stdio --b2-hard-delete --fast-list", "rclone.timeout": "50s"}
    with open_store(f"rclone:{tmp_path}", options(**words)) as store:
        with pytest.raises(errors.Missing):
            store.stat(CONFIG)
        inner = innermost(store)
        assert isinstance(inner, RcloneStore)
        lines = [line for pid in children(inner.process.pid) if b"serve" in (line := command_line(pid).split(b"\0"))]
        assert lines
        assert all(b"--fast-list" in line and line.count(b"serve") == 1 for line in lines)
    for bad in ({"rclone.args": "'"}, {"rclone.timeout": "soon"}):
        with pytest.raises(errors.UsageError):
            open_store(f"rclone:{tmp_path}", options(**bad))
