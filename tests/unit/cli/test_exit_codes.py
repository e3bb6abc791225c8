"""Exit codes, last words, and what signals do."""

from __future__ import annotations

import array
import fcntl
import io
import json
import os
import signal
import termios
import threading
import time
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import (
    ConfigurationError,
    Damaged,
    Interrupted,
    Locked,
    NoRepository,
    StrongroomError,
    UsageError,
    WrongPassword,
)
from strongroom.cli import exit_codes
from strongroom.cli.output.command_reporter import CommandReporter
from strongroom.cli.output.out import Out
from strongroom.cli.output.terminal import TerminalReporter
from strongroom.cli.shared import failure
from strongroom.cli.shared.interruptible_clock import InterruptibleClock
from strongroom.cli.shared.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoRepository("x"), 10),
        (Locked("x"), 11),
        (WrongPassword("x"), 12),
        (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
        (UsageError("x"), 1),
        (ConfigurationError("x"), 1),
        (Damaged("x"), 1),
        (OSError(28, "No space left on device"), 1),
        (ZeroDivisionError(), 1),
    ],
)
def test_each_error_has_restics_code(error: BaseException, code: int) -> None:
    """One file maps errors to exit codes."""
    assert exit_codes.of_error(error) == code


@pytest.mark.parametrize(
    ("codes", "incomplete", "code"),
    [
        ([0, 0], False, 0),
        ([0, 0], True, 3),
        ([0, 10], False, 71),
        ([0, 10], True, 71),
        ([11, 11], True, 11),
        ([10, 12], False, 1),
        ([12], False, 12),
    ],
)
def test_several_repositories_have_one_code(codes: list[int], incomplete: bool, code: int) -> None:
    """71 when some failed, the common code or 1 when all did, 3 when only the source was incomplete."""
    assert exit_codes.of_repositories(codes, incomplete=incomplete) == code


def test_last_words_say_what_to_what_and_what_to_do() -> None:
    """For people two lines, for programs one event on standard error, and credentials in neither."""
    error = StrongroomError(
        "cannot be reached", subject="rest:http://me:hunter2@host/", hint="Try http://me:hunter2@other/."
    )
    for as_json in (False, True):
        out, err = io.StringIO(), io.StringIO()
        code = failure.report(error, Out(out, err), json=as_json, debug=False)
        assert (code, out.getvalue()) == (1, "")
        assert "hunter2" not in err.getvalue()
        text = json.loads(err.getvalue())["message"] if as_json else err.getvalue().rstrip()
        assert text.splitlines() == ["Fatal: rest:http://me:***@host/: cannot be reached", "Try http://me:***@other/."]


def test_a_hostile_name_in_an_error_cannot_steer_the_terminal() -> None:
    """Control characters of a name that an error quotes are escaped; the lines of the message stay lines."""
    err = io.StringIO()
    failure.report(
        StrongroomError("is odd", subject="a\x1b[2J", hint="b"), Out(io.StringIO(), err), json=False, debug=False
    )
    assert err.getvalue() == "Fatal: a\\x1b[2J: is odd\nb\n"


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Installed signals; what stood before comes back afterwards."""
    before = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    }
    installed = Signals()
    installed.install()
    yield installed
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_signal_asks_work_to_stop(signals: Signals) -> None:
    """While work watches, SIGTERM only sets its wish to stop; the work ends by itself."""
    reporter = CommandReporter()
    with signals.cooperative(reporter):
        os.kill(os.getpid(), signal.SIGTERM)
        assert reporter.stop.wait(60)
    assert signals.asked


def test_outside_of_work_a_signal_interrupts(signals: Signals) -> None:
    """Where nothing watches, the first signal raises in the main thread, so that locks are released on the way out."""
    assert not signals.asked
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)  # another thread may have got it: then it is heard here


def test_who_asks_where_we_are_while_a_line_is_written_ends_nothing(signals: Signals) -> None:
    """SIGUSR1 while standard output takes no more: what is being written cannot be entered twice, and comes whole."""
    receive, send = os.pipe()
    main, taken = threading.get_ident(), bytearray()

    def ask_and_read() -> None:
        waiting = array.array("i", [0])
        while waiting[0] < fcntl.fcntl(send, fcntl.F_GETPIPE_SZ):  # not full: the main thread is not stuck in its write
            fcntl.ioctl(receive, termios.FIONREAD, waiting)
        signal.pthread_kill(main, signal.SIGUSR1)
        while more := os.read(receive, 65_536):
            taken.extend(more)

    reader = threading.Thread(target=ask_and_read)
    reader.start()
    with open(send, "w") as stdout:
        out = Out(stdout, io.StringIO())
        signals.watch(TerminalReporter(out))
        out.write("x" * 300_000, flush=True)
    reader.join()
    os.close(receive)
    assert taken.count(b"x") == 300_000


def test_a_wait_ends_when_the_user_asks_to_stop(signals: Signals) -> None:
    """Waiting for a lock is no reason to ignore a signal."""
    begun = time.monotonic()
    with signals.cooperative(CommandReporter()):
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            InterruptibleClock(signals).sleep(60)
    assert time.monotonic() - begun < 50
