"""``repair snapshots``: snapshots without what is gone for good, so that the rest can be used again.

It believes the index: whoever repairs snapshots has repaired that before. Where a pack in no index has what is missing,
that was not done, and nothing is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Refused, Unavailable
from strongroom.base.objects import Kind
from strongroom.base.record import replace
from strongroom.maintenance.replacing import with_tags
from strongroom.repository.packs.headers import read_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom._kernel import Location, Node
    from strongroom.format.snapshot import Snapshot
    from strongroom.maintenance.tree_rewriter import Rewritten
    from strongroom.repository.opened import Repository

_ENVELOPE = 32
_KNOWN_TYPES = frozenset({"file", "dir", "symlink", "dev", "chardev", "fifo", "socket"})


class RepairRule:
    """Cuts what cannot be restored, and tells what that is: ``told(path, what)``."""

    by_path = False

    def __init__(self, repository: Repository, told: Callable[[bytes, bool, str], None]) -> None:
        """``told(path, is_dir, what)``."""
        self._repository = repository
        self._told = told
        self._unindexed: dict[tuple[str, str], str] | None = None

    def node(self, node: Node, path: bytes) -> Node | None:
        """A file without the content that no index names, and with the size that is left.

        Raises ``Refused`` where a pack that no index names has that content.
        """
        if node.type not in _KNOWN_TYPES:
            self._told(path, False, f'removed node with invalid type "{node.type}"')
            return None
        if node.type != "file":
            return node
        wanted = node.content or []
        content: list[str] = []
        size = 0
        for blob in wanted:
            places = self._repository.locations("data", blob)
            if places:
                content.append(blob)
                size += _plain_size(places[0])
            else:
                self._refuse_unindexed("data", blob)
        if len(content) < len(wanted):
            self._told(path, False, "removed missing content")
        elif size != node.size:
            self._told(path, False, "fixed incorrect size")
        elif node.content is not None:
            return node
        changed = node.copy()
        changed.content = content
        changed.size = size
        return changed

    def keeps_empty(self, path: bytes) -> bool:  # noqa: ARG002
        """As ``Rule`` says."""
        return True

    def unreadable(self, path: bytes, tree: str, error: Exception) -> bool:
        """An empty folder stands for one that cannot be read; a snapshot without its root is none."""
        self._refuse_unindexed("tree", tree)
        if isinstance(error, Unavailable):
            raise error
        if path == b"/":
            self._told(path, True, "not readable")
            return False
        self._told(path, True, "replaced with empty directory")
        return True

    def unreadable_nodes(self, path: bytes, names: list[tuple[bytes, str]]) -> None:
        """Single entries that cannot be read go, the others stay."""
        for name, reason in names:
            self._told(path.rstrip(b"/") + b"/" + name, False, f"removed entry that cannot be read: {reason}")
        if not names:
            self._told(path, True, "sorted its entries")

    def _refuse_unindexed(self, kind: str, blob: str) -> None:
        """Raise ``Refused`` where a blob that is missing lies in a pack that no index names, by the pack's header."""
        if self._unindexed is None:
            repository = self._repository
            known = set(repository.index.packs())
            packs = [
                (info.name.name, info.size) for info in repository.store.list(Kind.DATA) if info.name.name not in known
            ]
            self._unindexed = {
                (entry.kind, entry.id): pack
                for pack, entries, _ in read_headers(repository, packs)
                for entry in entries or ()
            }
        if pack := self._unindexed.get((kind, blob)):
            raise Refused(
                f"has the {kind} blob {blob}, which snapshots miss, and is in no index; nothing was cut",
                subject=f"pack {pack}",
                hint="Run `strongroom repair index` first.",
            )


def repaired_snapshot(name: str, old: Snapshot, tree: Rewritten, added_tag: str) -> Snapshot | None:
    """What takes a snapshot's place; None where it is whole. The tree must not be None."""
    assert tree.tree is not None
    if tree.tree == old.tree:
        return None
    tags = with_tags(old.tags, [added_tag] if added_tag else [])
    return replace(old, tree=tree.tree, original=name, tags=tags)


def _plain_size(place: Location) -> int:
    return place.uncompressed_length or place.length - _ENVELOPE
