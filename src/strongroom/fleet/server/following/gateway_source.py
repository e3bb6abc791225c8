"""A gateway as its auditor: the log's files as tlog-tiles has them, and what the IDs in receipts are called."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from strongroom.base.errors import Damaged, LimitExceeded, Missing, Refused, Unavailable
from strongroom.base.exchange_limit import ExchangeLimit
from strongroom.receipts.log import tiles
from strongroom.receipts.log.note import MAX_NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS, _WHOLE_SECONDS = 30.0, 300.0
_MOST_NAMES = 8 << 20
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class GatewayNames:
    """What a gateway calls repositories and principals, by their IDs."""

    repositories: dict[str, str] = field(default_factory=dict)
    principals: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UsedQuota:
    """How much of what a principal may store is used. ``unit``: bytes, or objects."""

    principal: str
    name: str
    unit: str
    used: int
    most: int


class AuditedGateway:
    """A gateway whose log this server may read. Close it."""

    def __init__(self, url: str, user: str, token: str, ca: str = "") -> None:
        """``ca``: a file with the authorities that it is believed by, or nothing for the system's."""
        self.url = url.rstrip("/")
        pair = base64.b64encode(f"{user}:{token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}"} if user else {}
        self._limit = ExchangeLimit(_WHOLE_SECONDS)
        self._pool = self._limit.pool(ca_certs=ca or None, timeout=_SECONDS, retries=False)
        self._ca, self._date = ca, ""

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def head(self) -> bytes | None:
        """The newest checkpoint; None while the log is empty. Raises ``Refused``, ``Unavailable``."""
        try:
            return self._get(".strongroom/log/checkpoint", MAX_NOTE)
        except Missing:
            return None

    def entries(self, number: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle. Raises ``Missing``, ``Damaged``, ``Refused``, ``Unavailable``."""
        try:
            data = self._get(f".strongroom/log/{tiles.path(tiles.ENTRIES, number, width)}", tiles.MAX_BUNDLE)
        except Missing:
            if width == tiles.WIDTH:
                raise
            data = self._get(f".strongroom/log/{tiles.path(tiles.ENTRIES, number)}", tiles.MAX_BUNDLE)  # it has grown
            return tiles.unbundle(data, tiles.WIDTH)[:width]
        return tiles.unbundle(data, width)

    def cosigned(self) -> bytes | None:
        """The newest countersigned head; None where there is none. Raises ``Refused``, ``Unavailable``."""
        try:
            return self._get(".strongroom/log/checkpoint.cosigned", MAX_NOTE)
        except Missing:
            return None

    def time(self) -> int | None:
        """Its clock now, in seconds since 1970; None where it does not say. Raises ``Refused``, ``Unavailable``."""
        self._date = ""
        self.head()
        try:
            return int(parsedate_to_datetime(self._date).timestamp())
        except (ValueError, OverflowError):
            return None

    def certificate_end(self) -> int | None:
        """When its certificate ends, in seconds since 1970; None where it shows none now."""
        place = urlsplit(self.url)
        if place.scheme != "https" or place.hostname is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self._ca or None)
            with (
                socket.create_connection((place.hostname, place.port or 443), _SECONDS) as raw,
                context.wrap_socket(raw, server_hostname=place.hostname) as secured,
            ):
                shown: Any = secured.getpeercert()
            return int(ssl.cert_time_to_seconds(shown["notAfter"]))
        except (OSError, ValueError, KeyError, TypeError):  # what is wrong with it is said where it is needed
            return None

    def names(self) -> GatewayNames:
        """What the IDs are called; nothing where the gateway does not say. Raises ``Refused``, ``Unavailable``."""
        try:
            found: Any = json.loads(self._get(".strongroom/v1/names", _MOST_NAMES))
            return GatewayNames(_texts(found["repositories"]), _texts(found["principals"]))
        except (Missing, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return GatewayNames()

    def quotas(self) -> list[UsedQuota] | None:
        """Who may store how much; None where the gateway does not say. Raises ``Refused``, ``Unavailable``."""
        try:
            found: Any = json.loads(self._get(".strongroom/v1/quotas", _MOST_NAMES))
            return [one for row in found["quotas"] for one in _quotas(row)]
        except (Missing, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _get(self, path: str, most: int) -> bytes:
        try:
            with self._limit.exchange():
                answer = self._pool.request(
                    "GET", f"{self.url}/{path}", headers=self._headers, preload_content=False, redirect=False
                )
                data = answer.read(most + 1)
                self._date = answer.headers.get("Date", "")
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = (str(error).splitlines() or [""])[0][:200]
            raise Unavailable(f"the gateway does not answer: {reason}", subject=self.url) from None
        if answer.status == 404:
            raise Missing("not in the log", subject=path)
        if answer.status in (401, 403):
            hint = "`auditor` in fleet.toml is a principal there with --role auditor --repository '*'."
            raise Refused(f"the gateway answers {answer.status}", subject=self.url, hint=hint)
        if answer.status != 200:
            raise Unavailable(f"the gateway answers {answer.status}", subject=self.url)
        if len(data) > most:
            raise LimitExceeded("a file of the log is too large", subject=path)
        return bytes(data)


def _quotas(row: dict[str, Any]) -> Iterator[UsedQuota]:
    """Raises ``Damaged``, ``KeyError``, ``ValueError`` or ``TypeError`` for what makes no sense."""
    principal, name = _texts({"principal": row["principal"], "name": row["name"]}).values()
    for unit in ("bytes", "objects"):
        if unit in row:
            used, most = row[unit]
            if not all(type(one) is int and 0 <= one < 1 << 63 for one in (used, most)):
                raise Damaged("a quota that is none")
            yield UsedQuota(principal, name, unit, used, most)


def _texts(found: dict[str, Any]) -> dict[str, str]:
    if not all(isinstance(name, str) and len(name) <= _MOST_TEXT for name in found.values()):
        raise Damaged("a name that is none")
    return dict(found)
