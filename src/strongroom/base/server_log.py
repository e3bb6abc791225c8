"""What a server says of itself on standard error: lines with a level, for people or as JSON, without secrets.

The client does not log: its verbs print. A server's messages are no record of requests, which the access log is.
"""

from __future__ import annotations

import json
import logging
import re
import sys

from strongroom.base.redact import redact

FORMATS = ("text", "json")
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WORDS = {logging.WARNING: "warning: ", logging.ERROR: "error: ", logging.CRITICAL: "alarm: "}
_SECRETS = re.compile(r"(srg1_[0-9a-f]{16}_)[A-Za-z0-9_-]+|\b((?:Basic|Bearer)\s+)[A-Za-z0-9+/=._~-]+")


class Text(logging.Formatter):
    """A line for people: the level as a word, none for what is merely told."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return _WORDS.get(record.levelno, "") + record.getMessage()


class JsonLines(logging.Formatter):
    """An object a line: ``time`` in seconds since 1970, ``level``, ``message``, ``process``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        level = _WORDS.get(record.levelno, "info: ").removesuffix(": ")
        row = {"time": record.created, "level": level, "message": record.getMessage(), "process": record.process}
        return json.dumps(row, separators=(",", ":"))


class WithoutSecrets(logging.Filter):
    """Takes tokens, credentials of requests and passwords in URLs out of every message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: no message is lost."""
        record.msg = _SECRETS.sub(lambda found: f"{found[1] or found[2]}***", redact(record.getMessage()))
        record.args = None
        return True


class _StandardError(logging.Handler):
    """Standard error as it is now, which may be a full disk or a pipe that nobody reads. What cannot be said is
    dropped: whoever says it has something else to do.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except (OSError, ValueError):
            return


LOG = logging.getLogger("strongroom.server")
"""An alarm is ``critical``: somebody must look though the server goes on."""
_HANDLER = _StandardError()
_HANDLER.setFormatter(Text())
_HANDLER.addFilter(WithoutSecrets())
LOG.addHandler(_HANDLER)
LOG.setLevel(logging.INFO)
LOG.propagate = False


def configure(form: str = "text", level: str = "info") -> None:
    """How lines look and from which level on they are said, as ``FORMATS`` and ``LEVELS`` name it."""
    _HANDLER.setFormatter(JsonLines() if form == "json" else Text())
    LOG.setLevel(LEVELS[level])
