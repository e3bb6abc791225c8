"""``rewrite``: snapshots without some of their files, or with another host or time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom._kernel import Filter, malformed_patterns
from strongroom.base.errors import Damaged, UsageError
from strongroom.base.progress import SUMMARY_COUNTERS
from strongroom.base.record import record, replace
from strongroom.maintenance.replacing import with_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom._kernel import Node
    from strongroom.format.snapshot import Snapshot
    from strongroom.format.timestamp import Timestamp
    from strongroom.maintenance.tree_rewriter import Rewritten

_NO_TIME = "0001-01-01T00:00:00Z"
"""What Go writes of a time that was never set."""
_HINT = "`strongroom repair snapshots` makes snapshots without what cannot be read."


@record
class Patterns:
    """restic's patterns of each kind."""

    excludes: tuple[str, ...] = ()
    iexcludes: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    iincludes: tuple[str, ...] = ()

    @property
    def including(self) -> bool:
        """Whether only what is named stays."""
        return bool(self.includes or self.iincludes)

    @property
    def excluding(self) -> bool:
        """Whether what is named goes."""
        return bool(self.excludes or self.iexcludes)

    def compiled(self) -> Filter:
        """For the paths of a snapshot. Raises ``UsageError`` for malformed patterns."""
        every = (*self.excludes, *self.iexcludes, *self.includes, *self.iincludes)
        bad = [pattern.decode("utf-8", "backslashreplace") for pattern in malformed_patterns(every)]
        if bad:
            raise UsageError(f"invalid pattern(s) provided: {', '.join(bad)}", hint="Write \\[ for a bracket.")
        return Filter(self.excludes, self.iexcludes, self.includes, self.iincludes)


class FilterRule:
    """Leaves out what patterns exclude, or all but what they include. ``told`` hears of each path that decides."""

    by_path = True

    def __init__(self, patterns: Filter, *, including: bool, told: Callable[[str, bytes], None]) -> None:
        self._patterns = patterns
        self._including = including
        self._told = told

    def node(self, node: Node, path: bytes) -> Node | None:
        """As ``Rule`` says."""
        is_dir = node.type == "dir"
        if not self._including:
            if not self._patterns.excludes(path):
                return node
            self._told("excluding", path)
            return None
        taken, below = self._patterns.select(path, is_dir)
        if taken and not is_dir:
            self._told("including", path)
        return node if taken or (is_dir and below) else None

    def keeps_empty(self, path: bytes) -> bool:
        """As ``Rule`` says: of what is included alone the folders that a pattern names."""
        if not self._including:
            return True
        taken = path != b"/" and self._patterns.select(path, True)[0]
        if taken:
            self._told("including directory", path)
        return taken

    def unreadable(self, path: bytes, tree: str, error: Exception) -> bool:  # noqa: ARG002
        """Nothing is rewritten on guesses."""
        raise Damaged(f"cannot be rewritten: {error}", subject=_shown(path), hint=_HINT) from error

    def unreadable_nodes(self, path: bytes, names: list[tuple[bytes, str]]) -> None:
        """Nothing is rewritten on guesses."""
        why = f"the entry {_shown(names[0][0])} {names[0][1]}" if names else "its entries are out of order"
        raise Damaged(f"cannot be rewritten: {why}", subject=_shown(path), hint=_HINT)


class CountRule(FilterRule):
    """Leaves all as it is, and so counts files and bytes."""

    by_path = False

    def __init__(self) -> None:
        """No patterns."""

    def node(self, node: Node, path: bytes) -> Node:  # noqa: ARG002
        """As ``Rule`` says."""
        return node

    def keeps_empty(self, path: bytes) -> bool:  # noqa: ARG002
        """As ``Rule`` says."""
        return True


@record
class NewMetadata:
    """What a snapshot is to say of itself from now on; None leaves it as it is."""

    hostname: str | None = None
    time: Timestamp | None = None

    def __bool__(self) -> bool:
        return self.hostname is not None or self.time is not None


def rewritten_snapshot(
    name: str, old: Snapshot, tree: Rewritten | None, metadata: NewMetadata, added_tag: str
) -> Snapshot | None:
    """What takes a snapshot's place; None where nothing is another one. ``tree``: None where it was not looked at.

    ``added_tag``: for a snapshot that stands beside the old one; empty where that goes.
    """
    summary = old.summary if tree is None else counted(old.summary, tree)
    new_tree = old.tree if tree is None or tree.tree is None else tree.tree
    if new_tree == old.tree and summary == old.summary and not metadata:
        return None
    return replace(
        old,
        tree=new_tree,
        original=name,
        summary=summary,
        tags=with_tags(old.tags, [added_tag] if added_tag else []),
        time=metadata.time or old.time,
        hostname=old.hostname if metadata.hostname is None else metadata.hostname,
    )


def counted(summary: dict[str, Any] | None, tree: Rewritten) -> dict[str, Any]:
    """A summary with the files and bytes of a tree; what else stands in it stays, what is missing is zero."""
    found = summary
    if found is None:
        found = {"backup_start": _NO_TIME, "backup_end": _NO_TIME} | dict.fromkeys(SUMMARY_COUNTERS, 0)
    return found | {"total_files_processed": tree.files, "total_bytes_processed": tree.bytes}


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
