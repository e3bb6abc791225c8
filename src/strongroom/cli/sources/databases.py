"""The databases of a source as streams for a backup."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from strongroom.archive.backup.options import Stream
from strongroom.base.errors import StrongroomError
from strongroom.base.record import replace
from strongroom.cli.shared import passwords
from strongroom.cli.shared.opening import say_failure
from strongroom.fleet.host.dumps.kinds import dump_of
from strongroom.fleet.host.dumps.sizes import DumpSizes
from strongroom.fleet.host.dumps.stream import DumpStream
from strongroom.repository.state import default_state_folder

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Mapping

    from strongroom.base.configuration.checks import PasswordSource
    from strongroom.cli.shared.context import Context
    from strongroom.fleet.host.dumps.contract import DatabaseDump


class OpenDump:
    """A dump that a backup may read, and whether it turned out to be missing."""

    def __init__(self, context: Context, dump: DatabaseDump) -> None:
        self.label = dump.label
        self._made = DumpStream(dump, DumpSizes(default_state_folder()), context.warn)
        self._held = context.signals.locks()  # whoever ends this process ends the program that dumps
        self._held.add(self._made)
        self.stream = Stream(self._made.start, os.fsencode(dump.path.lstrip("/")), self._made.must_be_whole)
        self.is_missing = False
        self.codes: list[int] = []
        """How it came out in each repository, where it was whole."""

    def saved(self) -> None:
        """A snapshot of it was made."""
        self._made.saved()

    def close(self) -> None:
        """It is over."""
        self._made.release()
        self._held.remove(self._made)


def streams_of(
    context: Context, stack: contextlib.ExitStack, source: str, databases: Mapping[str, Mapping[str, Any]]
) -> list[OpenDump]:
    """The dumps of a source, closed by the stack; one whose password cannot be had is said, and left out."""
    dumps: list[OpenDump] = []
    for name, table in databases.items():
        try:
            dump = dump_of(source, name, expanded(table), database_password(context, source, name, table))
        except StrongroomError as error:
            say_failure(context, f"{source}.database.{name}", error)
            continue
        dumps.append(OpenDump(context, dump))
        stack.callback(dumps[-1].close)
    return dumps


def expanded(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """A database's table with ``~`` in its file meaning the home folder."""
    return {**table, "file": os.path.expanduser(table["file"])} if "file" in table else table


def database_password(context: Context, source: str, name: str, table: Mapping[str, Any]) -> str | None:
    """The password for a database's server; None where none is named. Raises ``UsageError``."""
    words = database_password_source(context, source, name, table)
    if words is None:
        return None
    place = f"{source}.database.{name}"
    secret = passwords.fetch(words, label=place, stopped=lambda: context.signals.asked, warn=context.warn)
    return os.fsdecode(secret)


def database_password_source(
    context: Context, source: str, name: str, table: Mapping[str, Any]
) -> PasswordSource | None:
    """Where the password for a database's server comes from; None where none is named."""
    given: PasswordSource | None = table.get("password")
    if given is None:
        return None
    file = context.settings.file
    value = os.path.expanduser(given.value) if given.kind == "file" else given.value
    origin = f"{file.path if file else ''}: source.{source}.database.{name}.password"
    return replace(given, value=value, origin=origin)
