"""What a REST server's answers mean: the table of status codes, read from the client's side.

Permanent are those that restic calls permanent (401, 403, 404, 416, 507) and those that cannot change by asking again
(405, 413, 501, a redirect, a 400 that is not about an upload); everything else passes and is retried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.storage.http.answer_text import first_line, redirect_hint
from strongroom.storage.transient import Busy

if TYPE_CHECKING:
    from strongroom.base.errors import StrongroomError

PROXY_HINT = "Write its user and password into the proxy's variable, or except the host with NO_PROXY."
_LONGEST_WAIT = 300.0


def failure(
    status: int, subject: str, text: str, *, retry_after: str = "", upload: bool = False, location: str = ""
) -> StrongroomError:
    """The error for a status that is no success. ``text`` and ``location`` are what the server wrote, untrusted."""
    said = f": {line}" if (line := first_line(text)) else ""
    what = f"the server answered {status}{said}"
    error: StrongroomError
    if status == 401:
        error = errors.Refused(
            "the server does not know this user and password",
            subject=subject,
            hint="Write rest:https://USER:PASSWORD@HOST/…, or set RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD.",
        )
    elif status == 403:
        error = errors.Refused(what, subject=subject, hint="The server does not permit this to this user.")
    elif status == 404:
        error = errors.Missing(what, subject=subject)
    elif status == 416:
        error = errors.Damaged("the object is shorter than the range that is needed", subject=subject)
    elif status == 507:
        error = errors.Full(what, subject=subject, hint="Its disk or the quota is full.")
    elif status == 413:
        error = errors.Refused(what, subject=subject, hint="The server, or a proxy before it, limits the size.")
    elif status in {405, 501, 406}:
        error = errors.Unsupported(what, subject=subject, hint="Is this a restic REST server?")
    elif 300 <= status < 400:
        error = errors.Refused(what, subject=subject, hint=redirect_hint(location))
    elif status == 407:
        error = errors.Refused("the proxy does not know us", subject=subject, hint=PROXY_HINT)
    elif status == 400 and not upload:
        error = errors.Refused(what, subject=subject)
    elif status in {429, 503} and _seconds(retry_after) is not None:
        error = Busy(what, subject=subject, retry_after=_seconds(retry_after) or 0.0)
    else:
        error = errors.Unavailable(what, subject=subject)
    return error


def _seconds(retry_after: str) -> float | None:
    return min(float(retry_after), _LONGEST_WAIT) if retry_after.isdecimal() else None
