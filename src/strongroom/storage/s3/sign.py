"""Signing requests for S3: AWS Signature Version 4.

The signature covers the SHA-256 of the body, which for our objects is their name: nothing is hashed to sign an upload,
and the store checks the bytes against it. Compared with botocore's signer in the tests.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
from urllib.parse import quote

from strongroom.base.record import field, record

EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = frozenset({"user-agent", "content-length", "expect", "connection"})


@record
class Credentials:
    """A key pair; ``token`` goes with temporary ones."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


def encode(text: str, *, slash: bool = True) -> str:
    """Percent-encoding as the signature wants it: everything but letters, digits and ``-_.~`` (and ``/`` in paths)."""
    return quote(text, safe="-_.~/" if slash else "-_.~")


def query_string(parameters: dict[str, str]) -> str:
    """Parameters encoded and in the signature's order."""
    pairs = sorted((encode(name, slash=False), encode(value, slash=False)) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed(
    method: str,
    target: str,
    headers: dict[str, str],
    credentials: Credentials,
    region: str,
    now: datetime.datetime,
) -> dict[str, str]:
    """The headers with date, token and signature added.

    ``target`` is the encoded path, and after a ``?`` the query from ``query_string``. ``headers`` holds ``Host`` and
    ``x-amz-content-sha256``. ``now`` is in UTC.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {**headers, "x-amz-date": stamp}
    if credentials.token:
        headers["x-amz-security-token"] = _on_the_wire(credentials.token)
    path, _, query = target.partition("?")
    canonical = {
        name.lower(): " ".join(value.split()) for name, value in headers.items() if name.lower() not in _UNSIGNED
    }
    names = ";".join(sorted(canonical))
    lines = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    request = "\n".join((method, path, query, lines, names, canonical["x-amz-content-sha256"]))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode("latin-1")).hexdigest()))
    signature = hmac.new(_key(credentials.secret_key, stamp[:8], region), text.encode(), hashlib.sha256).hexdigest()
    access_key = _on_the_wire(credentials.access_key)
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _on_the_wire(text: str) -> str:
    """A header's value whose Latin-1 is the text's own bytes, as ``http.client`` sends it."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


@functools.lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode("utf-8", "surrogateescape")
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
