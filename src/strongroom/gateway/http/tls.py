"""Certificates that can be renewed while uploads are in flight: each connection takes the context of its beginning."""

from __future__ import annotations

import ssl

from strongroom.base.errors import ConfigurationError


class Certificates:
    """The certificate and key of a server; ``reload`` reads them again and keeps the old ones when they do not load."""

    def __init__(self, certificate: str, key: str, *, minimum: str = "1.2") -> None:
        self._files = (certificate, key)
        self._minimum = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[minimum]
        self.context = self._load()

    def reload(self) -> None:
        """Use the files as they are now for new connections. Raises ``ConfigurationError``; the old ones go on then."""
        self.context = self._load()

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        # Who closes its sending half without a word may still read; lengths and chunks tell what is whole.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_IGNORE_UNEXPECTED_EOF
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(f"the certificate cannot be used: {reason}", subject=self._files[0]) from None
        return context
