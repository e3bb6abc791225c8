"""What ends by itself: the custodian's card, without which nobody is invited, and the server's certificate."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from strongroom.base.errors import StrongroomError
from strongroom.fleet.protocol.signed import parse_signed
from strongroom.fleet.protocol.token import parse_card
from strongroom.fleet.server.alerting.machine import Wrong

DAY = 86400
SOON = 14 * DAY
"""So many seconds before its end it is an alarm."""
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class EndingFiles:
    """The files that end; an empty name where there is none. They are read anew each time: an operator replaces them.

    ``certificate``: only where hosts believe it by its authority. Whoever has its hash asks for no date.
    """

    card: str = ""
    certificate: str = ""

    def soon(self, now: int) -> list[Wrong]:
        """What ends within two weeks, or has ended; what cannot be read says so where it is used."""
        found = []
        for kind, path, until, what in (
            ("card", self.card, _card_until, "no host can be invited then; `strongroom custody card` makes a new one"),
            ("certificate", self.certificate, _certificate_until, "hosts refuse this server then"),
        ):
            end = until(path) if path else None
            if end is not None and now > end - SOON:
                days = (end - now) // DAY
                when = f"ends in {days} days" if now < end else "has ended"
                found.append(Wrong(path, kind, "", now >= end, f"the {kind} {when}: {what}"))
        return found


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_MOST)


def _card_until(path: str) -> int | None:
    try:
        return parse_card(parse_signed(_read(path))).until
    except (OSError, StrongroomError):
        return None


def _certificate_until(path: str) -> int | None:
    try:
        return int(x509.load_pem_x509_certificate(_read(path)).not_valid_after_utc.timestamp())
    except (OSError, ValueError):
        return None
