"""How a verb that changes a repository begins: it says which it is, sees that it may, and locks it for itself alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Full
from strongroom.cli.shared.opening import locked
from strongroom.maintenance.removing import refuse_where_append_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository


def name_repository(context: Context, reporter: CommandReporter, label: str) -> None:
    """Say which of several repositories comes now; the label is empty where there is one."""
    reporter.repository = label
    if label and not context.json:
        reporter.message(f"repository {label}:")


@contextlib.contextmanager
def exclusively(context: Context, repository: Repository, reporter: CommandReporter) -> Iterator[Lock | None]:
    """The exclusive lock of a repository that lets us remove; signals end the work at a good moment meanwhile.

    Whoever changes anything asks ``Lock.check`` before. Raises ``Refused`` where nothing may be removed.
    """
    refuse_where_append_only(repository)
    with (
        locked(context, repository, exclusive=True, writing=True, settle=False) as lock,
        context.signals.cooperative(reporter),
    ):
        yield lock


def exclusive_to_make_room(
    context: Context, repository: Repository, *, settle: bool = True
) -> AbstractContextManager[Lock | None]:
    """The exclusive lock of who frees space; none where there is no room for one, if nobody else has one."""
    try:
        return locked(context, repository, exclusive=True, writing=True, settle=settle)
    except Full:  # others' locks have been looked for by then
        context.warn("there is no room for a lock, and none of others: let nobody use the repository until this ends")
        return contextlib.nullcontext()
