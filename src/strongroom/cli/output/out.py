"""Standard output and standard error, as the verbs use them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
from typing import Any, TextIO

from strongroom.cli.output.text import printable, printable_lines


class OutputClosed(Exception):
    """Whoever read our standard output has gone, as ``head`` does. Not an error: the command ends without a word."""


def _named(error: OSError) -> Exception:
    """What to raise for an error of standard output: a full disk behind it is not the repository's."""
    if isinstance(error, BrokenPipeError):
        return OutputClosed()
    return OSError(error.errno, error.strerror, "standard output")


def in_utf8(stream: TextIO) -> TextIO:
    """The stream, for UTF-8 whatever the locale and ``PYTHONIOENCODING`` say; bytes that are none pass as they are."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    return stream


def as_json(value: Any) -> str:
    """JSON in one line. Bytes that are not UTF-8, and halves of characters, become U+FFFD, as in restic's.

    A whole number of a record is written without a fraction, as Go does: some readers take 100.0 for no integer.
    """
    if isinstance(value, dict):
        value = {key: int(one) if isinstance(one, float) and one.is_integer() else one for key, one in value.items()}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


class Out:
    """Lines and JSON to standard output, warnings to standard error; safe to use from many threads.

    Results are written as they come. Where a program reads them they are buffered, and ``close`` flushes.
    """

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self._stdout = stdout or in_utf8(sys.stdout)
        self._stderr = stderr or in_utf8(sys.stderr)
        self._lock = threading.RLock()

    @property
    def is_terminal(self) -> bool:
        """Whether somebody watches standard output."""
        try:
            return self._stdout.isatty() and os.environ.get("TERM") != "dumb"
        except ValueError:  # closed
            return False

    @property
    def is_one_stream(self) -> bool:
        """Whether one program reads standard output and standard error as one, so that a warning would stand in the
        middle of what it parses."""
        try:
            return not self._stdout.isatty() and os.path.sameopenfile(self._stdout.fileno(), self._stderr.fileno())
        except (OSError, ValueError):  # closed, or not a file
            return False

    def name(self, path: bytes) -> str:
        """A name of the repository for a line of results: as it is for programs, as restic writes it; on a terminal
        quoted where it could steer that."""
        return printable(path) if self.is_terminal else path.decode("utf-8", "surrogateescape")

    def line(self, text: str = "") -> None:
        """A line of results. Raises ``OutputClosed``."""
        self.write(text + "\n")

    def line_now(self, text: str) -> None:
        """A line of a log, seen at once. Nobody who reads it is nobody's problem: the work goes on."""
        with contextlib.suppress(OutputClosed, OSError):
            self.write(text + "\n", flush=True)

    def write(self, text: str, *, flush: bool = False) -> None:
        """Text as it is. Raises ``OutputClosed``."""
        with self._lock:
            try:
                self._stdout.write(text)
                if flush:
                    self._stdout.flush()
            except OSError as error:
                raise _named(error) from None

    def raw(self, data: bytes) -> None:
        """Bytes as they are, for dump and cat. Raises ``OutputClosed``."""
        with self._lock:
            try:
                self._stdout.flush()
                self._stdout.buffer.write(data)
            except OSError as error:
                raise _named(error) from None

    def json(self, value: Any, *, flush: bool = True) -> None:
        """One JSON value on a line of its own."""
        self.write(as_json(value) + "\n", flush=flush)

    def warn(self, text: str) -> None:
        """A line to standard error. A closed standard error is nobody's problem, nor is one in whose middle a signal
        came: a signal's handler cannot write between two halves of a line."""
        with self._lock:
            try:
                self._stdout.flush()
                self._stderr.write(printable_lines(text) + "\n")
                self._stderr.flush()
            except (OSError, ValueError, RuntimeError):
                pass

    def warn_json(self, value: Any) -> None:
        """One JSON value on a line of standard error."""
        self.warn(as_json(value))

    def flush(self) -> None:
        """Let others see what was written. Raises ``OutputClosed``."""
        with self._lock:
            try:
                self._stdout.flush()
            except OSError as error:
                raise _named(error) from None


def open_missing_streams() -> None:
    """Put /dev/null where we were started with a standard stream closed, as Go's programs do.

    Else the next file that is opened, perhaps one of a repository, takes its number, and gets what is written there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - until the end


def abandon_stdout() -> None:
    """Point standard output to nowhere, so that the interpreter's last flush finds no broken pipe to complain about."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass
