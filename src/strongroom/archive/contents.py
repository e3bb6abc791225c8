"""The contents of files in a repository, blob by blob, with the next ones on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom._kernel import Node
    from strongroom.repository.opened import Repository

ENVELOPE = 32
"""What encryption adds to a blob that is not compressed, in bytes."""


def contents(repository: Repository, node: Node, subject: str = "") -> Iterator[bytes]:
    """The content of a file in pieces of at most 64 MiB, each verified; some blobs are fetched ahead.

    Raises ``Damaged`` for a node that is no file, ``Missing``, ``Damaged`` or ``LimitExceeded`` for a blob.
    """
    if node.type != "file" or node.content is None:
        raise Damaged("is not a file with content", subject=subject)
    if len(node.content) == 1:  # the usual case needs no threads
        yield repository.load_blob("data", node.content[0])
        return
    for _, outcome in outcomes(lambda blob: repository.load_blob("data", blob), node.content, _workers(repository)):
        yield outcome()


def blob_size(repository: Repository, kind: str, blob: str) -> int:
    """The length of a blob's plaintext by the index, in bytes; 0 for one that no index names."""
    copies = repository.locations(kind, blob)
    return (copies[0].uncompressed_length or copies[0].length - ENVELOPE) if copies else 0


def _workers(repository: Repository) -> int:
    return min(4, repository.store.connections)
