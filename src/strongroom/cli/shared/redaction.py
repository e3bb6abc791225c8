"""URLs without their credentials: the only form in which they are shown."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#@:]*)(?::(?P<password>[^/?#]*))?@")
_QUERY = re.compile(r"(?i)([?&][^=&#]*(?:pass|secret|token|key|sig|credential)[^=&#]*=)[^&#]*")


def redact(text: str) -> str:
    """The same text with passwords in URLs replaced by ``***``, as restic shows them.

    A user name without a password stays: it is no secret and tells accounts apart. What follows a secret-looking
    query parameter goes, too.
    """
    return _QUERY.sub(r"\1***", _CREDENTIALS.sub(_replacement, text))


def _replacement(match: re.Match[str]) -> str:
    if match["password"] is None:
        return match[0]
    return f"{match['scheme']}{match['user']}:***@"
