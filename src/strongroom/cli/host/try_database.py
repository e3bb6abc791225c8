"""``host try-database``: the newest dump of a database, loaded into a scratch database."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from strongroom.archive.dump import dump
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import StrongroomError, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.shared.opening import locked, open_target, targets_of
from strongroom.cli.sources.databases import database_password, expanded
from strongroom.fleet.host.dumps.contract import path_of
from strongroom.fleet.host.dumps.trying import try_dump
from strongroom.repository.selection import SnapshotFilter, find_snapshot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Found


def arguments_try_database(parser: argparse.ArgumentParser) -> None:
    """Which database."""
    parser.description = (
        "Load the newest dump of a database into a scratch database of the same server, count its tables, and drop it\n"
        "again: the proof that it can be restored. The scratch database is called strongroom_try_… and no other is\n"
        "touched. An SQLite file is opened in a folder for temporary files. For a dump of kind `command` its\n"
        "`load_command` gets the dump on standard input.\n\n"
        "  strongroom host try-database shop"
    )
    parser.add_argument("name", metavar="NAME", help="the database's name in the configuration file")
    parser.add_argument("--source", metavar="SOURCE", help="the source that it belongs to, where several have the name")


def run_try_database(context: Context) -> int:
    """Load it and say what was found. Raises ``StrongroomError`` when it cannot be loaded."""
    name = context.arguments.name
    source, table = _database(context, name)
    target = _target(context, source)
    reporter = context.reporter()
    with (
        contextlib.closing(reporter),
        contextlib.closing(open_target(context, target)) as repository,
        locked(context, repository),
    ):
        path = path_of(table["kind"], name)
        settings = context.settings
        assert settings.file is not None
        host = settings.get("host").value or settings.file.sources[source].get("host")
        wanted = SnapshotFilter((host or repository.surroundings.hostname,), (path,))
        found = _newest(repository, wanted, f"{source}.database.{name}")
        repository.load_index()
        view = SnapshotView(repository, found.snapshot.tree, reporter, "try-database")

        def pieces(write: Callable[[bytes], object]) -> None:
            dump(view, os.fsencode(path), _Sink(write))

        try:
            tables = try_dump(expanded(table), database_password(context, source, name, table), pieces)
        except StrongroomError as error:
            subject = f"{source}.database.{name}, snapshot {found.id[:8]}"
            raise type(error)(error.what, subject=error.subject or subject, hint=error.hint) from None
    if context.json:
        context.out.json({"database": name, "source": source, "snapshot_id": found.id, "tables": tables})
    else:
        what = "its command took it" if tables is None else f"{tables} table{'' if tables == 1 else 's'}"
        when = found.snapshot.time
        context.out.line(f"{name}: the dump of {when}, snapshot {found.id[:8]}, can be loaded: {what}")
    return exit_codes.OK


def _newest(repository: Repository, wanted: SnapshotFilter, label: str) -> Found:
    """The newest snapshot of a database. Raises ``UsageError`` without any."""
    if not any(wanted.matches(snapshot) for _, snapshot in repository.snapshots()):
        hint = "`strongroom backup` makes one."
        raise UsageError(f"{repository.location} has no dump of it by this host", subject=label, hint=hint)
    return find_snapshot(repository, "latest", wanted)


class _Sink:
    """A function as a place for bytes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


def _database(context: Context, name: str) -> tuple[str, Mapping[str, Any]]:
    """The source and the table of a database. Raises ``UsageError`` when none or several have the name."""
    file = context.settings.file
    if file is None:
        hint = "`strongroom config generate` prints one to begin with."
        raise UsageError("there is no configuration file", hint=hint)
    wanted = context.arguments.source
    found = [
        (source, table["database"][name])
        for source, table in file.sources.items()
        if name in table.get("database", {}) and wanted in (None, source)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        hint = f"Say which with --source: {', '.join(source for source, _ in found)}."
        raise UsageError("several sources have a database of this name", subject=name, hint=hint)
    known = sorted({one for table in file.sources.values() for one in table.get("database", {})})
    hint = f"{file.path} has: {', '.join(known)}." if known else f"{file.path} has no [source.SOURCE.database.NAME]."
    raise UsageError("no such database", subject=name, hint=hint)


def _target(context: Context, source: str) -> Target:
    """The first of the source's repositories, or the first that options name."""
    file, targets = context.settings.file, targets_of(context)
    assert file is not None
    own = file.sources[source].get("repositories")
    if own and targets[0].origin == file.path:
        targets = [target for target in targets if target.name in own]
    return targets[0]
