"""Which snapshots a user means: filters, `latest`, prefixes, `snapshot:subfolder`, groups (restic's rules)."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, UsageError
from strongroom.base.objects import Kind
from strongroom.base.record import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository

_LATEST = re.compile(r"latest(?:~(\d{1,6}))?\Z", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{1,64}\Z")

Listed = tuple[str, "Snapshot"]
"""A snapshot with its ID."""


@record
class SnapshotFilter:
    """``--host`` (any of), ``--path`` (all of), ``--tag a,b`` (all within one, any of several; ``()``: untagged)."""

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        """As restic says it."""
        tags = " ".join(f"[{' '.join(wanted)}]" for wanted in self.tags)
        return f"Paths:[{' '.join(self.paths)}] Tags:[{tags}] Hosts:[{' '.join(self.hosts)}]"

    def matches(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot passes."""
        if self.hosts and snapshot.hostname not in self.hosts:
            return False
        if not set(self.paths) <= set(snapshot.paths):
            return False
        have = set(snapshot.tags)
        return not self.tags or any(set(wanted) <= have if wanted else not have for wanted in self.tags)


EVERYTHING = SnapshotFilter()


@record
class Found:
    """A snapshot that a user named; ``subfolder`` is what stood behind the colon, without a leading slash, or empty."""

    id: str
    snapshot: Snapshot
    subfolder: str = ""


@record
class GroupKey:
    """What the snapshots of a group have in common; a field that the grouping ignores is None. Lists are sorted."""

    hostname: str | None
    paths: tuple[str, ...] | None
    tags: tuple[str, ...] | None


def is_beginning(text: str) -> bool:
    """Whether an ID can begin so."""
    return _HEX.match(text) is not None


def complete_prefix(prefix: str, names: Iterable[str], what: str) -> str:
    """The one name that begins so. Raises ``UsageError`` when none or several do."""
    if not _HEX.match(prefix):
        hint = "An ID is made of the digits 0 to 9 and a to f."
        raise UsageError(f'no matching ID found for prefix "{prefix}"', subject=what, hint=hint)
    fitting = [name for name in names if name.startswith(prefix)]
    if not fitting:
        raise UsageError(f'no matching ID found for prefix "{prefix}"', subject=what)
    if len(fitting) > 1:
        hint = f"There are {len(fitting)}: give more digits of the one you mean."
        raise UsageError(f'multiple IDs with prefix "{prefix}" found', subject=what, hint=hint)
    return fitting[0]


def newest_first(snapshots: Iterable[Listed]) -> list[Listed]:
    """By time, the newest first; of two at the same instant the larger ID first, so that the order is one."""
    return sorted(snapshots, key=_age, reverse=True)


def _age(listed: Listed) -> tuple[int, str]:
    return listed[1].time_ns, listed[0]


def find_snapshot(repository: Repository, name: str, filter: SnapshotFilter = EVERYTHING) -> Found:
    """The snapshot meant by ``latest``, ``latest~N``, a prefix or a whole ID, with or without ``:subfolder``.

    The filter narrows ``latest`` only, as in restic; restic's ``diff`` and ``cat`` take IDs alone.
    Raises ``UsageError`` when none or several match.
    """
    name, _, folder = name.partition(":")
    subfolder = posixpath.normpath("/" + folder).lstrip("/")
    if latest := _LATEST.match(name):
        back = int(latest[1] or 0)
        candidates = newest_first(listed for listed in _all(repository) if filter.matches(listed[1]))
        if back >= len(candidates):
            raise UsageError(
                f"no snapshot matched given filter ({filter})",
                subject=f"snapshot {name}",
                hint="See `strongroom snapshots` for what is there.",
            )
        snapshot_id, snapshot = candidates[back]
        return Found(snapshot_id, snapshot, subfolder)
    snapshot_id = complete_prefix(name, repository.snapshot_names(), "snapshot")
    return Found(snapshot_id, repository.load_snapshot(snapshot_id), subfolder)


def select_snapshots(
    repository: Repository,
    names: Sequence[str] = (),
    filter: SnapshotFilter = EVERYTHING,
    unknown: list[str] | None = None,
    damaged: list[str] | None = None,
    *,
    lenient: bool = False,
) -> list[Listed]:
    """Those named, or without names all that pass the filter, oldest first.

    A name that finds none is a warning and is added to ``unknown``. Raises ``UsageError`` when no name finds any,
    unless ``lenient``.
    The IDs of those that cannot be read go to ``damaged``; without such a list the first one raises its error.
    """
    if not names:
        return newest_first(listed for listed in _all(repository) if filter.matches(listed[1]))[::-1]
    selected: dict[str, Snapshot] = {}
    problems: list[tuple[str, UsageError]] = []
    for name in names:
        try:
            found = find_snapshot(repository, name, filter)
        except UsageError as problem:
            problems.append((name, problem))
            continue
        except (Damaged, LimitExceeded) as problem:
            if damaged is None:
                raise
            repository.surroundings.warn(f"{problem}; it was named, so it goes all the same")
            damaged.append(complete_prefix(name.partition(":")[0], repository.snapshot_names(), "snapshot"))
            continue
        selected[found.id] = found.snapshot
    if problems and not selected and not damaged and not lenient:
        raise problems[0][1]
    for name, why in problems:
        repository.surroundings.warn(f'Ignoring "{name}": {why.what}')
        if unknown is not None:
            unknown.append(name)
    return newest_first(selected.items())[::-1]


def _all(repository: Repository) -> list[Listed]:
    """All snapshots; where none is listed since their folder is gone, that is said."""
    found = list(repository.snapshots())
    if not found and repository.store.has_folder(Kind.SNAPSHOT) is False:
        repository.surroundings.warn(
            f"{repository.location}: the folder `snapshots` is not there (to a server: 404), so no snapshot is listed"
        )
    return found


def as_shown(snapshots: Iterable[Listed], by: Sequence[str]) -> list[Listed]:
    """With sorted paths, and sorted tags where they make the groups: so restic shows them."""
    return [
        (name, replace(one, paths=tuple(sorted(one.paths)), tags=tuple(sorted(one.tags)) if "tags" in by else one.tags))
        for name, one in snapshots
    ]


def group_snapshots(snapshots: Iterable[Listed], by: Sequence[str]) -> list[tuple[GroupKey, list[Listed]]]:
    """Groups by any of ``host``, ``paths``, ``tags`` (none of them: one group), in the order of their keys."""
    for field in by:
        if field not in ("host", "paths", "tags"):
            raise UsageError("snapshots are grouped by host, paths or tags", subject=f"--group-by {field}")
    groups: dict[GroupKey, list[Listed]] = {}
    for listed in snapshots:
        snapshot = listed[1]
        key = GroupKey(
            snapshot.hostname if "host" in by else None,
            tuple(sorted(snapshot.paths)) if "paths" in by else None,
            tuple(sorted(snapshot.tags)) if "tags" in by else None,
        )
        groups.setdefault(key, []).append(listed)
    return sorted(
        groups.items(), key=lambda group: (group[0].hostname or "", group[0].paths or (), group[0].tags or ())
    )
