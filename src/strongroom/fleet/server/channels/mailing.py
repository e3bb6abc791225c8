"""SMTP (RFC 5321) with a server that may drip, or answer without an end: neither time nor memory is its to take."""

from __future__ import annotations

import smtplib
from typing import IO, TYPE_CHECKING

from strongroom.base.exchange_limit import ExchangeLimit

if TYPE_CHECKING:
    import socket
    import ssl
    from email.message import EmailMessage

_SECONDS, _WHOLE_SECONDS = 15.0, 60.0
"""Without a byte, and for all of a message."""
_MOST = 1 << 20
"""Bytes that a server may say of one message."""


class _Counted:
    """What a server says, up to a bound."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, _MOST

    def readline(self, most: int) -> bytes:
        """A line. Raises OSError beyond the bound."""
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server's answers have no end")
        return line

    def close(self) -> None:
        """Close it."""
        self._file.close()


class _Smtp(smtplib.SMTP):
    def __init__(self, limit: ExchangeLimit, host: str, port: int) -> None:
        self._limit = limit
        super().__init__(host, port, timeout=_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self._limit.watch(made)
        return made

    def getreply(self) -> tuple[int, bytes]:
        """An answer; of many lines, perhaps."""
        if self.file is None and self.sock is not None:
            self.file = _Counted(self.sock.makefile("rb"))
        return super().getreply()


class _SmtpInTls(smtplib.SMTP_SSL, _Smtp):
    """TLS from the first byte: made upon the connection that is watched."""

    def __init__(self, limit: ExchangeLimit, host: str, port: int, context: ssl.SSLContext) -> None:
        self._limit = limit
        smtplib.SMTP_SSL.__init__(self, host, port, timeout=_SECONDS, context=context)


def send_mail(
    server: str, mail: EmailMessage, security: str, context: ssl.SSLContext, login: tuple[str, str] | None
) -> None:
    """Hand a mail to ``server`` (``host:port``) within a minute. ``security``: ``tls``, ``starttls`` or ``none``.

    Raises ``SMTPException`` or OSError.
    """
    host, colon, port = server.rpartition(":")
    if not colon:
        host, port = server, ""
    number = int(port) if port.isdecimal() else {"tls": 465, "none": 25}.get(security, 587)
    limit = ExchangeLimit(_WHOLE_SECONDS)
    with limit.exchange():
        in_tls = security == "tls"
        with _SmtpInTls(limit, host, number, context) if in_tls else _Smtp(limit, host, number) as smtp:
            if security == "starttls":
                smtp.starttls(context=context)
            if login is not None:
                smtp.login(*login)
            refused = smtp.send_message(mail)
            if refused:
                raise smtplib.SMTPException(f"{len(refused)} of the recipients were refused")
