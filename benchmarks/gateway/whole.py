"""Whole backups through the servers: restic's and ours, each into a repository made anew."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from benchmarks import measure, programs
from benchmarks.gateway import servers

Times = dict[str, dict[str, list[float]]]
"""Seconds of each round, by program, then by server."""


def backups(field: programs.Field, place: Path, source: Path, rounds: int) -> Times:
    """Back the source up with each program through each server, in turn. Making the repository is not counted."""
    times: Times = {}
    with contextlib.ExitStack() as stack:
        running = []
        for number, name in enumerate((servers.OURS, servers.RCLONE)):
            folder = place / f"whole{number}"
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            running.append(stack.enter_context(servers.running(name, folder)))
        for number in range(rounds):
            for program in (field.restic, field.strongroom):
                for server in running if number % 2 == 0 else reversed(running):
                    home = place / "whole-home"
                    repository = server.url(f"{program.name}{number}")
                    program.run(home, "-r", repository, "init")
                    measure.settle()
                    run = program.run(home, "-r", repository, "backup", source)
                    times.setdefault(program.name, {}).setdefault(server.name, []).append(run.wall)
                    shutil.rmtree(home)
    return times
