"""The versions of a path over all snapshots, and what is thought of each.

On the worst day `latest` is an intruder's.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import Damaged, UsageError
from strongroom.base.record import record
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.schemas.main import snapshot, stored
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom._kernel import Node
    from strongroom.custody.state import Adopted, State
    from strongroom.repository.opened import Repository


@record
class PathVersion:
    """A path as some snapshots have it: the first of them that came, and how many. ``size`` in bytes, None: gone."""

    snapshot: str
    arrival_ns: int
    verdict: str
    source: str
    kind: str
    size: int | None
    mtime: str
    snapshots: int


def versions_of(state: State, adopted: Adopted, repository: Repository, path: bytes) -> list[PathVersion]:
    """Every version of a path, good ones first and among them the newest first. The index must be loaded.

    Raises ``UsageError`` when no snapshot ever had it.
    """
    found: dict[tuple[str, str, object], PathVersion] = {}
    for row in _snapshots(state, adopted):
        document = json.loads(row.document)
        node = _find(repository, document["tree"], path, document.get("paths", ()))
        verdict = row.operator if row.operator == CONDEMNED else row.verdict
        identity = (verdict, row.source, _identity(node))
        known = found.get(identity)
        if known is not None:
            found[identity] = _again(known)
        else:
            found[identity] = PathVersion(
                row.id,
                row.arrival_ns,
                verdict,
                row.source,
                node.type if node is not None else "gone",
                node.size if node is not None and node.type == "file" else None,
                str(node.mtime) if node is not None else "",
                1,
            )
    if not any(version.kind != "gone" for version in found.values()):
        raise UsageError(
            "no snapshot has it",
            subject=path.decode("utf-8", "backslashreplace"),
            hint="Give the absolute path that it had on its host.",
        )
    return sorted(
        found.values(), key=lambda one: (one.verdict == GOOD, one.kind != "gone", one.arrival_ns), reverse=True
    )


def _snapshots(state: State, adopted: Adopted) -> Sequence[sa.Row[Any]]:
    there = sa.and_(
        stored.c.repository == snapshot.c.repository, stored.c.name == snapshot.c.id, stored.c.kind == "snapshots"
    )
    with state.database.read() as connection:
        return connection.execute(
            sa.select(snapshot)
            .join(stored, there)
            .where(snapshot.c.repository == adopted.id, stored.c.gone_ns.is_(None))
            .order_by(snapshot.c.arrival_ns, snapshot.c.id)
        ).all()


def _find(repository: Repository, tree: str, path: bytes, sources: Sequence[str]) -> Node | None:
    """The entry at a path; one that was saved by a relative path stands in the snapshot by its source's last name."""
    view = SnapshotView(repository, tree)
    for candidate in (path, *_relative(path, sources)):
        try:
            entry = view.find(candidate)
        except (UsageError, Damaged):
            continue
        return entry.node if entry is not None else None
    return None


def _relative(path: bytes, sources: Sequence[str]) -> Iterator[bytes]:
    for source in map(os.fsencode, sources):
        if path == source or path.startswith(source.rstrip(b"/") + b"/"):
            yield b"/" + os.path.basename(source) + path[len(source.rstrip(b"/")) :]


def _identity(node: Node | None) -> object:
    if node is None:
        return None
    if node.type == "file":
        return tuple(node.content or ())
    return node.type, node.subtree, node.linktarget


def _again(version: PathVersion) -> PathVersion:
    return PathVersion(
        version.snapshot,
        version.arrival_ns,
        version.verdict,
        version.source,
        version.kind,
        version.size,
        version.mtime,
        version.snapshots + 1,
    )
