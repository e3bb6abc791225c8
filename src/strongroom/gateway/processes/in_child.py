"""Doing something in a process of its own, before this one forks.

Clients of object storage start threads, which a fork does not take along: a worker that was forked from a process that
has talked to such a store would wait for ever. So the parent of the workers never talks to one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.errors import Interrupted, StrongroomError

if TYPE_CHECKING:
    from collections.abc import Callable


def run_in_child(work: Callable[[], None]) -> None:
    """Run ``work`` in a child and wait for it. Raises what it raised, if that was an error of ours."""
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receiving)
        os._exit(_child(work, sending))
    os.close(sending)
    try:
        with os.fdopen(receiving, "rb") as pipe:
            told = pipe.read()
    except Interrupted:  # a signal for us alone: it must not go on by itself
        os.kill(pid, signal.SIGTERM)
        raise
    _, status = os.waitpid(pid, 0)
    if told:
        name, what, subject, hint = json.loads(told)
        raise getattr(errors, name)(what, subject=subject, hint=hint)
    if status:
        raise StrongroomError(f"the look at the store ended with {os.waitstatus_to_exitcode(status)}")


def _child(work: Callable[[], None], sending: int) -> int:
    try:
        work()
    except StrongroomError as error:
        known = next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
        os.write(sending, json.dumps([known, error.what, error.subject, error.hint]).encode())
    except OSError as error:  # such as a file of the log that belongs to another user
        what = error.strerror or str(error)
        hint = "Start this as the user who keeps these files." if isinstance(error, PermissionError) else ""
        os.write(sending, json.dumps(["StrongroomError", what, str(error.filename or ""), hint]).encode())
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
