"""What a scheduled run waits for: the repositories' servers, mains, a link that costs nothing by the byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.base.clock import Clock
    from strongroom.fleet.host.schedule.terms import SourceSchedule

LONGEST_FOR_NETWORK = 900
_LOOK_NETWORK, _LOOK_POWER = 10.0, 60.0
_METERED = {"1", "3"}
"""NetworkManager's NMMetered: yes, and guessed yes."""
_CONNECT = 5.0


@record
class MachineSenses:
    """How the machine is asked; each says what is so now."""

    on_battery: Callable[[], bool]
    metered: Callable[[], bool]
    reachable: Callable[[tuple[str, int]], bool]


def on_battery(folder: str = "/sys/class/power_supply") -> bool:
    """Whether a battery feeds this machine: it has one that empties, and no adapter that is plugged in."""
    empties = False
    for name in _listed(folder):
        kind = _first_line(os.path.join(folder, name, "type"))
        if kind in ("Mains", "USB") and _first_line(os.path.join(folder, name, "online")) == "1":
            return False
        scope = _first_line(os.path.join(folder, name, "scope"))  # a mouse's battery is a device's
        if kind in ("Battery", "UPS") and scope != "Device":
            empties |= _first_line(os.path.join(folder, name, "status")) == "Discharging"
    return empties


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline(100).strip()
    except OSError:
        return ""


def is_metered() -> bool:
    """Whether NetworkManager says that the link costs by the byte. Without it nobody knows, and it counts as free."""
    asking = shutil.which("busctl")
    if asking is None:
        return False
    name = "org.freedesktop.NetworkManager"
    words = [asking, "--system", "get-property", name, "/org/freedesktop/NetworkManager", name, "Metered"]
    try:
        ended = subprocess.run(words, capture_output=True, timeout=_CONNECT, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.stdout.decode("ascii", "replace").split()[-1:] in [[number] for number in _METERED]


def is_reachable(place: tuple[str, int]) -> bool:
    """Whether somebody answers at a host and port."""
    with contextlib.suppress(OSError), socket.create_connection(place, timeout=_CONNECT):
        return True
    return False


MACHINE = MachineSenses(on_battery, is_metered, is_reachable)


def wait(
    schedule: SourceSchedule,
    places: Sequence[tuple[str, int]],
    clock: Clock,
    say: Callable[[str], None],
    machine: MachineSenses = MACHINE,
) -> None:
    """Wait until the run may begin. Never longer than half of ``late_after``; a backup late is better than none.

    ``places``: host and port of each repository that is not on this machine.
    """
    longest = clock.monotonic() + schedule.late_after / 2
    if schedule.waits_on_battery:
        _until(lambda: not machine.on_battery(), longest, _LOOK_POWER, clock, say, "mains: this machine is on battery")
    if places and schedule.waits_on_metered:
        _until(lambda: not machine.metered(), longest, _LOOK_POWER, clock, say, "a link that is not metered")
    network = min(longest, clock.monotonic() + LONGEST_FOR_NETWORK)
    for place in places:
        if clock.monotonic() < network:
            words = f"{place[0]} to answer"
            _until(lambda place=place: machine.reachable(place), network, _LOOK_NETWORK, clock, say, words)  # type: ignore[misc]


def _until(
    condition: Callable[[], bool], end: float, pause: float, clock: Clock, say: Callable[[str], None], words: str
) -> None:
    said = False
    while not condition():
        if clock.monotonic() >= end:
            say(f"waited long enough for {words}; the run begins all the same")
            return
        if not said:
            say(f"waiting for {words}")
            said = True
        clock.sleep(max(0.0, min(pause, end - clock.monotonic())))
