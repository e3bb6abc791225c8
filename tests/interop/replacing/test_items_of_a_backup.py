"""What a backup tells of each item, to wrappers that read ``--json -vv`` and to people: as the newest restic does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.programs import Program

pytestmark = pytest.mark.peer("restic")


def test_items_of_a_backup_in_json(program: Program, source: Path) -> None:
    """Each item tells what it has added, as plain and as stored bytes, and the items come to what the summary says.

    Links and pipes are no files: neither the scan nor the status counts them.
    """
    (source / "link").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    (source / "long").write_bytes(b"the same again\n" * 20_000)
    (source / "random").write_bytes(os.urandom(3_000_000))  # several chunks
    program.init(program.env["RESTIC_REPOSITORY"])
    for step in ("new", "copied", "unchanged"):
        if step == "copied":
            (source / "long-again").write_bytes((source / "long").read_bytes())
            (source / "long").write_bytes(b"something else\n" * 10_000)
        ended = program.run("backup", "--json", "-vv", str(source), env={"RESTIC_PROGRESS_FPS": "60"}).expect(0)
        lines = ended.lines()
        summary, scan = lines[-1], next(line for line in lines if line.get("action") == "scan_finished")
        assert scan["total_files"] == summary["total_files_processed"]
        assert scan["data_size"] == summary["total_bytes_processed"]
        totals = {line["total_files"] for line in lines if line["message_type"] == "status" and "total_files" in line}
        assert max(totals, default=0) <= summary["total_files_processed"]
        items = {line["item"]: line for line in lines if line["message_type"] == "verbose_status" and line["item"]}
        assert all(item["duration"] > 0 for item in items.values() if item["data_size_in_repo"])
        data, stored = (sum(item[name] for item in items.values()) for name in ("data_size", "data_size_in_repo"))
        trees = sum(item["metadata_size"] for item in items.values())
        folder = items[f"{source}/"]
        long, again = items[f"{source}/long"], items.get(f"{source}/long-again")
        assert folder["data_size"] == folder["data_size_in_repo"] == 0
        if step == "unchanged":
            same = [item for item in items.values() if item["action"] == "unchanged"]
            assert long in same
            assert not any(item[name] for item in same for name in ("duration", "data_size", "metadata_size"))
            continue
        assert trees > 0 and data + trees <= summary["data_added"]  # the root of the snapshot is no item
        assert 0 < folder["metadata_size_in_repo"] < folder["metadata_size"]
        assert 0 < stored < summary["data_added_packed"]
        assert 0 < long["data_size_in_repo"] < 1000 and long["data_size"] == (source / "long").stat().st_size
        if again:
            assert again["action"] == "new" and again["data_size"] == again["data_size_in_repo"] == 0
        else:
            random = items[f"{source}/random"]
            assert random["data_size"] == 3_000_000 < random["data_size_in_repo"] < 3_001_000


def test_items_of_a_backup_in_words(program: Program, source: Path) -> None:
    """The lines of ``-vv`` tell what each item added, took in the repository and lasted."""
    (source / "long").write_bytes(b"the same again\n" * 20_000)
    program.init(program.env["RESTIC_REPOSITORY"])
    out = program.run("backup", "-vv", str(source)).expect(0).out
    saved = r", saved in \d+\.\d{3}s \(%s added, %s stored%s\)$"
    file, folder = saved % (r"292\.969 KiB", r"[1-9]\d* B", ""), saved % ("0 B", "0 B", r", [1-9][\d.]* K?i?B metadata")
    assert re.search(rf"^new +{re.escape(str(source))}/long{file}", out, re.MULTILINE), out
    assert re.search(rf"^new +{re.escape(str(source))}/{folder}", out, re.MULTILINE), out
