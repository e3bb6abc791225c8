"""``schedule install`` and ``schedule remove``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.schedule.shared import add_sources, file_of, local_folders, own_program, schedules_of
from strongroom.fleet.host.reporting.member import membership_path
from strongroom.fleet.host.schedule.installing import UnitFolder
from strongroom.fleet.host.schedule.units import SERVICE, report_units, service, timer, timer_name

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def _root(parser: argparse.ArgumentParser) -> None:
    add_sources(parser)
    parser.add_argument(
        "--root", default="/", metavar="FOLDER", help="the root of another system, such as an image; nothing is started"
    )


def arguments_install(parser: argparse.ArgumentParser) -> None:
    """Which sources, and where."""
    parser.description = (
        "Write a systemd timer for each source that has a schedule, strongroom-SOURCE.timer, and the service that\n"
        "makes its runs, strongroom-run@.service, into /etc/systemd/system; then start the timers.\n\n"
        "Run it again after each change of the configuration file: timers of sources that have no schedule any more\n"
        "are removed. Changes of your own belong into drop-ins (`systemctl edit strongroom-run@.service`)."
    )
    _root(parser)


def run_install(context: Context) -> int:
    """Write the units. Raises ``UsageError`` for a schedule that no timer can say, before anything is written."""
    file, schedules = file_of(context), schedules_of(context)
    program = [*own_program(), "--config", os.path.abspath(file.path), "schedule", "run"]
    units = {timer_name(one.source): timer(one) for one in schedules}
    folder = UnitFolder(context.arguments.root)
    context.arguments.sources = []
    everything = schedules_of(context)
    units[SERVICE] = service(program, local_folders(file, everything))
    reporting = {}
    if os.path.lexists(membership_path(file.path)):
        program = [*own_program(), "--config", os.path.abspath(file.path), "host", "report"]
        reporting = report_units(program, local_folders(file, everything))
    units |= reporting
    changed = folder.write(units)
    wanted = {timer_name(one.source) for one in everything} | set(reporting)
    stale = [name for name in folder.ours() if name.endswith(".timer") and name not in wanted]
    if stale:
        folder.remove(stale)
    folder.begin([name for name in units if name.endswith(".timer")])
    if context.json:
        context.out.json({"folder": folder.folder, "written": changed, "removed": stale})
        return exit_codes.OK
    for name in units:
        context.out.line(f"{folder.folder}/{name}: {'written' if name in changed else 'as it was'}")
    for name in stale:
        context.out.line(f"{folder.folder}/{name}: removed, since its source has no schedule")
    return exit_codes.OK


def arguments_remove(parser: argparse.ArgumentParser) -> None:
    """Which sources, and where."""
    parser.description = (
        "Stop the timers of sources and take their units away; without names all that `schedule install` wrote.\n"
        "Files that it did not write, and drop-ins, stay."
    )
    _root(parser)


def run_remove(context: Context) -> int:
    """Remove the units. Raises ``UsageError`` when a source has none."""
    folder = UnitFolder(context.arguments.root)
    ours = folder.ours()
    named = [timer_name(source) for source in context.arguments.sources]
    for name in named:
        if name not in ours:
            hint = f"There are: {', '.join(ours) or 'none'}."
            raise UsageError("there is no such unit of ours", subject=f"{folder.folder}/{name}", hint=hint)
    going = named or ours
    if going:
        folder.remove(going)
    if context.json:
        context.out.json({"folder": folder.folder, "removed": going})
    else:
        for name in going:
            context.out.line(f"{folder.folder}/{name}: removed")
        if not going:
            context.out.line(f"{folder.folder} has no unit of ours")
    return exit_codes.OK
