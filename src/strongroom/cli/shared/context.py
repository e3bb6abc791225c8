"""What a verb gets to work with: its options, the settings in force, where to write, and how to open repositories."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from strongroom.base.configuration.client import Configuration
    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.output.out import Out
    from strongroom.cli.shared.promises import Promises
    from strongroom.cli.shared.settings import Settings
    from strongroom.cli.shared.signals import Signals


class Context:
    """One run of one verb."""

    def __init__(self, arguments: argparse.Namespace, out: Out, signals: Signals) -> None:
        self.arguments = arguments
        self.out = out
        self.signals = signals
        self.told: set[str] = set()
        """Warnings that are said once only."""

    @property
    def json(self) -> bool:
        """Whether a program reads the output."""
        return bool(self.arguments.json)

    @property
    def verbosity(self) -> int:
        """0 with ``-q``, 1 normally, 2 with ``-v``, 3 with ``-vv`` and above."""
        if self.arguments.quiet:
            return 0
        return 1 + min(2, self.arguments.verbose or 0)

    @cached_property
    def settings(self) -> Settings:
        """Flags, environment and file; the file is read when this is first used."""
        from strongroom.cli.shared.settings import Settings

        return Settings.load(self.arguments)

    def use_file(self, file: Configuration) -> None:
        """Let this file be in force in place of a client's."""
        from strongroom.cli.shared.settings import Settings

        self.__dict__["settings"] = Settings(self.arguments, file)

    def forget_settings(self) -> None:
        """The file was written by this command: read it when it is used next."""
        self.__dict__.pop("settings", None)

    @cached_property
    def promises(self) -> Promises:
        """What gateways promised to this machine."""
        from strongroom.base.clock import SYSTEM
        from strongroom.cli.shared.promises import Promises
        from strongroom.repository.state import default_state_folder

        return Promises(default_state_folder(), self.warn, SYSTEM)

    def reporter(self, *, restoring: bool = False) -> CommandReporter:
        """A reporter for people or for programs; SIGUSR1 asks it from now on."""
        reporter: CommandReporter
        if self.json:
            from strongroom.cli.output.events import EventReporter

            reporter = EventReporter(self.out, self.verbosity, _frames(), restoring=restoring)
        else:
            from strongroom.cli.output.terminal import TerminalReporter

            reporter = TerminalReporter(self.out, self.verbosity, _frames())
        self.signals.watch(reporter)
        return reporter

    @property
    def reporter_wants_totals(self) -> bool:
        """Whether anybody will see how much there is in all; counting costs time."""
        return self.verbosity > 0 and (self.json or self.out.is_terminal or _frames() is not None)

    def warn(self, text: str) -> None:
        """A warning on standard error; as JSON when a program reads along."""
        if self.json:
            self.out.warn_json({"message_type": "warning", "message": text})
        else:
            self.out.warn(f"warning: {text}")


def _frames() -> float | None:
    """Updates a second, from ``RESTIC_PROGRESS_FPS``; nonsense counts as unset, 60 is the most."""
    text = os.environ.get("STRONGROOM_PROGRESS_FPS") or os.environ.get("RESTIC_PROGRESS_FPS")
    try:
        frames = float(text) if text else 0.0
    except ValueError:
        return None
    return min(frames, 60.0) if frames > 0 else None
