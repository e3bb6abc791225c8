"""The addresses of Google Cloud Storage and Azure: ``gs://BUCKET/PREFIX``, ``az://CONTAINER/PREFIX``, restic's forms.

restic writes ``gs:BUCKET:/PREFIX`` and ``azure:CONTAINER:/PREFIX``. ``?endpoint=URL`` names another server than the
provider's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from strongroom.base.errors import UsageError
from strongroom.base.record import record
from strongroom.base.redact import redact

if TYPE_CHECKING:
    from strongroom.storage.options import StoreOptions

_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{2,221}\Z")
_PREFIX = re.compile(r"[^\x00-\x1f?#\\%\ud800-\udfff]*\Z")
"""Names in a bucket are UTF-8."""


@record
class CloudAddress:
    """A prefix in a bucket or container. ``prefix`` is empty or ends with a slash."""

    scheme: str
    bucket: str
    prefix: str
    endpoint: str

    @property
    def location(self) -> str:
        """The address without its parameters."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def parse(scheme: str, text: str, options: StoreOptions) -> CloudAddress:
    """What stands after the scheme. Raises ``UsageError``."""
    text, _, query = text.partition("?")
    try:
        parameters = dict(parse_qsl(query, strict_parsing=bool(query)))
    except ValueError as error:
        raise _unreadable(scheme, text) from error
    if set(parameters) - {"endpoint"}:
        raise _unreadable(scheme, text)
    bucket, _, prefix = text[2:].partition("/") if text.startswith("//") else text.partition(":")
    prefix = "/".join(part for part in prefix.split("/") if part)
    if not bucket or not _PREFIX.match(prefix):
        raise _unreadable(scheme, text)
    if not _BUCKET.match(bucket):
        raise _unreadable(
            scheme, text, "a bucket's or container's name has 3 letters, digits, dots and hyphens at least"
        )
    emulator = options.environment.get("STORAGE_EMULATOR_HOST", "") if scheme == "gs" else ""
    endpoint = parameters.get("endpoint") or emulator
    if endpoint and "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    return CloudAddress(scheme, bucket, f"{prefix}/" if prefix else "", endpoint)


def _unreadable(scheme: str, text: str, what: str = "this names no bucket and prefix") -> UsageError:
    return UsageError(
        what,
        subject=redact(f"{scheme}:{text}"),
        hint=f"Write {scheme}://BUCKET/PREFIX, with ?endpoint=URL for a server of your own.",
    )
