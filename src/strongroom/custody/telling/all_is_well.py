"""The sign that all is well: one request to one URL. That it stays away is the alarm, wherever this machine is."""

from __future__ import annotations

import urllib3

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.base.redact import redact

_SECONDS = 10.0


def say_all_is_well(url: str) -> None:
    """GET the URL. Raises ``ConfigurationError`` for what is none, ``Unavailable`` without an answer of success."""
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError("is no URL of a web server", subject=redact(url), hint="It begins with https://.")
    try:
        with urllib3.PoolManager(timeout=_SECONDS, retries=False) as pool:
            status = pool.request("GET", url, preload_content=False).status  # whatever else it says, however long
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        raise Unavailable("did not answer", subject=redact(url)) from None
    if not 200 <= status < 300:
        raise Unavailable(f"answered {status}", subject=redact(url))
