"""What lost answers, refusals and full disks leave behind at a gateway: neither files, descriptors nor places."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.servers.gateway_inside import descriptors, operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until

DATA = b"some bytes of a pack" * 100


NAME = name_of(DATA)


def test_a_lost_answer_is_settled_by_asking_again(shared: Gateway) -> None:
    """An answer that is lost after the commit: the same upload again is 200, and there is one receipt."""
    data = os.urandom(50_000)
    path = f"/test/data/{name_of(data)}"
    connection = shared.connect()
    connection.sendall(shared.head("POST", path, {"Content-Length": str(len(data))}) + data)
    stored = shared.data / f"test/data/{name_of(data)[:2]}/{name_of(data)}"
    until(stored.exists, shared.said)
    connection.close()
    for _ in range(3):
        assert shared.put(path, data) == 200
    shared.settle()
    lines = shared.ask("GET", "/.strongroom/v1/receipts?repository=test").body.splitlines()[1:]
    assert sum(name_of(data) in _leaf(line) for line in lines) == 1


def _leaf(line: bytes) -> str:
    import base64  # noqa: PLC0415
    import json  # noqa: PLC0415

    return base64.b64decode(json.loads(line)["leaf"]).decode()


def test_refusals_leak_neither_files_nor_descriptors(tmp_path: Path) -> None:
    """rest-server's B1: uploads refused for the quota, the size or their bytes leave nothing open and no file."""
    with Gateway(tmp_path, flags=("--append-only", "--max-size", "200000"), users={"x": "y"}) as gateway:
        who = f"w:{operate(gateway, 'principal', 'add', 'w', '--repository', 'w')[1].strip()}"
        gateway.make("w", who)
        data = os.urandom(300_000)
        before = 0
        for number in range(40):
            if number == 10:  # what is opened once is open
                before = descriptors(gateway)
            assert gateway.put(f"/w/data/{name_of(data)}", data, who) == 507
            assert gateway.put(f"/w/data/{NAME}", b"other", who) == 400
            head = gateway.head("POST", f"/w/data/{NAME}", {"Transfer-Encoding": "chunked"}, user=who)
            with gateway.connect() as connection:
                connection.sendall(head + b"186a0\r\n" + data[:50_000] + bytes([number]))
        left = gateway.data / "w/.strongroom/tmp"
        until(lambda: descriptors(gateway) <= before and not os.listdir(left), gateway.said)
        assert gateway.put(f"/w/data/{NAME}", DATA, who) == 200  # and nothing is still reserved


def test_one_principal_does_not_take_all_places(tmp_path: Path) -> None:
    """G-2: uploads beyond a principal's places are 503, which clients take for patience; another one goes on."""
    policy = tmp_path / "gateway.toml"
    policy.write_text("version = 1\n[server]\nuploads_per_principal = 3\n")
    flags = ("--append-only", "--private-repos", "--config", str(policy))
    with Gateway(tmp_path, flags=flags, users={"greedy": "1", "other": "2"}) as gateway:
        for user in ("greedy", "other"):
            gateway.make(user, user)
        hanging = [gateway.connect() for _ in range(3)]
        for number, connection in enumerate(hanging):
            data = b"%d!" % number
            path = f"/greedy/data/{name_of(data)}"
            connection.sendall(gateway.head("POST", path, {"Content-Length": "2"}, user="greedy") + data[:1])
        until(lambda: len(os.listdir(gateway.data / "greedy/.strongroom/tmp")) == 3, gateway.said)
        assert gateway.put(f"/greedy/data/{NAME}", DATA, "greedy") == 503
        assert gateway.put(f"/other/data/{NAME}", DATA, "other") == 200
        for connection in hanging:
            connection.sendall(b"!")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
            connection.close()


@pytest.mark.root
def test_a_disk_that_fills_within_a_body(tmp_path: Path) -> None:
    """ENOSPC in mid-body is 507, leaves no file, what is stored stays, and uploads go on once there is room."""
    if os.geteuid():
        pytest.skip("needs root for a file system of its own")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m,mode=700", "tmpfs", small], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        with Gateway(
            tmp_path, place=small / "data", flags=("--no-auth", "--state", str(tmp_path / "state"))
        ) as gateway:
            gateway.make()
            kept = os.urandom(1 << 20)
            assert gateway.put(f"/web01/data/{name_of(kept)}", kept) == 200
            large = os.urandom(64 << 20)  # more than is left; the floor of free space is not yet reached when it begins
            assert gateway.put(f"/web01/data/{name_of(large)}", large) == 507
            assert list((gateway.data / "web01/.strongroom/tmp").iterdir()) == []
            assert gateway.ask("GET", f"/web01/data/{name_of(kept)}").body == kept
            assert gateway.ask("HEAD", f"/web01/data/{name_of(large)}").status == 404
            filler = small / "filler"
            filler.write_bytes(bytes(40 << 20))
            assert gateway.put(f"/web01/data/{NAME}", DATA) == 507  # the rest is kept for receipts and locks
            filler.unlink()
            assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
    finally:
        subprocess.run(["umount", "-l", small], check=True)
