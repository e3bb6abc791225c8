"""Web servers whose clocks an operator named: all are asked side by side, once for all repositories of a round."""

from __future__ import annotations

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from strongroom.base.exchange_limit import ExchangeLimit
from strongroom.base.redact import redact
from strongroom.custody.evidence.clocks import ClockSource, ahead_of, machine_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.clock import Clock

_SECONDS = 10.0
_AT_ONCE = 16
ASK_AGAIN = 600.0
"""Seconds after which they are asked again: a round over many repositories may take hours."""


class WebClocks:
    """The clocks of web servers by their URLs. A server that is away costs ten seconds once, not a repository."""

    def __init__(self, urls: Sequence[str] = ()) -> None:
        self._urls = tuple(urls)
        self._guard = threading.Lock()
        self._asked: float | None = None
        self._said: list[tuple[str, str, int]] = []

    def sources(self, clock: Clock) -> list[ClockSource]:
        """What those say that answer, against this clock. What a server said a while ago counts with what passed
        since, so that a step of our own clock shows."""
        if not self._urls:
            return []
        with self._guard:
            now = clock.monotonic()
            if self._asked is None or not 0 <= now - self._asked < ASK_AGAIN:
                with ThreadPoolExecutor(min(_AT_ONCE, len(self._urls)), "clocks") as pool:
                    answers = [one for one in pool.map(lambda url: _ask(url, clock), self._urls) if one is not None]
                self._asked = clock.monotonic()
                own_ns = clock.now_ns()
                self._said = [(name, machine, own_ns + ahead_ns) for name, machine, ahead_ns in answers]
            passed_ns = int((clock.monotonic() - self._asked) * 1e9)
            now_ns = clock.now_ns()
        return [ClockSource(name, machine, then_ns + passed_ns - now_ns) for name, machine, then_ns in self._said]


def _ask(url: str, clock: Clock) -> tuple[str, str, int] | None:
    """By the ``Date`` of an answer; None where there is none."""
    limit = ExchangeLimit(_SECONDS)
    pool = limit.pool(timeout=_SECONDS, retries=False)
    before_ns = clock.now_ns()
    try:
        with limit.exchange():
            answer = pool.request("HEAD", url, redirect=False)
        said = answer.headers.get("Date", "")
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError):
        return None
    finally:
        pool.clear()
    ahead_ns = ahead_of(said, before_ns, clock.now_ns())
    return None if ahead_ns is None else (redact(url), machine_of(urlsplit(url).hostname), ahead_ns)
