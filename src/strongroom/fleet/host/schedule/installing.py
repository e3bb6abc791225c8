"""Writing, showing and removing systemd's units."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import StrongroomError
from strongroom.fleet.host.schedule.units import HEAD, timer_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLACE = "etc/systemd/system"
_PATIENCE = 60.0


class UnitFolder:
    """/etc/systemd/system, below another root for images and tests; then systemd is told of nothing."""

    def __init__(self, root: str = "/") -> None:
        self.folder = os.path.join(root, PLACE)
        self._is_live = os.path.realpath(root) == "/"

    def write(self, units: Mapping[str, str]) -> list[str]:
        """Write those that differ; their names. Raises ``StrongroomError``, also for a file that is not ours."""
        changed = [name for name, text in units.items() if self._text(name) != text]
        for name in changed:
            self._must_be_ours(name)
        try:
            os.makedirs(self.folder, exist_ok=True)
            for name in changed:
                replace_file(os.path.join(self.folder, name), units[name].encode(), mode=0o644)
        except OSError as error:
            hint = "Units are root's: run this as root, or with --root FOLDER."
            raise StrongroomError(f"cannot be written: {error.strerror}", subject=self.folder, hint=hint) from None
        return changed

    def ours(self) -> list[str]:
        """The names of the units that we wrote, sorted."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        return [name for name in names if name.startswith(("strongroom-", "strongroom_")) and self._is_ours(name)]

    def begin(self, timers: Sequence[str]) -> None:
        """Let systemd read the units anew, and start the timers now and at each boot. Raises ``StrongroomError``."""
        self._ask("daemon-reload")
        if timers:
            self._ask("enable", "--now", *timers)

    def remove(self, names: Sequence[str]) -> None:
        """Stop timers, and take the units away. Raises ``StrongroomError``."""
        timers = [name for name in names if name.endswith(".timer")]
        if timers:
            self._ask("disable", "--now", *timers)
        try:
            for name in names:
                os.unlink(os.path.join(self.folder, name))
        except OSError as error:
            hint = "Units are root's: run this as root, or with --root FOLDER."
            raise StrongroomError(f"cannot be removed: {error.strerror}", subject=self.folder, hint=hint) from None
        self._ask("daemon-reload")

    def timer_state(self, source: str) -> str:
        """Whether the timer of a source is there and runs, in a word or two."""
        if timer_name(source) not in self.ours():
            return "no timer"
        if not self._is_live or shutil.which("systemctl") is None or not os.path.isdir("/run/systemd/system"):
            return "timer written"
        words = ["systemctl", "is-active", timer_name(source)]
        ended = subprocess.run(words, capture_output=True, timeout=_PATIENCE, check=False)
        return f"timer {ended.stdout.decode('ascii', 'replace').strip() or 'unknown'}"

    def next_begin(self, source: str) -> int | None:
        """When systemd begins the next run of a source; None where no timer of a calendar waits here.

        Its jitter is another part of the same span than that of ``schedule run``, so it is asked.
        """
        if self.timer_state(source) != "timer active":
            return None
        words = ["systemctl", "list-timers", "--output=json", timer_name(source)]
        ended = subprocess.run(words, capture_output=True, timeout=_PATIENCE, check=False)
        try:
            return int(json.loads(ended.stdout)[0]["next"]) // 1_000_000 or None
        except (ValueError, TypeError, KeyError, IndexError):  # a systemd that has no JSON, or no next date
            return None

    def _text(self, name: str) -> str | None:
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError):
            return None

    def _is_ours(self, name: str) -> bool:
        return (self._text(name) or "").startswith(HEAD)

    def _must_be_ours(self, name: str) -> None:
        if os.path.lexists(os.path.join(self.folder, name)) and not self._is_ours(name):
            raise StrongroomError(
                "is there already, and was not written by this command",
                subject=os.path.join(self.folder, name),
                hint="Look at it, and move it away if it is not wanted.",
            )

    def _ask(self, *words: str) -> None:
        """systemctl, where this machine is run by systemd."""
        if not self._is_live:
            return
        if not os.path.isdir("/run/systemd/system"):
            hint = "In a container let `strongroom schedule run` begin the backups; for an image give --root FOLDER."
            raise StrongroomError("systemd does not run this machine", hint=hint)
        ended = subprocess.run(["systemctl", *words], capture_output=True, timeout=_PATIENCE, check=False)
        if ended.returncode:
            raise StrongroomError(
                f"`systemctl {words[0]}` failed: {ended.stderr.decode('utf-8', 'replace').strip()}",
                hint="The units are written; `systemctl status` tells more.",
            )


def systemd_runs() -> bool:
    """Whether systemd is this machine's process 1."""
    return os.path.isdir("/run/systemd/system")
