"""Reading somebody's log: from a folder, or over HTTP from a gateway or any server of static files."""

from __future__ import annotations

import base64
import contextlib
import os
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from strongroom.base.errors import LimitExceeded, Missing, Refused, Unavailable
from strongroom.receipts.note import MAX_NOTE
from strongroom.receipts.tile_store import Folder, newest_checkpoint
from strongroom.receipts.tiles import MAX_BUNDLE
from strongroom.storage.redact import redact

if TYPE_CHECKING:
    from strongroom.receipts.tile_store import TileStore
    from strongroom.storage.options import StoreOptions

KEY_FILE = "verifier-key"
"""The log's verifier key lies beside its tiles, for a first look; who relies on a log pins the key elsewhere."""


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


class StoreSource:
    """A log where its gateway keeps it for good."""

    def __init__(self, files: TileStore, root: str) -> None:
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
        names = [name for name in self._folder.names("checkpoint") if name.isdecimal()]
        return [self._folder.read(f"checkpoint/{name}") for name in names]


class FolderSource(StoreSource):
    """A log in a folder, its own or a copy."""

    def __init__(self, root: str) -> None:
        super().__init__(Folder(root), root)

    def head(self) -> bytes:
        """The checkpoint of the largest size, or the file ``checkpoint`` of a copy that was made over HTTP."""
        if os.path.isfile(os.path.join(self._root, "checkpoint")):
            return self._folder.read("checkpoint")
        return super().head()


class HttpSource:
    """A log at a URL; a name and password in it are sent as basic auth."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        netloc = host + (f":{parts.port}" if parts.port else "")
        self._base = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        self._headers: dict[str, str] = {}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        self._pool = urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(3, redirect=0, backoff_factor=0.2))

    def read(self, path: str) -> bytes:
        """A file of the log."""
        limit = MAX_BUNDLE if path.startswith("tile/") else MAX_NOTE
        url = f"{self._base}/{path}"
        try:
            answer = self._pool.request("GET", url, headers=self._headers, preload_content=False)
            with contextlib.closing(answer):  # read to its end it is the pool's again; what is left unread is not
                data = answer.read(limit + 1)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"the log cannot be read: {type(error).__name__}", subject=url) from None
        if answer.status == 404:
            raise Missing("not in the log", subject=url)
        if answer.status in (401, 403):
            raise Refused(f"the gateway answers {answer.status}", subject=url, hint="put name:token@ into the URL")
        if answer.status != 200:
            raise Unavailable(f"the gateway answers {answer.status}", subject=url)
        if len(data) > limit:
            raise LimitExceeded("a file of the log is too large", subject=url)
        return data

    def head(self) -> bytes:
        """The newest checkpoint."""
        return self.read("checkpoint")

    def checkpoints(self) -> list[bytes]:
        """None: a listing is not part of the protocol."""
        return []


def open_source(where: str, options: StoreOptions | None = None) -> LogSource:
    """A log by its URL or folder; ``s3://bucket/prefix/.strongroom/log?…`` reads it out of a bucket."""
    if where.startswith(("http://", "https://")):
        return HttpSource(where)
    if where.startswith(("s3:", "gs:", "az:")):
        from strongroom.receipts.bucket_files import BucketFiles  # noqa: PLC0415 -- a folder needs no client
        from strongroom.storage.keyed import keyed_of  # noqa: PLC0415
        from strongroom.storage.locate import open_store  # noqa: PLC0415

        keyed = keyed_of(open_store(where, options))
        return StoreSource(BucketFiles(keyed, "", guarded=lambda: False), redact(where))
    return FolderSource(where)
