"""The fleet server as a host asks it: signed messages over HTTPS, to the certificate that was pinned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import urllib3

from strongroom.base.errors import Damaged, Refused, StrongroomError, Unavailable
from strongroom.base.exchange_limit import ExchangeLimit
from strongroom.fleet.protocol.enrolment import GATEWAY_REFUSED
from strongroom.fleet.protocol.signed import MEDIA_TYPE

if TYPE_CHECKING:
    from strongroom.fleet.protocol.signed import SignedMessage

_SECONDS, WHOLE_SECONDS = 30.0, 60.0
"""Without a byte, and for a whole answer: no server keeps a host from its next backup by dripping."""
_MOST = 64 * 1024
_BUSY = (429, 502, 503, 504)


class RefusedByGateway(Refused):
    """The server would let this host in, and a gateway does not."""


class FleetServer:
    """A server by its URL. With a ``pin`` (SHA-256 of its certificate) that very certificate is believed, else those
    that the system's authorities vouch for."""

    def __init__(self, url: str, pin: str = "") -> None:
        self.url = url.rstrip("/")
        options: dict[str, Any] = {"timeout": urllib3.Timeout(_SECONDS), "retries": False}
        if pin:
            options |= {"cert_reqs": "CERT_NONE", "assert_fingerprint": pin}
        self._limit = ExchangeLimit(WHOLE_SECONDS)
        self._pool = self._limit.pool(**options)

    def post(self, path: str, message: SignedMessage) -> bytes:
        """Send a message; the answer's body. Raises ``Unavailable``, ``Refused``, or ``Damaged`` where the
        server says that it cannot read the message.
        """
        try:
            with self._limit.exchange():
                answer = self._pool.request(
                    "POST", self.url + path, body=message.to_bytes(), headers={"Content-Type": MEDIA_TYPE},
                    preload_content=False, redirect=False,
                )  # fmt: skip
                data = answer.read(_MOST + 1)
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unavailable(error) from None
        if answer.status != 200:
            raise self._refusal(answer.status, data)
        if len(data) > _MOST:
            raise Unavailable("the server's answer is too long", subject=self.url)
        return bytes(data)

    def _unavailable(self, error: Exception) -> StrongroomError:
        words = str(error).splitlines()[0][:200]
        if "Fingerprints did not match" in words:
            return Refused(
                "the server shows another certificate than the one that the token named",
                subject=self.url,
                hint="Somebody stands between, or the server has a new certificate: ask its operator for a new token.",
            )
        return Unavailable(f"the server does not answer: {words}", subject=self.url)

    def _refusal(self, status: int, data: bytes) -> StrongroomError:
        try:
            problem = json.loads(data)
            title, hint = str(problem["title"])[:300], str(problem.get("hint", ""))[:300]
        except (ValueError, KeyError, TypeError):
            # not the server's own words: something before it answers, and says nothing of the message
            return Unavailable(f"something in the server's place answered {status}", subject=self.url)
        if status == GATEWAY_REFUSED:
            return RefusedByGateway(title, subject=self.url, hint=hint)
        kind = Unavailable if status in _BUSY or status >= 500 else Damaged if status in (400, 413) else Refused
        return kind(title, subject=self.url, hint=hint)
