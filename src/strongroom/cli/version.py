"""``version``: which Strongroom this is, and what it runs on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

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


def version_line() -> str:
    """One line: program, version, interpreter and platform."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"strongroom {strongroom_version()} on Python {python}, {sys.platform}/{os.uname().machine}"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = "Print the version of this program and of what it runs on."


def run(context: Context) -> int:
    """Print the version."""
    if context.json:
        context.out.json(
            {
                "message_type": "version",
                "version": strongroom_version(),
                "python_version": ".".join(str(part) for part in sys.version_info[:3]),
                "os": sys.platform,
                "arch": os.uname().machine,
            }
        )
    else:
        context.out.line(version_line())
    return 0
