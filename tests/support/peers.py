"""The programs that tests stand beside: where each is found, and what its absence means.

``make peers`` obtains them. ``STRONGROOM_PEER_<NAME>=PROGRAM`` puts another in its place, so that the suite runs
against another restic.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MISSING = "missing peer: "


def cache() -> Path:
    """The folder into which ``make peers`` puts programs."""
    chosen = os.environ.get("STRONGROOM_PEERS")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strongroom-peers"


def find(name: str) -> Path | None:
    """The program of this name: the environment's word, then the cache, then the search path."""
    override = os.environ.get(f"STRONGROOM_PEER_{name.upper().replace('-', '_')}")
    if override:
        found = shutil.which(override)
        if found is None:
            raise pytest.UsageError(f"STRONGROOM_PEER_{name.upper()} names no program: {override}")
        return Path(found)
    for candidate in (cache() / "bin" / name, cache() / name / "bin" / name):
        if os.access(candidate, os.X_OK):
            return candidate
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None and name == "restic":  # without Go there is no newer one
        return find("restic-debian")
    if found is None:  # Debian keeps PostgreSQL's programs out of the search path
        places = (Path("/usr/lib/postgresql"), cache() / "debian/usr/lib/postgresql")
        found = next((str(path) for place in places for path in sorted(place.glob(f"*/bin/{name}"))), None)
    return Path(found) if found else None


def require(name: str) -> Path:
    """The program of this name; without it the test is skipped, and fails where CI is set."""
    found = find(name)
    if found is not None:
        return found
    if os.environ.get("CI"):
        pytest.fail(f"{MISSING}{name} (make peers obtains it)", pytrace=False)
    pytest.skip(f"{MISSING}{name}")


def without_root() -> bool:
    """Whether these tests run without root's rights."""
    return os.geteuid() != 0
