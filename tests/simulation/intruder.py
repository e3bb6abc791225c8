"""An intruder with all that a host has: each move is one of the threat catalogue's, and says what must be found."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.format import rfc3339
from tests.simulation.honest import Files, SimulatedHost
from tests.support.forge import dumps, sha

SUSPICIOUS = "suspicious"


@dataclass
class Move:
    """``snapshot`` is forged, and must not be good where ``found`` says so.

    ``found`` is a verdict or an incident's code, or empty where nobody can tell. ``receipt``: whether it came through
    the gateway.
    """

    name: str
    found: str
    snapshot: str = ""
    receipt: bool = True


def move(host: SimulatedHost, dice: random.Random) -> Move:
    """One move at random."""
    name = dice.choice(sorted(_MOVES))
    found, act = _MOVES[name]
    return Move(name, found, act(host, dice), receipt=name != "bypass")


def _forged(host: SimulatedHost, files: Files, **fields: object) -> str:
    name = host.save(files, **fields)
    del host.backups[name]
    return name


def _empty(host: SimulatedHost, _dice: random.Random) -> str:
    root = host.forge.tree()
    host.index()
    return host.forge.snapshot(root, time=rfc3339.format_utc(host.clock.now_ns())).name


def _lying_index(host: SimulatedHost, dice: random.Random) -> str:
    entry = host.forge.entries[-1]
    lie = {"id": entry["id"], "blobs": [entry["blobs"][0] | {"id": sha(dice.randbytes(9))}]}
    host.forge.unpacked("index", dumps({"packs": [lie]}))
    return ""


def _junk(host: SimulatedHost, dice: random.Random, kind: str) -> str:
    host.forge.write(kind, dice.randbytes(500))
    return ""


def _encrypted(host: SimulatedHost, dice: random.Random) -> str:
    return _forged(host, {f"{path}.locked": dice.randbytes(len(content)) for path, content in host.files.items()})


def _slowly_encrypted(host: SimulatedHost, dice: random.Random) -> str:
    """Two files more than the last time are turned in place; names, sizes and times are what they were."""
    left = sorted(host.files.keys() - host.encrypted.keys())
    for name in dice.sample(left, k=min(2, len(left))):
        host.encrypted[name] = dice.randbytes(len(host.files[name]))
    there = {name: content for name, content in host.encrypted.items() if name in host.files}
    return _forged(host, host.files | there)


def _shrunk(host: SimulatedHost, _dice: random.Random) -> str:
    return _forged(host, dict(list(host.files.items())[:5]))


_MOVES: dict[str, tuple[str, Callable[[SimulatedHost, random.Random], str]]] = {
    "future": (SUSPICIOUS, lambda host, _: _forged(host, host.files, time="2099-05-06T07:08:09Z")),
    "past": (SUSPICIOUS, lambda host, _: _forged(host, host.files, time="2021-05-06T07:08:09Z")),
    "empty": (SUSPICIOUS, _empty),
    "shrunk": (SUSPICIOUS, _shrunk),
    "hop": (SUSPICIOUS, lambda host, dice: _forged(host, host.files, hostname=f"db{dice.randrange(99)}")),
    "lying index": ("lying-index", _lying_index),
    "junk pack": ("damaged", lambda host, dice: _junk(host, dice, "data")),
    "junk index": ("damaged", lambda host, dice: _junk(host, dice, "index")),
    "encrypted": ("", _encrypted),
    "slowly encrypted": ("", _slowly_encrypted),
    "bypass": (SUSPICIOUS, lambda host, dice: _forged(host, host.files | {"docs/bypass.txt": dice.randbytes(90)})),
}
