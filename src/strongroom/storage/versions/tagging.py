"""A tag on objects of a bucket that are to go: whoever may set it deletes nothing, the store's own rule does."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from strongroom.storage.contract import StoreKind
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store
    from strongroom.storage.s3.store import S3Store

KEY, VALUE = "strongroom", "removed"
REMOVED = f"{KEY}={VALUE}"
"""The tag as a lifecycle rule names it."""


class ObjectTags:
    """The tag on the current version of objects below one prefix."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    def is_set(self, name: ObjectName) -> bool:
        """Whether an object is to go. Raises ``Missing``, the store's errors."""
        return (KEY, VALUE) in self._get(name)

    def set(self, name: ObjectName) -> None:
        """Say that it is to go; tags of others stay. Raises ``Missing``, the store's errors."""
        self._put(name, [*self._others(name), (KEY, VALUE)])

    def clear(self, name: ObjectName) -> None:
        """Say that it stays; tags of others stay, too. Raises ``Missing``, the store's errors."""
        self._put(name, self._others(name))

    def _others(self, name: ObjectName) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self._get(name) if key != KEY]

    def _get(self, name: ObjectName) -> list[tuple[str, str]]:
        found = self._store.client.document(f"{self._store.key(name)}?tagging=")
        tags = [one for part in found.children("TagSet") for one in part.children("Tag")]
        return [(one.text("Key"), one.text("Value")) for one in tags]

    def _put(self, name: ObjectName, tags: list[tuple[str, str]]) -> None:
        inside = "".join(f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in tags)
        body = f"<Tagging><TagSet>{inside}</TagSet></Tagging>".encode()
        headers = {
            "Content-Length": str(len(body)),
            "Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        path = f"{self._store.key(name)}?tagging="
        answer = self._store.client.ask("PUT", path, headers, body)
        if answer.status not in {200, 204}:
            raise self._store.client.fault(answer, path)
        answer.close()


def tags_of(store: Store) -> ObjectTags | None:
    """The tags of a bucket's objects; None for stores that have none."""
    plain = innermost(store)
    if plain.store_kind is not StoreKind.S3:
        return None
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

    assert isinstance(plain, S3Store)
    return ObjectTags(plain)
