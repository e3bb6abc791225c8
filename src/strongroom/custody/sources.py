"""Sources: what an operator says of each, and what is known of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.base.record import record, replace
from strongroom.custody.catalogue import load_catalogue
from strongroom.custody.judging.canaries import GONE, mark
from strongroom.custody.judging.settings import SourceSettings, checked, parse_settings
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.schemas.main import snapshot, source, stored
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.state import Adopted, State
    from strongroom.repository.opened import Repository


@record
class Source:
    """A source of snapshots; ``accepted``: it may send them. ``last_good``: its newest good one."""

    name: str
    accepted: bool
    settings: SourceSettings
    last_good_ns: int | None
    last_good: str | None


def sources_of(state: State, adopted: Adopted) -> list[Source]:
    """All sources of a repository by name."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(source).where(source.c.repository == adopted.id).order_by(source.c.name)
        ).all()
        newest = {name: _newest(connection, adopted.id, name) for name in (row.name for row in rows)}
    return [
        Source(
            row.name,
            bool(row.accepted),
            parse_settings(row.settings),
            None if (last := newest[row.name]) is None else int(last.arrival_ns),
            None if last is None else last.id,
        )
        for row in rows
    ]


def check_source(state: State, adopted: Adopted, name: str) -> SourceSettings:
    """What is said of a source. Raises ``UsageError`` for one that is not there."""
    known = {one.name: one.settings for one in sources_of(state, adopted)}
    if name not in known:
        raise UsageError("there is no such source", subject=name, hint=f"There are: {', '.join(known) or 'none'}.")
    return known[name]


def change_source(
    state: State,
    adopted: Adopted,
    name: str,
    who: str,
    *,
    longest_backup: int | None = None,
    most_a_day: int | None = None,
    drop: Sequence[str] = (),
    retired: bool | None = None,
    canaries: Sequence[str] = (),
    repository: Repository | None = None,
    why: str = "",
) -> SourceSettings:
    """Change what is said of a source, and return it all. ``canaries``: paths that must not change from what they are
    in its newest good snapshot, for which ``repository`` is read. ``retired``: nothing more comes of it.

    Raises ``UsageError`` for a source or a path that is not there, ``ConfigurationError`` for numbers without sense.
    """
    settings = check_source(state, adopted, name)
    left = {path: value for path, value in settings.canaries.items() if path not in drop}
    if canaries and repository is not None:
        left |= _marks(state, adopted, name, canaries, repository)
    settings = checked(
        replace(
            settings,
            canaries=left,
            longest_backup=settings.longest_backup if longest_backup is None else longest_backup,
            most_a_day=settings.most_a_day if most_a_day is None else most_a_day,
            retired_ns=settings.retired_ns if retired is None else state.clock.now_ns() if retired else None,
        )
    )
    with state.database.write() as connection:
        here = sa.and_(source.c.repository == adopted.id, source.c.name == name)
        connection.execute(source.update().where(here).values(settings=settings.encode()))
        state.record(connection, who, adopted.id, f"source {name}: {settings.encode()}", why)
    return settings


def _marks(state: State, adopted: Adopted, name: str, paths: Sequence[str], repository: Repository) -> dict[str, str]:
    with state.database.read() as connection:
        newest = _newest(connection, adopted.id, name)
    if newest is None:
        raise UsageError("has no good snapshot yet in which a canary could be looked at", subject=name)
    repository.index = load_catalogue(state, adopted.id)
    tree = json.loads(newest.document)["tree"]
    found = {path: mark(repository, tree, path) for path in paths}
    for path, value in found.items():
        if value == GONE:
            hint = f"A path as `strongroom ls` shows it, of snapshot {newest.id[:8]}."
            raise UsageError("is not in the newest good snapshot", subject=path, hint=hint)
    return found


def _newest(connection: sa.Connection, repository: str, name: str) -> Any:
    same = sa.and_(stored.c.repository == snapshot.c.repository, stored.c.name == snapshot.c.id)
    found: Any = connection.execute(
        sa.select(snapshot.c.id, snapshot.c.document, snapshot.c.arrival_ns)
        .select_from(snapshot.join(stored, same))
        .where(
            snapshot.c.repository == repository,
            snapshot.c.source == name,
            snapshot.c.verdict == GOOD,
            snapshot.c.operator != CONDEMNED,
            stored.c.kind == "snapshots",
            stored.c.gone_ns.is_(None),
        )
        .order_by(snapshot.c.arrival_ns.desc(), snapshot.c.id)
        .limit(1)
    ).one_or_none()
    return found
