"""The list of `-o` options, and the variable of restic's feature flags."""

from __future__ import annotations

import re
from pathlib import Path

import strongroom.storage
from strongroom.cli.extended_options import OPTIONS


def test_every_option_that_a_store_reads_is_listed() -> None:
    """What the stores look up by name, `options` prints, and nothing else but what holds for all of them."""
    (folder,) = strongroom.storage.__path__
    text = "".join(path.read_text() for path in Path(folder).rglob("*.py"))
    read = set(re.findall(r'extended\.get\(\s*"([a-z0-9.-]+)"', text))
    shared = {name for name in OPTIONS if name.rpartition(".")[2] in ("connections", "retry-for")}
    assert read and read == set(OPTIONS) - shared
