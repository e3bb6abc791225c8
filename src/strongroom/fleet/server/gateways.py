"""Asking gateways to let a host in, or no more: as the ``enroller`` that the gateway's operator made."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

import urllib3

from strongroom.base.errors import Refused, Unavailable
from strongroom.fleet.protocol.enrolment import GatewayAccess
from strongroom.fleet.protocol.fields import Fields
from strongroom.fleet.protocol.strict_json import decode, encode

PATH = "/.strongroom/v1/principals"
_SECONDS = 20.0
_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class EnrollingGateway:
    """A gateway where this server may make principals for hosts."""

    url: str
    user: str
    token: str = field(repr=False)
    ca: str = ""
    """A file with the authorities that it is believed by, or nothing for the system's."""

    def admit(self, name: str) -> GatewayAccess:
        """Make a principal for a host, or give the one that is there a new token in place of the old ones.

        Raises ``Refused`` or ``Unavailable``.
        """
        fields = Fields(self._ask({"name": name}), "the gateway's answer")
        return GatewayAccess(self.url, fields.text("user"), fields.text("token"), fields.text("path"))

    def revoke(self, name: str) -> None:
        """Let a host's principal in no more. Raises ``Refused`` or ``Unavailable``."""
        self._ask({"name": name, "disabled": True})

    def _ask(self, document: dict[str, object]) -> dict[str, object]:
        header = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        headers = {"Authorization": f"Basic {header}", "Content-Type": "application/json"}
        pool = urllib3.PoolManager(ca_certs=self.ca or None, timeout=_SECONDS, retries=False)
        try:
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
            raise Refused(f"the gateway answered {answer.status}: {json.dumps(words)}", subject=self.url)
        return decode(data, _MOST, "the gateway's answer")
