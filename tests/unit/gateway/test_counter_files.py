"""The files of the metrics' counters on a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import sys
from strongroom.base.objects import Kind
from strongroom.gateway.watch.metrics import Metrics, use_folder
place, when = sys.argv[1:]
def fill():
    with open(place + "/ballast", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
use_folder(place + "/metrics")
if when == "before":
    fill()
metrics = Metrics(enabled=True)
metrics.answered(200)
if when == "later":
    fill()
for number in range(12_000):
    metrics.blob("write", "ann", f"a repository with a long name {number}", Kind.DATA, 1)
sys.stdout.buffer.write(metrics.text())
"""


@pytest.mark.root
@pytest.mark.parametrize("when", ["before", "later"])
def test_a_full_disk_costs_counts_and_no_worker(tmp_path: Path, when: str) -> None:
    """A process that counts goes on without a signal, and what had room before is counted."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs root and mounts")
    try:
        done = subprocess.run([sys.executable, "-c", COUNT, tmp_path, when], capture_output=True, check=False)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert done.returncode == 0, done.stderr
    if when == "later":
        assert b'strongroom_answers_total{status="200"} 1.0' in done.stdout
        assert done.stdout.count(b"rest_server_blob_write_total{") > 1000
