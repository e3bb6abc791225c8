"""Reading somebody's log: from a folder, or over HTTP from a gateway or any server of static files."""

from __future__ import annotations

import os
import re
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit, urlunsplit

from strongroom.base.errors import Missing, Refused, Unavailable
from strongroom.base.record import replace
from strongroom.base.redact import redact
from strongroom.receipts.commit.tail import TAIL_FILE, read_tail
from strongroom.receipts.commit.tile_store import checkpoint_sizes, extents, newest_checkpoint
from strongroom.receipts.log import tiles
from strongroom.receipts.log.merkle import complete, leaf_hash
from strongroom.receipts.log.note import MAX_NOTE
from strongroom.receipts.log.tiles import MAX_BUNDLE
from strongroom.storage.http.whole import read_answer
from strongroom.storage.options import StoreOptions
from strongroom.storage.own.folder import FolderFiles
from strongroom.storage.rest.client import RestClient
from strongroom.storage.rest.url import parse
from strongroom.storage.wrappers.retry import Retrier

if TYPE_CHECKING:
    from strongroom.receipts.commit.tail import Signed
    from strongroom.storage.own.contract import OwnFiles


OWN = ".strongroom"
_LOG = re.compile(r"log[0-9]*\Z")
_PARTIAL = re.compile(r"tile/(entries|[0-9]{1,2})/(?:x[0-9]{3}/)*[0-9]{3}\.p/[0-9]{1,3}\Z")


@dataclass(frozen=True, slots=True)
class Reach:
    """For how many leaves there are files."""

    full: int
    """In full tiles, which are written before a head is signed."""
    partial: int
    """In partial ones, which are written with a checkpoint alone."""
    kept: int
    """The size of the newest checkpoint file."""
    exact: bool
    """Whether every head is kept as soon as it is signed, so that no full tile lies beyond the newest for long."""


class LogSource(Protocol):
    """A log that can be read."""

    def read(self, path: str) -> bytes:
        """A file of the log. Raises ``Missing``, ``Unavailable``, ``Refused`` or ``LimitExceeded``."""
        ...

    def head(self) -> bytes:
        """The newest checkpoint. Raises ``Missing``."""
        ...

    def checkpoints(self) -> list[bytes]:
        """Older checkpoints that the log keeps, in any order; may be empty."""
        ...

    def reach(self) -> Reach | None:
        """How far its files go, whatever its head says; None where files cannot be listed."""
        ...


class StoreSource:
    """A log where its gateway keeps it for good."""

    def __init__(self, files: OwnFiles, root: str) -> None:
        self._folder = files
        self._root = root

    def read(self, path: str) -> bytes:
        """A file of the log."""
        return self._folder.read(path)

    def head(self) -> bytes:
        """The checkpoint of the largest size."""
        found = newest_checkpoint(self._folder)
        if found is None:
            hint = "A gateway keeps its log in PATH/.strongroom/log, and shows it at https://HOST/.strongroom/log/."
            raise Missing("there is no log here", subject=self._root, hint=hint)
        return found

    def checkpoints(self) -> list[bytes]:
        """All that the folder keeps."""
        return [self._folder.read(f"checkpoint/{size}") for size in checkpoint_sizes(self._folder)]

    def reach(self) -> Reach | None:
        """As the protocol says."""
        full, partial = extents(self._folder)
        return Reach(full, partial, max(checkpoint_sizes(self._folder), default=0), exact=False)


class FolderSource(StoreSource):
    """A log in a folder, its own or a copy."""

    def __init__(self, root: str) -> None:
        super().__init__(FolderFiles(root), root)

    def read(self, path: str) -> bytes:
        """A file of the log; a partial tile that only the file with the newest head implies, too."""
        try:
            return super().read(path)
        except Missing:
            found = self._implied(path)
            if found is None:
                raise
            return found

    def head(self) -> bytes:
        """The newest head that was signed, or the file ``checkpoint`` of a copy that was made over HTTP."""
        if self._is_copy():
            return self._folder.read("checkpoint")
        kept = self._tail()
        if kept is not None and kept.head.size > max(checkpoint_sizes(self._folder), default=-1):
            return kept.head.encode()
        return super().head()

    def reach(self) -> Reach | None:
        """As the protocol says."""
        if self._is_copy():
            return None
        full, partial = extents(self._folder)
        kept = max(checkpoint_sizes(self._folder), default=0)
        return Reach(full, partial, kept, exact=True)

    def _is_copy(self) -> bool:
        return os.path.isfile(os.path.join(self._root, "checkpoint"))

    def _tail(self) -> Signed | None:
        return read_tail(os.path.join(self._root, TAIL_FILE))

    def _implied(self, path: str) -> bytes | None:
        match, kept = _PARTIAL.match(path), self._tail()
        if match is None or kept is None:
            return None
        level = 0 if match[1] == tiles.ENTRIES else int(match[1])
        size = kept.head.size >> (8 * level)
        number, width = size // tiles.WIDTH, size % tiles.WIDTH
        if width == 0 or path != tiles.path(match[1] if level == 0 else level, number, width):
            return None
        if match[1] == tiles.ENTRIES:
            return tiles.bundle(kept.entries)
        if level == 0:
            return b"".join(leaf_hash(one) for one in kept.entries)
        below = (self.read(tiles.path(level - 1, number * tiles.WIDTH + one)) for one in range(width))
        return b"".join(complete(tiles.split(one)) for one in below)


class HttpSource:
    """A log at a URL; a name and password in it are sent as basic auth."""

    def __init__(self, url: str, options: StoreOptions | None = None) -> None:
        """``options``: which certificates to trust, and through which proxy to go. Raises ``UsageError``."""
        options = replace(options or StoreOptions(), stuck_timeout=30.0, retry_for=3.0)
        parts = urlsplit(url)
        address = parse(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), options)
        self._client = RestClient(address, options)
        self._retrier = Retrier(options)
        weakref.finalize(self, self._client.pool.close)

    def read(self, path: str) -> bytes:
        """A file of the log."""
        limit = MAX_BUNDLE if path.startswith("tile/") else MAX_NOTE
        url = self._client.subject(path).removeprefix("rest:")
        status, data = self._retrier.call(lambda: self._ask(path, limit))
        if status == 404:
            raise Missing("not in the log", subject=url)
        if status in (401, 403):
            raise Refused(f"the gateway answers {status}", subject=url, hint="put name:token@ into the URL")
        if status != 200:
            raise Unavailable(f"the gateway answers {status}", subject=url)
        return data

    def _ask(self, path: str, limit: int) -> tuple[int, bytes]:
        """The status of an answer, and its body where it is a file."""
        answer = self._client.ask("GET", path)
        if answer.status != 200:
            answer.close()
            return answer.status, b""
        return 200, read_answer(answer, limit, self._client.subject(path).removeprefix("rest:"))

    def head(self) -> bytes:
        """The newest checkpoint."""
        return self.read("checkpoint")

    def checkpoints(self) -> list[bytes]:
        """None: a listing is not part of the protocol."""
        return []

    def reach(self) -> Reach | None:
        """None, for the same reason."""
        return None


def open_source(where: str, options: StoreOptions | None = None) -> LogSource:
    """A log by its URL or folder; ``s3://bucket/prefix/.strongroom/log?…`` reads it out of a bucket.

    That of a gateway, its data folder or its prefix will do as well.
    """
    if OWN in where:
        return _open(where, options)
    inside = _inside(where)
    try:
        source = _open(inside, options)
        source.head()
    except (Missing, Refused, Unavailable) as error:
        source = _open(where, options)
        try:
            source.head()
        except (Missing, Refused, Unavailable) as other:
            raise (error if isinstance(other, Missing) else other) from None
    return source


def _inside(where: str) -> str:
    """Where a gateway at this place has its newest log."""
    if "://" in where or where.startswith(("s3:", "gs:", "az:")):
        place, mark, query = where.partition("?")
        return f"{place.rstrip('/')}/{OWN}/log{mark}{query}"
    folder = os.path.join(where, OWN)
    try:
        names = [name for name in os.listdir(folder) if _LOG.match(name) and os.path.isdir(os.path.join(folder, name))]
    except (FileNotFoundError, NotADirectoryError):
        names = []
    return os.path.join(folder, max(names, key=lambda name: int(name[3:] or "1"), default="log"))


def _open(where: str, options: StoreOptions | None) -> LogSource:
    if where.startswith(("http://", "https://")):
        return HttpSource(where, options)
    if where.startswith(("s3:", "gs:", "az:")):
        from strongroom.storage.kinds import keyed_of  # noqa: PLC0415
        from strongroom.storage.locate import open_store  # noqa: PLC0415
        from strongroom.storage.own.bucket import BucketFiles  # noqa: PLC0415 -- a folder needs no client
        from strongroom.storage.own.retried import retried  # noqa: PLC0415

        store = open_store(where, options)
        files = retried(BucketFiles(keyed_of(store), "", guarded=lambda: False), store)
        return StoreSource(files, redact(where))
    return FolderSource(where)
