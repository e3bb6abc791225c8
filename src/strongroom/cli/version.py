"""``version``: which Strongroom this is, and what it runs on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from strongroom.cli.shared.environment import called_restic

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def strongroom_version() -> str:
    """The installed version, read off the name of the ``.dist-info`` folder.

    ``importlib.metadata`` gives the same answer but takes more time than everything else that ``--version`` does.
    """
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith("strongroom-") and name.endswith(".dist-info"):
                return name.removeprefix("strongroom-").removesuffix(".dist-info")
    return "unknown"


RESTIC = "0.19.1"
"""The restic whose command line ours is: what wrappers are told that call us by restic's name."""


def version_line() -> str:
    """One line: program, version, interpreter and platform; under restic's name the one that wrappers match."""
    if called_restic():
        return f"restic {RESTIC} compiled with strongroom {strongroom_version()} on {sys.platform}/{_go_arch()}"
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"strongroom {strongroom_version()} on Python {python}, {sys.platform}/{os.uname().machine}"


def _go_arch() -> str:
    """The machine in Go's words."""
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    import argparse  # not at the top: `--version` does without

    parser.add_argument("ignored", nargs="*", help=argparse.SUPPRESS)  # restic overlooks words here
    parser.description = "Print the version of this program and of what it runs on."


def run(context: Context) -> int:
    """Print the version."""
    if context.json:
        context.out.json(
            {
                "message_type": "version",
                "version": RESTIC if called_restic() else strongroom_version(),
                "go_version": "",  # restic's keys; there is no Go in us
                "go_os": sys.platform,
                "go_arch": _go_arch(),
                "python_version": ".".join(str(part) for part in sys.version_info[:3]),
                "os": sys.platform,
                "arch": os.uname().machine,
            }
        )
    else:
        context.out.line(version_line())
    return 0
