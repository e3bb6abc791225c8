"""The sign that all is well: one request to one URL. That it stays away is the alarm, wherever this machine is.

And words to another URL when something is wrong, for whoever would rather hear it at once.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import urllib3

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.base.exchange_limit import ExchangeLimit

_SECONDS, _WHOLE_SECONDS = 10.0, 20.0


def say_all_is_well(url: str) -> None:
    """GET the URL. Raises ``ConfigurationError`` for what is none, ``Unavailable`` without an answer of success.

    Errors name the server alone: whoever knows the path can say that all is well.
    """
    _ask("GET", url)


def say_what_is_wrong(url: str, title: str, words: str) -> None:
    """POST the words to the URL, as ntfy and most others take them. Raises as ``say_all_is_well``."""
    headers = {"Title": title, "Priority": "high", "Content-Type": "text/plain; charset=utf-8"}
    _ask("POST", url, body=words.encode("utf-8", "replace"), headers=headers)


def _ask(method: str, url: str, **more: Any) -> None:
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError("is no URL of a web server", subject=_server(url), hint="It begins with https://.")
    try:
        limit = ExchangeLimit(_WHOLE_SECONDS)
        with limit.pool(timeout=_SECONDS, retries=False) as pool, limit.exchange():
            answer = pool.request(method, url, preload_content=False, redirect=False, **more)
            status = answer.status  # whatever else it says, however long
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        raise Unavailable("did not answer", subject=_server(url)) from None
    if not 200 <= status < 300:
        raise Unavailable(f"answered {status}", subject=_server(url))


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "***"
    return f"{parts.scheme}://{place}/***" if place else "***"
