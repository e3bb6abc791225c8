"""From what a user writes after ``--repo`` to a store.

A word before a colon is a scheme, as with restic; a path that has a colon in its first segment is written ``./a:b`` or
``local:a:b``. Which kind of store serves which scheme stands in ``storage/kinds.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.redact import redact
from strongroom.storage.kinds import KINDS, SCHEMES
from strongroom.storage.options import StoreOptions

if TYPE_CHECKING:
    from strongroom.storage.contract import Store

_SCHEME = re.compile(r"([a-z0-9+-]{2,16}):", re.I)
_CLOUDS = {"gs": "gs", "az": "azure", "azure": "azure"}
"""Schemes of ours and of restic's."""

_ELSEWHERE = {
    "sftp": "Write rclone:REMOTE:PATH with an sftp remote of rclone's.",
    "b2": "Write s3: with B2's S3 endpoint, or rclone:REMOTE:PATH.",
    "swift": "Write rclone:REMOTE:PATH with a swift remote of rclone's.",
    "http": "A REST server is written rest:http://…",
    "https": "A REST server is written rest:https://…; object storage s3:https://…",
}


def open_store(url: str, options: StoreOptions | None = None) -> Store:
    """The store at a URL or path, with throttling and retries as the options ask. Nothing is contacted yet.

    Raises ``UsageError`` for a URL that makes no sense, naming what there is.
    """
    options = options or StoreOptions()
    scheme, rest = split_scheme(url)
    if not rest:
        raise UsageError("the repository's place is empty", subject=redact(url), hint=_known())
    if scheme not in SCHEMES:
        raise UsageError(
            f"there is no kind of store called {scheme}",
            subject=redact(url),
            hint=f"{_ELSEWHERE.get(scheme, '')} {_known()}".strip(),
        )
    return KINDS[SCHEMES[scheme]].openers[scheme](rest, options)


def place_of(url: str, options: StoreOptions) -> object:
    """Equal for all spellings of one place, as far as is known without asking anybody. Raises ``UsageError``."""
    scheme, rest = split_scheme(url)
    return KINDS[SCHEMES[scheme]].place(scheme, rest, options) if scheme in SCHEMES else (scheme, rest)


def restic_place(url: str, options: StoreOptions) -> str:
    """The place as stock restic writes it, without credentials: it takes ``s3://bucket`` for a host. Nothing is
    contacted. Raises ``UsageError``."""
    scheme, rest = split_scheme(url)
    if scheme == "rest":
        from strongroom.storage.rest import url as rest_url  # noqa: PLC0415

        return rest_url.parse(rest, options).location
    if scheme == "s3":
        from strongroom.storage.s3 import url as s3_url  # noqa: PLC0415

        return s3_url.parse(rest, options).location
    if scheme in _CLOUDS:
        from strongroom.storage.cloud import url as cloud_url  # noqa: PLC0415

        address = cloud_url.parse(scheme, rest, options)
        return f"{_CLOUDS[scheme]}:{address.bucket}:/{address.prefix.rstrip('/')}"
    return redact(url)


def split_scheme(url: str) -> tuple[str, str]:
    """Scheme and the rest; ``local`` for a plain path.

    ``s3://bucket`` and ``s3:https://host/bucket`` both give ``s3``; what follows keeps its slashes.
    """
    found = _SCHEME.match(url)
    if found is None:
        return "local", url
    return found[1].lower(), url[found.end() :]


def _known() -> str:
    return f"A path, or one of {', '.join(f'{scheme}:' for scheme in sorted(SCHEMES))}; ./a:b for a path with a colon."
