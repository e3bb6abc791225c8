"""Asking gateways to let a host in, or no more: as the ``enroller`` that the gateway's operator made."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import urllib3

from strongroom.base.errors import Refused, Unavailable
from strongroom.base.exchange_limit import ExchangeLimit
from strongroom.fleet.protocol.enrolment import GatewayAccess
from strongroom.fleet.protocol.fields import Fields
from strongroom.fleet.protocol.strict_json import decode, encode

if TYPE_CHECKING:
    from strongroom.fleet.protocol.gateway_claim import GatewayClaim

PATH = "/.strongroom/v1/principals"
_SECONDS, _WHOLE_SECONDS = 20.0, 60.0
_MOST = 64 * 1024


class GatewayRefusal(Refused):
    """It is a gateway that does not let a host in."""


@dataclass(frozen=True, slots=True)
class EnrollingGateway:
    """A gateway where this server may make principals for hosts."""

    url: str
    user: str
    token: str = field(repr=False)
    ca: str = ""
    """A file with the authorities that it is believed by, or nothing for the system's."""

    def admit(self, name: str, claim: GatewayClaim, number: int) -> GatewayAccess:
        """Hand a host's claim on, whose token of this number is for this gateway.

        Raises ``Refused``, also where the name is another key's there, or ``Unavailable``.
        """
        asked = {"name": name, "claim": claim.to_document(), "number": number}
        fields = Fields(self._ask(asked), "the gateway's answer")
        return GatewayAccess(self.url, fields.text("user"), fields.text("path"))

    def settle(self, name: str, host: str) -> None:
        """End what the name could do before the host with this ID had it. Raises ``Refused`` or ``Unavailable``."""
        self._ask({"name": name, "settled": host})

    def revoke(self, name: str) -> None:
        """Let a host's principal in no more. Raises ``Refused`` or ``Unavailable``."""
        self._ask({"name": name, "disabled": True})

    def _ask(self, document: dict[str, object]) -> dict[str, object]:
        header = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {header}", "Content-Type": "application/json"}
        limit = ExchangeLimit(_WHOLE_SECONDS)
        pool = limit.pool(ca_certs=self.ca or None, timeout=_SECONDS, retries=False)
        try:
            with limit.exchange():
                answer = pool.request(
                    "POST", self.url.rstrip("/") + PATH, body=encode(document), headers=headers, preload_content=False
                )
                data = answer.read(_MOST + 1)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = str(error).splitlines()[0][:200]
            raise Unavailable(f"the gateway does not answer: {reason}", subject=self.url) from None
        finally:
            pool.clear()
        if answer.status >= 500:
            raise Unavailable(f"the gateway answered {answer.status}", subject=self.url)
        if answer.status != 200:
            words = data[:200].decode("utf-8", "replace").strip()
            raise GatewayRefusal(f"the gateway answered {answer.status}: {json.dumps(words)}", subject=self.url)
        return decode(data, _MOST, "the gateway's answer")
