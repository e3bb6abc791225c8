"""The command with cheap keys as an executable file, for shells and scripts that start ``strongroom`` themselves."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.cheap_keys import command


def make_tool(folder: Path) -> Path:
    """``strongroom`` in a new folder, which stands in the search path or is named to a script."""
    folder.mkdir()
    tool = folder / "strongroom"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{command.__file__}" "$@"\n')
    tool.chmod(0o755)
    return tool
