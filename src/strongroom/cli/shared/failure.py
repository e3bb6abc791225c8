"""The last words of a command that failed: what happened, to what, what to do. Never a traceback by itself."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.base.redact import redact
from strongroom.cli import exit_codes

if TYPE_CHECKING:
    from strongroom.cli.output.out import Out


def sentence(error: BaseException) -> str:
    """An error in one line without secrets: what it happened to, and what happened."""
    if isinstance(error, StrongroomError):
        text = f"{error.subject}: {error.what}" if error.subject else error.what
    elif isinstance(error, FileNotFoundError) and not error.filename and not _has_current_folder():
        text = "the current folder was removed"
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "out of memory"
    elif isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    else:
        text = f"a fault in this program: {type(error).__name__}: {error}"
    return redact(text)


def _has_current_folder() -> bool:
    """Whether relative paths mean anything; the system's answer to those that do not names no file."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def advice(error: BaseException) -> str:
    """What to do about it; may be empty."""
    if isinstance(error, StrongroomError):
        return redact(error.hint)
    if isinstance(error, OSError) and error.strerror:
        return "Free some space and try again." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    if isinstance(error, MemoryError | KeyboardInterrupt):
        return ""
    return "Please report it, with the output of the same command with --debug."


def report(error: BaseException, out: Out, *, json: bool, debug: bool) -> int:
    """Say what went wrong on standard error, and return the exit code."""
    code = exit_codes.of_error(error)
    if json:
        message = "\n".join(filter(None, (f"Fatal: {sentence(error)}", advice(error))))
        out.warn_json({"message_type": "exit_error", "code": code, "message": message})
    else:
        out.warn(f"Fatal: {sentence(error)}")
        if advice(error):
            out.warn(advice(error))
    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    return code
