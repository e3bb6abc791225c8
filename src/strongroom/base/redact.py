"""Taking passwords out of URLs before anybody sees them."""

from __future__ import annotations

import functools
import re

_MASK = "***"
_SECRET = r"[a-z0-9_.-]*(?:secret|password|passwd|token|signature|credential|access[_-]?key)[a-z0-9_.-]*|sig|key"


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """The user part of a URL with a password, its query, and all before its host; made when they are first wanted."""
    userinfo = (
        r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?!\[[0-9a-f:.]*\](?::\d{1,5})?/)(?P<user>[^/\s@:\"'<>]*):(?!\d{1,5}/)"
        r"(?P<password>[^\s\"'<>]*)@(?=[^@\s]*(?:[\s\"'<>]|\Z))"
    )
    query = rf"(?P<key>[?&;](?:{_SECRET}))=(?P<value>[^&;\s\"'<>]*)"
    login = r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s]*@"
    return re.compile(userinfo, re.I), re.compile(query, re.I), re.compile(login, re.I)


def redact(text: str) -> str:
    """The text with every password in a URL's user part, and every secret in its query, replaced by ``***``.

    Everything from the first colon of the user part to the last ``@`` counts as the password, so that one with ``@`` or
    ``/`` in it, written without percent signs, is not shown by half.
    """
    if "@" not in text and "=" not in text:  # neither pattern fits; a folder's name needs none to be made
        return text
    userinfo, query, _ = _patterns()
    text = userinfo.sub(lambda found: f"{found['scheme']}{found['user']}:{_MASK}@", text)
    return query.sub(lambda found: f"{found['key']}={_MASK}", text)


def without_login(url: str) -> str:
    """A URL as it may be signed, sent and compared: without user and password, whoever uses it.

    What stands before the last ``@`` of a URL's authority is the login; one in its path is the path's own.
    """
    userinfo, _, login = _patterns()
    return redact(userinfo.sub(lambda found: found["scheme"], login.sub(r"\1", url)))
