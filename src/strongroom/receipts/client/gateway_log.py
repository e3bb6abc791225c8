"""Reading a gateway's log as the client of one of its repositories: over the store's own connection and credentials.

Small requests with a short patience. Where the gateway stands below a path of its own (behind a proxy), its root is
found by trying: a repository has at most two folders.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from strongroom.base.errors import Damaged, Missing, Unavailable
from strongroom.base.record import record, replace
from strongroom.receipts.log.leaf import parse as parse_leaf
from strongroom.storage.http.whole import read_answer
from strongroom.storage.rest.client import RestClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.options import StoreOptions
    from strongroom.storage.rest.url import RestAddress

MAX_FOLDERS = 2
MAX_ANSWER = 4 << 20
PATIENCE = 5.0
"""Seconds without a byte."""


@record
class Listed:
    """A receipt as the gateway shows it: the leaf, its index, and the proof to the page's head."""

    index: int
    leaf: bytes
    proof: tuple[bytes, ...]


@record
class Page:
    """Receipts of one repository under one head; ``head`` is a signed note, None while the log is empty."""

    head: bytes | None
    rows: tuple[Listed, ...]


class GatewayLog:
    """The log of the gateway that serves one repository. Close it."""

    def __init__(self, address: RestAddress, options: StoreOptions) -> None:
        self._options = replace(options, stuck_timeout=PATIENCE, on_promise=None)
        segments = [one for one in address.path.split("/") if one]
        self._places = [
            (replace(address, path="/".join(["", *segments[:cut], ""])), segments[cut:])
            for cut in range(max(0, len(segments) - MAX_FOLDERS), len(segments) + 1)
        ]
        self._client = RestClient(self._places[0][0], self._options)
        self._earlier = ""

    @contextlib.contextmanager
    def earlier(self, origin: str) -> Iterator[None]:
        """Meanwhile ``receipts`` and ``file`` are those of an earlier log, which was rotated away."""
        self._earlier = f"origin={quote(origin, safe='')}"
        try:
            yield
        finally:
            self._earlier = ""

    @property
    def root(self) -> str:
        """The log's URL without credentials."""
        return f"{self._client.subject('').removeprefix('rest:')}.strongroom/log"

    def close(self) -> None:
        """Close the connections."""
        self._client.pool.close()

    def receipts(self, after: int, limit: int) -> Page:
        """The repository's receipts after a sequence number. Raises ``Missing``, ``Refused``, ``Unavailable``,
        ``Damaged`` or ``LimitExceeded``."""
        while True:
            label = quote("/".join(unquote(one) for one in self._places[0][1]), safe="")
            try:
                query = f"repository={label}&after={after}&limit={limit}"
                return _page(self._get(f".strongroom/v1/receipts?{'&'.join(filter(None, (query, self._earlier)))}"))
            except (Missing, Damaged):
                if len(self._places) == 1 or self._earlier:  # an earlier log may well be missing where the gateway is
                    raise
                self._places.pop(0)
                self._client.pool.close()
                self._client = RestClient(self._places[0][0], self._options)

    def health(self) -> dict[str, Any]:
        """What the gateway says of itself, well or not. Raises as ``receipts``."""
        while True:
            answer = self._client.ask("GET", "health")
            if answer.status in (200, 503):
                data = read_answer(answer, MAX_ANSWER, self.root)
                with contextlib.suppress(ValueError, RecursionError):
                    found = json.loads(data)
                    if isinstance(found, dict):
                        return found
                raise Damaged("the gateway's health is no object", subject=self.root)
            fault = self._client.fault(answer, "health")
            if len(self._places) == 1:
                raise fault
            self._places.pop(0)
            self._client.pool.close()
            self._client = RestClient(self._places[0][0], self._options)

    def take_back(self, kind: str, name: str) -> None:
        """Have an object brought back from the gateway's trash, as its custodian. Raises as ``receipts``."""
        self.receipts(-1, 0)  # finds the gateway's root
        label = quote("/".join(unquote(one) for one in self._places[0][1]), safe="")
        path = f".strongroom/v1/restore?repository={label}&kind={kind}&name={name}"
        answer = self._client.ask("POST", path, {"Content-Length": "0"})
        if answer.status != 200:
            raise self._client.fault(answer, path)
        answer.close()

    def sealed(self, name: str) -> bytes:
        """What is sealed for the key file of this name. Raises as ``receipts``, and ``Unavailable`` as ``seal``."""
        return self._get(self._sealed_path(name))

    def _sealed_path(self, name: str) -> str:
        rows = self.receipts(-1, 1).rows  # finds the gateway's root as well
        if not rows:
            raise Unavailable("the gateway's log has nothing of this repository yet", subject=self.root)
        return f".strongroom/v1/repositories/{parse_leaf(rows[0].leaf).repository}/sealed/{name}"

    def seal(self, name: str, data: bytes) -> None:
        """Put something that is sealed for the key file of this name beside the repository, once.

        Raises as ``receipts``, and ``Unavailable`` while no receipt says yet which repository this is.
        """
        path = self._sealed_path(name)
        answer = self._client.ask("PUT", path, {"Content-Length": str(len(data))}, data)
        if answer.status != 200:
            raise self._client.fault(answer, path)
        answer.close()

    def file(self, path: str) -> bytes:
        """A file of the log. Raises as ``receipts``."""
        return self._get("?".join(filter(None, (f".strongroom/log/{path}", self._earlier))))

    def _get(self, path: str) -> bytes:
        client = self._client
        answer = client.ask("GET", path)
        if answer.status != 200:
            raise client.fault(answer, path)
        return read_answer(answer, MAX_ANSWER, client.subject(path))


def _page(data: bytes) -> Page:
    if not data:
        return Page(None, ())
    first, *lines = data.splitlines()
    try:
        head = json.loads(first)["checkpoint"].encode()
        rows = [json.loads(line) for line in lines]
        return Page(
            head,
            tuple(
                Listed(
                    int(row["index"]),
                    base64.b64decode(row["leaf"], validate=True),
                    tuple(base64.b64decode(one, validate=True) for one in row["proof"]),
                )
                for row in rows
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Damaged("the gateway's list of receipts cannot be read") from None
