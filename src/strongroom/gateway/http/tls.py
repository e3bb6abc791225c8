"""Certificates that can be renewed while uploads are in flight: each connection takes the context of its beginning.

What loaded last is kept where all workers see it, so that one that takes a dead one's place shows what the others show,
whatever has become of the files.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import ssl
from typing import TYPE_CHECKING

from cryptography import x509

from strongroom.base.errors import ConfigurationError
from strongroom.gateway.last_good import LastGood

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 4 << 20
"""Bytes of a file of which no more is read."""
SOON = 10
"""A certificate of which less than this part of its life is left should have been renewed."""


class Certificates:
    """The certificate and key of a server; ``reload`` reads them again and keeps the old ones when they do not load."""

    def __init__(self, certificate: str, key: str, *, minimum: str = "1.2", last_good: LastGood | None = None) -> None:
        """Raises ``ConfigurationError`` when the files do not load. What does is kept in ``last_good``."""
        self._files = (certificate, key)
        self._minimum = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[minimum]
        self._last_good = last_good or LastGood()
        self._seen = self._loaded = self._stamp()
        self._begins, self._ends = 0.0, 0.0
        self.failing = False
        """Whether the files as they are now do not load."""
        self.context = self._load()

    def take_over(self) -> None:
        """Begin as a worker with what loaded last in any of them; other files since then are for ``reload``."""
        known = json.loads(self._last_good.text() or b"null")
        if known is not None:
            self._loaded, *texts = known
            self.context = self._use(*(text.encode("latin-1") for text in texts))

    def reload(self) -> None:
        """Use the files as they are now for new connections. Raises ``ConfigurationError``; the old ones go on then."""
        self._seen = self._loaded = self._stamp()  # before they are read: a change meanwhile is seen later
        self.failing = True
        self.context = self._load()
        self.failing = False

    def reload_if_changed(self) -> None:
        """``reload`` when the files have changed and stood still since the last call: who renews them writes one after
        the other, and between the two they do not fit together. Raises ``ConfigurationError``, once for each change.
        """
        stamp = self._stamp()
        settled, self._seen = stamp == self._seen, stamp
        if settled and stamp != self._loaded:
            self.reload()

    def problem(self, now: float) -> str:
        """Why clients cannot connect, or soon will not, at a time in seconds since 1970; empty when all is well."""
        if self.failing:
            return "the certificate does not load; the one from before is in force"
        if now >= self._ends:
            return "the certificate has expired: clients refuse to connect"
        return ""

    def warning(self, now: float) -> str:
        """That the certificate should have been renewed by now; empty when all is well."""
        if now < self._ends < math.inf and (self._ends - now) * SOON < self._ends - self._begins:
            return f"the certificate expires in {(self._ends - now) / 86_400:.1f} days and was not renewed"
        return ""

    def _stamp(self) -> str:
        """What tells a change, also where links are turned to other files, as certbot does."""
        found: list[object] = []
        for path in self._files:
            try:
                status = os.stat(path)
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                found.append(None)
        return repr(found)

    def _load(self) -> ssl.SSLContext:
        texts: list[bytes] = []
        for path in reversed(self._files):  # OpenSSL would not say which of the two it could not read
            try:
                with open(path, "rb") as file:
                    texts.insert(0, file.read(_LONGEST))
            except OSError as error:
                raise ConfigurationError(f"the certificate cannot be used: {error.strerror}", subject=path) from None
        context = self._use(*texts)
        self._last_good.keep(json.dumps([self._loaded, *(text.decode("latin-1") for text in texts)]).encode())
        return context

    def _use(self, certificate: bytes, key: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        # Who closes its sending half without a word may still read; lengths and chunks tell what is whole.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_IGNORE_UNEXPECTED_EOF
        context.set_alpn_protocols(["http/1.1"])
        try:
            with _as_file(certificate) as chain, _as_file(key) as private:
                context.load_cert_chain(chain, private)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(f"the certificate cannot be used: {reason}", subject=self._files[0]) from None
        try:
            first = x509.load_pem_x509_certificate(certificate)
            self._begins, self._ends = first.not_valid_before_utc.timestamp(), first.not_valid_after_utc.timestamp()
        except ValueError:  # stricter than OpenSSL: how long it lasts is not known then
            self._begins, self._ends = 0.0, math.inf
        return context


@contextlib.contextmanager
def _as_file(text: bytes) -> Iterator[str]:
    """A name for OpenSSL, which reads files alone; the text is in memory."""
    descriptor = os.memfd_create("strongroom-certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(text)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
