"""Files and folders that the gateway itself may not read or write, as after work in its folder by another user."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.privileges import without_overriding
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import PATIENCE, until

PACK = b"a pack"
SAID = "requests were answered with 500 within the last hour; standard error says why"


@pytest.mark.parametrize("path", [f"data/{name_of(PACK)}", "snapshots/"])
def test_what_cannot_be_read_is_told_at_health(tmp_path: Path, path: str) -> None:
    """500 and never 404, the file's name on standard error, and a warning at /health, where monitoring looks."""
    gateway = Gateway(tmp_path, workers=2)
    gateway.start(wrap=tuple(without_overriding([])))
    gateway.wrapped = False  # what it was wrapped in has become the gateway itself
    try:
        gateway.make()
        assert gateway.put(f"/web01/data/{name_of(PACK)}", PACK) == 200
        assert SAID not in gateway.ask("GET", "/health").json()["warnings"]
        file = gateway.data / "web01" / path.replace("data/", f"data/{name_of(PACK)[:2]}/")
        file.chmod(0)
        answer = gateway.ask("GET", f"/web01/{path}")
        assert answer.status == 500
        until(lambda: SAID in gateway.ask("GET", "/health").json()["warnings"], gateway.said)
        assert gateway.ask("GET", "/health").status == 200
        assert f"{file}: Permission denied" in gateway.said()
        file.chmod(0o700)
        assert gateway.ask("GET", f"/web01/{path}").status == 200
    finally:
        gateway.stop()


@contextlib.contextmanager
def _unwritable(folder: Path, how: str) -> Iterator[None]:
    """While this lasts, what is in a folder may be read and not written: by its mode, or since its disk may not."""
    if how == "mode":
        folders = [folder, *(one for one in folder.rglob("*") if one.is_dir())]
        for one in folders:
            one.chmod(0o555)
        yield
        for one in folders:
            one.chmod(0o755)
        return
    if os.geteuid() or subprocess.run(["mount", "--bind", folder, folder], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(
    ("how", "said", "why"),
    [
        ("mode", "Permission denied", f"belongs to {pwd.getpwuid(os.geteuid()).pw_name}, with mode 0555"),
        pytest.param("mount", "Read-only file system", "The file system is read-only", marks=pytest.mark.root),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path, how: str, said: str, why: str) -> None:
    """At the start with its path, whose it is and what to do, at /health, and at each upload; what is there is read."""
    gateway = Gateway(tmp_path, flags=("--no-auth", "--append-only", "--state", str(tmp_path / "state")))
    with gateway:
        gateway.make()
        assert gateway.put(f"/web01/data/{name_of(PACK)}", PACK) == 200
    other = b"another pack"
    with _unwritable(gateway.data, how):
        gateway.start(wrap=tuple(without_overriding([])))
        gateway.wrapped = False
        try:
            assert f"the store's folder cannot be used: {gateway.data}: " in gateway.said()
            assert why in gateway.said()
            health = gateway.ask("GET", "/health")
            assert health.status == 503
            assert [one for one in health.json()["problems"] if one.startswith("the store's folder cannot be used: ")]
            assert str(tmp_path) not in health.body.decode()
            assert gateway.ask("GET", f"/web01/data/{name_of(PACK)}").body == PACK
            before = len(gateway.said())
            answer = gateway.ask("POST", f"/web01/data/{name_of(other)}", other)
            assert (answer.status, said in answer.body.decode()) == (500, True)
            assert str(tmp_path) not in answer.body.decode()
            told = gateway.said()[before:]
            assert f"POST /web01/data/{name_of(other)}" in told
            assert said in told
            assert why in told
        finally:
            gateway.stop()
    with gateway:
        assert gateway.put(f"/web01/data/{name_of(other)}", other) == 200
        assert gateway.ask("GET", "/health").status == 200


@pytest.mark.root
def test_a_disk_that_is_full_is_told_of_at_the_start(tmp_path: Path) -> None:
    """In a warning that names it; restores and locks go on."""
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "x", small], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        (small / "filler").write_bytes(bytes(6 << 20))
        flags = ("--no-auth", "--append-only", "--state", str(tmp_path / "state"))
        with Gateway(tmp_path, place=small / "data", flags=flags) as gateway:
            assert f"{gateway.data}: nothing but locks is taken in: the disk is nearly full" in gateway.said()
            assert gateway.ask("GET", "/health").status == 503
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_log_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    """At the start and when it is signed, with its path and owner; /health names no path. It goes on when it can."""
    gateway = Gateway(tmp_path)
    with gateway:
        gateway.make()
        assert "cannot be used" not in gateway.said()
    with _unwritable(gateway.log, "mode"):
        gateway.start(wrap=tuple(without_overriding([])))
        gateway.wrapped = False
        try:
            assert f"the log's folder cannot be used: {gateway.log}: " in gateway.said()
            assert gateway.put(f"/web01/data/{name_of(PACK)}", PACK) == 200  # its receipt is durable, and waits
            until(lambda: "the log is not signed, and receipts wait: " in gateway.said(), gateway.said)
            assert "with mode 0555" in gateway.said().partition("receipts wait: ")[2]
            health = gateway.ask("GET", "/health")
            assert health.status == 503
            assert str(tmp_path) not in health.body.decode()
        finally:
            assert gateway.process is not None
            gateway.process.terminate()
            gateway.process.wait(PATIENCE)
            gateway.process = None
    with gateway:
        gateway.settle()
        assert gateway.ask("GET", "/health").status == 200
