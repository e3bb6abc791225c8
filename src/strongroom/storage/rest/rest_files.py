"""Our own files beside a repository that a gateway serves, by its pages: REPOSITORY/.strongroom/…"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Exists, Unsupported
from strongroom.storage.http.whole import read_answer
from strongroom.storage.names import OWN_LARGEST, OWN_LISTED, OWN_PLACE, own_path

if TYPE_CHECKING:
    from strongroom.storage.rest.client import RestClient
    from strongroom.storage.rest.store import RestStore

_NO_PLACE = frozenset({400, 403, 404, 405, 501})
"""What servers without such pages answer, and a gateway to whose token these are not open."""


class RestFiles:
    """Files at a gateway's pages; implements ``OwnFiles``."""

    def __init__(self, store: RestStore) -> None:
        """Raises ``Unsupported`` where the server keeps no such files for who asks, and the store's errors."""
        self._client: RestClient = store.client
        if not store.keeps_own_files:
            self._list("custody")
            store.keeps_own_files = True

    def write_once(self, path: str, data: bytes) -> None:
        """Make the file exist, durable on return. The same bytes again are success, others ``Exists``."""
        place = _place(path)
        answer = self._client.ask("PUT", place, {"Content-Length": str(len(data))}, data)
        if answer.status == 409:
            answer.close()
            raise Exists("the gateway holds another file here, which is never replaced", subject=self._subject(place))
        if answer.status != 200:
            raise self._client.fault(answer, place, upload=True)
        answer.close()

    def read(self, path: str) -> bytes:
        """The whole file. Raises ``Missing``, ``LimitExceeded``."""
        place = _place(path)
        answer = self._client.ask("GET", place)
        if answer.status != 200:
            raise self._client.fault(answer, place)
        return read_answer(answer, OWN_LARGEST, self._subject(place))

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder."""
        return self._list(folder)[0]

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        return self._list(folder)[1]

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        place = f"{_place(folder)}/"
        answer = self._client.ask("GET", place)
        if answer.status in _NO_PLACE or (answer.status == 200 and answer.header("Content-Type") != OWN_LISTED):
            status = answer.status
            answer.close()
            raise Unsupported(
                f"the server keeps no files of a custodian's for who asks ({status})",
                subject=self._subject(place),
                hint="A gateway keeps them for the role custodian.",
            )
        if answer.status != 200:
            raise self._client.fault(answer, place)
        try:
            found = json.loads(read_answer(answer, OWN_LARGEST, self._subject(place)))
            names, folders = found["names"], found["folders"]
            if not all(isinstance(one, str) for one in [*names, *folders]):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damaged("the gateway's list of files cannot be read", subject=self._subject(place)) from None
        return names, folders

    def _subject(self, place: str) -> str:
        return self._client.subject(place)


def _place(path: str) -> str:
    return f"{OWN_PLACE}/{own_path(path)}"
