"""The address of a repository in an S3 bucket, as restic writes it or as ``s3://bucket/prefix?endpoint=…``.

restic's forms are ``s3:HOST/BUCKET/PREFIX`` and ``s3:https://HOST/BUCKET/PREFIX``; it reads ``s3://`` as the first of
them, everybody else as ``s3://BUCKET/PREFIX``. So ``s3://`` means a bucket unless its first part has a dot or a colon
and no ``endpoint=`` says otherwise: what restic's users have written down keeps working.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from strongroom.base.errors import UsageError
from strongroom.base.record import record, replace
from strongroom.base.redact import redact
from strongroom.storage.http.endpoint import Endpoint

if TYPE_CHECKING:
    from strongroom.storage.options import StoreOptions

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}\Z")
_PREFIX = re.compile(r"[^\x00-\x1f?#\\%\ud800-\udfff]*\Z")
"""Names in a bucket are UTF-8: a byte that is none, a lone surrogate here, names nothing there."""
_REGION = re.compile(r"[A-Za-z0-9._-]*\Z")
_AWS = re.compile(r"s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?\Z")
_PARAMETERS = {"endpoint", "region", "style", "conditional"}
_HINT = "Write s3:https://HOST/BUCKET/PREFIX, or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION."


@record
class S3Address:
    """Where a repository is. ``prefix`` is empty or ends with a slash."""

    endpoint: Endpoint
    bucket: str
    prefix: str
    region: str
    path_style: bool
    conditional: bool
    """Whether the store is trusted to refuse a second object of one name."""

    @property
    def location(self) -> str:
        """The address in restic's form."""
        return f"{self.endpoint.shown}/{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def host(self) -> str:
        """The Host header."""
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        return host if self.endpoint.port == (443 if self.endpoint.tls else 80) else f"{host}:{self.endpoint.port}"

    @property
    def root(self) -> str:
        """The path of the bucket on the host, with a slash at its end."""
        return f"/{self.bucket}/" if self.path_style else "/"

    def below(self, name: str) -> S3Address:
        """The address of a repository below."""
        return replace(self, prefix=f"{self.prefix}{name}/")


def parse(text: str, options: StoreOptions) -> S3Address:
    """What stands after ``s3:``. Region and style also come from ``-o`` and AWS's variables. Raises ``UsageError``."""
    text, _, query = text.partition("?")
    try:
        parameters = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise _unreadable(text, "what stands after ? makes no sense") from error
    if unknown := sorted(set(parameters) - _PARAMETERS):
        raise _unreadable(text, f"there is no parameter {unknown[0]}; there are {', '.join(sorted(_PARAMETERS))}")
    base, bucket, prefix = _split(text, parameters.get("endpoint"))
    if not bucket or not _PREFIX.match(prefix):
        raise _unreadable(text, "this names no bucket and prefix")
    if not _BUCKET.match(bucket):
        raise _unreadable(text, "a bucket's name has 3 to 63 letters, digits, dots and hyphens")
    environment = options.environment
    region = (
        parameters.get("region")
        or options.extended.get("s3.region")
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or ""
    )
    if not _REGION.match(region):
        raise _unreadable(text, "the region makes no sense")
    if not base:
        base = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    return _address(text, base, bucket, prefix, region, parameters, options)


def _address(
    text: str,
    base: str,
    bucket: str,
    prefix: str,
    region: str,
    parameters: dict[str, str],
    options: StoreOptions,
) -> S3Address:
    base = base or f"https://s3.{region or 'us-east-1'}.amazonaws.com"
    try:
        parts = urlsplit(base if "://" in base else f"https://{base}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _unreadable(text, "the endpoint makes no sense") from error
    if not _PREFIX.match(host):  # a byte that is no UTF-8
        raise _unreadable(text, "the endpoint makes no sense")
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None or parts.path not in {"", "/"}:
        raise _unreadable(text, "the endpoint makes no sense")
    if host == "s3.amazonaws.com":
        host = f"s3.{region or 'us-east-1'}.amazonaws.com"
    aws = _AWS.match(host)
    region = region or (aws["region"] if aws else "us-east-1")
    style = parameters.get("style") or {"dns": "virtual", "path": "path"}.get(
        options.extended.get("s3.bucket-lookup", ""), "virtual" if aws and "." not in bucket else "path"
    )
    if style not in {"path", "virtual"}:
        raise _unreadable(text, "style is path or virtual")
    tls = parts.scheme == "https"
    port = port or (443 if tls else 80)
    shown = f"s3:{parts.scheme}://{host}" + ("" if port == (443 if tls else 80) else f":{port}")
    endpoint = Endpoint(tls, host if style == "path" else f"{bucket}.{host}", port, None, shown)
    conditional = parameters.get("conditional", options.extended.get("s3.conditional", "yes")).lower()
    if conditional not in {"yes", "no", "true", "false"}:
        raise _unreadable(text, "conditional is yes or no")
    return S3Address(endpoint, bucket, prefix, region, style == "path", conditional in {"yes", "true"})


def _split(text: str, endpoint: str | None) -> tuple[str, str, str]:
    """Endpoint (perhaps empty), bucket and prefix."""
    if text.startswith("//"):
        first, _, rest = text[2:].partition("/")
        if endpoint is None and (re.search(r"[.:]", first) or first == "localhost"):
            bucket, _, prefix = rest.partition("/")
            return f"https://{first}", bucket, _folder(prefix)
        return endpoint or "", first, _folder(rest)
    scheme = re.match(r"https?://", text)
    host, _, rest = text[scheme.end() if scheme else 0 :].partition("/")
    bucket, _, prefix = rest.partition("/")
    return f"{scheme[0] if scheme else 'https://'}{host}", bucket, _folder(prefix)


def _folder(prefix: str) -> str:
    prefix = "/".join(part for part in prefix.split("/") if part)
    return f"{prefix}/" if prefix else ""


def _unreadable(text: str, what: str) -> UsageError:
    return UsageError(what, subject=redact(f"s3:{text}"), hint=_HINT)
