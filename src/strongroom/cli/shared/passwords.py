"""Where options and variables say that a password is, and fetching it: from a file, a command, the environment, or the
terminal."""

from __future__ import annotations

import atexit
import contextlib
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.configuration.checks import PasswordSource
from strongroom.base.errors import Interrupted, UsageError
from strongroom.cli.arguments.marked_text import SMALL, decoded, read_marked_text
from strongroom.cli.shared.environment import lookup

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Sequence


_WHITE = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Go takes for white space."""


def trimmed(text: bytes) -> bytes:
    """Without white space around it, by Go's ``strings.TrimSpace``: other bytes stay, whatever they mean."""
    return text.decode("utf-8", "surrogateescape").strip(_WHITE).encode("utf-8", "surrogateescape")


ALONE = 30.0
"""Seconds that a password command has the terminal to itself before the next one is started."""
SILENT = 10.0
"""Seconds after which it is said which password command is being waited for."""
_LOOK = 0.2
_SHORTEST_SECRET = 4
"""What is shorter stands in any text."""
_AT_TERMINAL = threading.Lock()
_RUNNING: set[subprocess.Popen[bytes]] = set()
_STARTING = threading.Lock()
_FETCHED: set[bytes] = set()
"""All that were fetched, so that nobody shows them."""
_PIPED: dict[tuple[str, str], bytes] = {}
"""What pipes have given, by the option and their names."""
_PIPES: dict[tuple[str, str], threading.Lock] = {}
"""Who reads one of them: the others wait for it, and for no other."""


def password_option(kind: str, value: str) -> PasswordSource:
    """What an option says, by its name without dashes."""
    kind = kind.removeprefix("from-")
    if kind == "password-file":
        return PasswordSource("file", value, origin="--password-file")
    if kind == "password-command":
        return password_command(value, "--password-command")
    return PasswordSource("none", origin="--insecure-no-password")


def password_command(text: str, origin: str) -> PasswordSource:
    """A command line as a shell would divide it. Raises ``UsageError``."""
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"not a command line: {error}", subject=origin, hint="Check its quotes.") from None
    if not words:
        raise UsageError("the command is empty", subject=origin, hint="Give a program that prints the password.")
    return PasswordSource("command", text, words, origin)


def password_from_environment(infix: str) -> PasswordSource | None:
    """What the variables say: those of ours before restic's. A file and a command at once are refused, as in restic."""
    variable = lookup(infix + "PASSWORD_COMMAND", infix + "PASSWORD_FILE", infix + "PASSWORD")
    if variable is None:
        return None
    if variable.name.endswith("_COMMAND"):
        file = variable.name.removesuffix("_COMMAND") + "_FILE"
        if os.environ.get(file):
            raise UsageError(
                "Password file and command are mutually exclusive options",
                subject=f"{variable.origin} and ${file}",
                hint="Unset one of them.",
            )
        return password_command(variable.value, variable.origin)
    if variable.name.endswith("_FILE"):
        return PasswordSource("file", variable.value, origin=variable.origin)
    return PasswordSource("env", variable.name, origin=variable.origin)


def fetch(
    source: PasswordSource | None,
    *,
    label: str,
    new: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = lambda _text: None,
) -> bytes:
    """The password of the repository ``label``.

    Without a source the terminal is asked, twice for a ``new`` password. Raises ``UsageError`` when there is nobody
    to ask, the source fails, or the password is empty (empty ones need ``--insecure-no-password``); ``Interrupted``
    when ``stopped`` says so while a command runs, which is ended then. ``warn`` hears of one that takes long.
    """
    if source is None:
        return _ask(label, new=new)
    if source.kind == "none":
        return b""
    if source.kind == "file":
        text = _from_file(source)
    elif source.kind == "command":
        text = _from_command(source, label, stopped, warn)
    else:
        text = os.environb.get(os.fsencode(source.value), b"")
    _FETCHED.add(text)
    if not text:
        raise UsageError(
            "the password is empty",
            subject=f"{label}, from {source.origin}",
            hint="Check that place; an empty password must be asked for with --insecure-no-password.",
        )
    return text


def without_passwords(text: str, sources: Iterable[PasswordSource | None]) -> str:
    """The text without passwords that were fetched, or that plain files and the environment hold for ``sources``."""
    for source in sources:
        if source is not None and (source.kind == "env" or (source.kind == "file" and not _is_pipe(source.value))):
            with contextlib.suppress(UsageError, OSError):
                fetch(source, label="")
    for secret in sorted(_FETCHED, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(os.fsdecode(secret), "***")
    return text


def _from_file(source: PasswordSource) -> bytes:
    """White space around the password does not count, as in restic.

    A pipe gives its bytes once: what one repository has read of it is the password of each that names the same place.
    """
    if not _is_pipe(source.value):
        return _read(source)
    place = (source.origin, source.value)
    with _PIPES.setdefault(place, threading.Lock()):
        if place not in _PIPED:
            _PIPED[place] = _read(source)
        return _PIPED[place]


def _is_pipe(path: str) -> bool:
    """Whether that is a pipe, a socket or a terminal: something without a beginning to go back to."""
    with contextlib.suppress(OSError, ValueError):
        mode = os.stat(path).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
    return False


def _read(source: PasswordSource) -> bytes:
    return trimmed(decoded(read_marked_text(source.value, "password file", f"Named by {source.origin}.", most=SMALL)))


def _from_command(
    source: PasswordSource, label: str, stopped: Callable[[], bool], warn: Callable[[str], None]
) -> bytes:
    """What the command prints, without white space around it. Its errors go to our standard error.

    Two commands that ask a person at once would be no help to him, so at a terminal one runs after the other, unless
    it takes long.
    """
    name = source.command[0]
    turn = sys.stdin is not None and sys.stdin.isatty() and _turn(stopped)
    try:
        with _started(source.command) as process:
            output = _communicate(process, stopped, lambda: warn(f"{label}: waiting for the password command {name}"))
    except OSError as error:
        raise UsageError(
            f"password command cannot be started: {error.strerror}",
            subject=name,
            hint=f"From {source.origin}.",
        ) from None
    finally:
        if turn:
            _AT_TERMINAL.release()
    if process.returncode != 0:
        raise UsageError(
            f"password command failed with exit code {process.returncode}",
            subject=name,
            hint=f"From {source.origin}; what it said stands above.",
        )
    return trimmed(output)


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A command that ``end_commands`` knows of from its first moment on."""
    import subprocess

    with _STARTING:
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        _RUNNING.add(process)
    return process


@atexit.register
def end_commands() -> None:
    """End the password commands that threads wait for. The program is about to end, and no other will be started."""
    _STARTING.acquire(timeout=1)  # a program on a dead network disk may be long in starting
    for process in tuple(_RUNNING):
        process.kill()


def _turn(stopped: Callable[[], bool]) -> bool:
    """Wait for the terminal, but not for ever. Whether it is ours."""
    end = monotonic() + ALONE
    while monotonic() < end and not stopped():
        if _AT_TERMINAL.acquire(timeout=_LOOK):
            return True
    return False


def _communicate(process: subprocess.Popen[bytes], stopped: Callable[[], bool], tell: Callable[[], None]) -> bytes:
    """The command's output when it has ended. It is ended by ``stopped``, which raises ``Interrupted``."""
    import subprocess

    begun, told = monotonic(), False
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=_LOOK)[0]
            if stopped():
                raise Interrupted("interrupted")
            if not told and monotonic() - begun >= SILENT:
                told = True
                tell()
    except BaseException:
        process.kill()
        raise
    finally:
        _RUNNING.discard(process)


def _ask(label: str, *, new: bool) -> bytes:
    """Ask without echo, or take a line of standard input where it is no terminal, as restic does."""
    if sys.stdin is None or not sys.stdin.isatty():
        line = sys.stdin.buffer.readline(SMALL) if sys.stdin is not None else b""
        if text := line.removesuffix(b"\n").removesuffix(b"\r"):
            return text
        raise UsageError(
            "no password is given, and there is neither a terminal to ask at nor a line on standard input",
            subject=label,
            hint="Use --password-file, --password-command or RESTIC_PASSWORD_FILE.",
        )
    question = f"enter password for new repository {label}: " if new else f"enter password for repository {label}: "
    first = _typed(question)
    if new and _typed("enter password again: ") != first:
        raise UsageError("the passwords do not match", subject=label, hint="Try again.")
    if not first:
        raise UsageError("the password is empty", subject=label, hint="If you mean it, use --insecure-no-password.")
    return first


def _typed(question: str) -> bytes:
    """A line typed at the terminal without echo, as the bytes that the terminal sends."""
    import termios

    with open("/dev/tty", "r+b", buffering=0) as terminal:
        before = termios.tcgetattr(terminal)
        silent = list(before)
        silent[3] &= ~termios.ECHO
        try:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)  # before the question: it drops what was typed
            terminal.write(question.encode("utf-8", "surrogateescape"))
            line = terminal.readline(SMALL)
        finally:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
            terminal.write(b"\n")
    return line.removesuffix(b"\n").removesuffix(b"\r")
