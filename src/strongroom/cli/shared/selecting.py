"""Snapshot filters and groupings from a verb's options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments.times import go_text
from strongroom.cli.output.text import printable
from strongroom.cli.shared.environment import called_restic, lookup
from strongroom.repository.selection import SnapshotFilter, select_snapshots

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context
    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Listed


def filter_of(context: Context) -> SnapshotFilter:
    """``--host`` (or ``RESTIC_HOST``), ``--path``, ``--tag``. A relative path is made absolute, as restic does.

    ``--host ''`` is all hosts, in spite of the variable (restic pull request 5541).
    """
    arguments = context.arguments
    paths = tuple(_absolute(path) for path in arguments.paths or ())
    variable = lookup("HOST")
    hosts = arguments.hosts if arguments.hosts is not None else [variable.value] if variable else []
    return SnapshotFilter(tuple(filter(None, hosts)), paths, tuple(arguments.tags or ()))


def _absolute(path: str) -> str:
    """As restic has it: where the current folder was removed, a relative path stays what it is and matches nothing."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        return path


def chosen(context: Context, repository: Repository, damaged: list[str] | None = None) -> tuple[list[Listed], bool]:
    """The snapshots that are named, or pass the filter, oldest first; and whether a name that finds none is a failure.

    It is one, since a script would not notice else; not under restic's name: there it is what restic makes of it, a
    line on standard error. ``damaged`` is as in ``select_snapshots``. Raises ``UsageError``.
    """
    unknown: list[str] = []
    lenient = called_restic()
    names = context.arguments.names or ()
    found = select_snapshots(repository, names, filter_of(context), unknown, damaged, lenient=lenient)
    return found, bool(unknown) and not lenient


def of_snapshot(name: str, snapshot: Snapshot) -> str:
    """A snapshot in a few words: ID, paths, time, who made it where."""
    paths = " ".join(printable(path) for path in snapshot.paths)
    who = f"{printable(snapshot.username)}@{printable(snapshot.hostname)}"
    return f"snapshot {name[:8]} of [{paths}] at {go_text(snapshot.time)} by {who}"


def grouping(text: str) -> tuple[str, ...]:
    """``host,paths`` as a list; empty text is no grouping. Raises ``UsageError``."""
    known = {"host": "host", "hosts": "host", "path": "paths", "paths": "paths", "tag": "tags", "tags": "tags"}
    fields = [field.strip() for field in text.split(",") if field.strip()]
    for field in fields:
        if field not in known:
            raise UsageError("snapshots are grouped by host, paths or tags", subject=f"--group-by {field}")
    return tuple(dict.fromkeys(known[field] for field in fields))
