"""The command ``strongroom``: find the verb, load it, run it, and turn whatever happens into words and an exit code."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from strongroom.base.errors import Interrupted, UsageError
from strongroom.cli import exit_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.cli.output.out import Out
    from strongroom.cli.shared.signals import Signals

SERVERS = ("gateway serve", "fleet serve", "witness serve")
"""What runs until a signal ends it, which is no fault of it."""
RELOADING = "gateway serve"
"""What reads its files again at SIGHUP. While it starts it reads them anyway: it does not end."""
GARBAGE = 5000
"""At how many new objects Python looks for garbage among them."""


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; without ``words`` as the process that was started for it."""
    is_process = words is None
    if is_process:
        _heed_early(sys.argv[1:])
        speak_utf8()
        gc.disable()  # what is loaded now stays
    words = list(sys.argv[1:] if words is None else words)
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        from strongroom.cli.output.out import open_missing_streams

        open_missing_streams()
    if words == ["--version"]:  # the one command that must not wait for anything
        from strongroom.cli.version import version_line

        try:
            print(version_line(), flush=True)
        except OSError as error:
            return _unheard(error)
        return exit_codes.OK

    from strongroom.cli.output.out import Out, OutputClosed, abandon_stdout

    out = Out()
    try:
        code = _run(words, out, settle=_settle if is_process else lambda: None)
        out.flush()
    except OutputClosed:
        abandon_stdout()
        return exit_codes.OUTPUT_CLOSED
    except OSError as error:  # what was buffered found a full disk behind standard output
        from strongroom.cli.shared.failure import report

        abandon_stdout()
        return report(error, out, json="--json" in words, debug="--debug" in words)
    if is_process and code == exit_codes.INTERRUPTED:
        _end_at_once(code)
    if is_process:
        gc.freeze()  # Python looks through all of it twice while it ends
    return code


def _heed_early(words: Sequence[str]) -> None:
    """Until ``Signals`` are there, which takes as long as an import, end at once and without words: with 0 as a server,
    else by the signal."""
    serves = " ".join(words[:2]) in SERVERS  # anywhere else they may be folders, and an unmade backup no success
    for number in (signal.SIGINT, signal.SIGTERM):
        if serves or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave if serves else signal.SIG_DFL)
    if RELOADING in (f"{group} {verb}" for group, verb in pairwise(words)):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _leave(_number: int, _frame: object) -> None:
    os._exit(exit_codes.OK)


def _settle() -> None:
    """All is loaded: look for garbage among what the verb makes alone, and not at each 700 objects."""
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()


def _end_at_once(code: int) -> NoReturn:
    """End without Python's own tidying: threads that come back from the kernel into an interpreter that is being taken
    down are unwound by force, which Rust answers by aborting the process. All that had to be given back has been, but
    for the password commands that other threads still wait for."""
    from strongroom.cli.shared.passwords import end_commands

    end_commands()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def speak_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has another encoding.

    Else names, passwords and words of the command line would be read as that encoding's letters, which are other bytes
    in UTF-8. restic knows no locale. A UTF-8 locale and the C locale cost nothing.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.flags.utf8_mode or not sys.executable:
        return
    try:
        with open("/proc/self/cmdline", "rb") as file:  # as the system has them: decoding may have lost bytes
            program, *words = file.read().split(b"\0")[:-1]
    except (OSError, ValueError):
        return
    os.execv(sys.executable, [program, b"-X", b"utf8", *words])


def _unheard(error: OSError) -> int:
    """Standard output takes not even a version."""
    from strongroom.cli.output.out import abandon_stdout

    abandon_stdout()
    if isinstance(error, BrokenPipeError):
        return exit_codes.OUTPUT_CLOSED
    print(f"Fatal: standard output: {error.strerror}", file=sys.stderr)
    return exit_codes.FAILED


def _run(words: list[str], out: Out, settle: Callable[[], None]) -> int:
    from strongroom.cli.output.out import OutputClosed
    from strongroom.cli.shared.failure import report
    from strongroom.cli.shared.open_files import allow_all
    from strongroom.cli.shared.signals import Signals

    allow_all()
    signals = Signals()
    json, debug = "--json" in words, "--debug" in words
    try:
        signals.install()
        code = _command(words, out, signals, settle)
        return exit_codes.INTERRUPTED if signals.asked and code != exit_codes.OK and not _is_server(words) else code
    except OutputClosed:
        raise
    except (Exception, KeyboardInterrupt) as error:
        serves = _is_server(words)
        if signals.asked and serves and isinstance(error, Interrupted):
            return exit_codes.OK
        code = report(error, out, json=json, debug=debug)
        return exit_codes.INTERRUPTED if signals.asked and not serves else code
    finally:
        signals.conclude()


def _is_server(words: Sequence[str]) -> bool:
    """Whether a signal is how it ends, also while it still starts; what else goes wrong then has its own code."""
    from strongroom.cli.arguments import parser as parsing

    try:
        verb, _ = parsing.split_verb(words)
    except UsageError:
        return False
    return verb is not None and verb.name in SERVERS


def _command(words: list[str], out: Out, signals: Signals, settle: Callable[[], None]) -> int:
    from strongroom.cli.arguments import parser as parsing
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.overview import overview

    verb, rest = parsing.split_verb(words)
    if verb is None:
        if "--version" in words:
            return main(["--version"])
        out.write(overview(rest[0] if rest and not rest[0].startswith("-") else None))
        return exit_codes.OK
    try:
        arguments = parsing.parse(verb, rest)
    except SystemExit as done:  # argparse has printed the help
        return int(done.code or 0)
    if arguments.quiet and arguments.verbose:
        raise UsageError("--quiet and --verbose cannot be specified at the same time", hint="Leave out one of them.")
    context = Context(arguments, out, signals)
    if _set("COMPRESSION", "PACK_SIZE"):
        from strongroom.cli.shared.settings import check_variables

        check_variables(arguments)
    if _set("FEATURES"):
        from strongroom.cli.shared.features import heed_variable

        heed_variable(context)
    run = parsing.load(verb, "run")
    settle()
    code: int = run(context)
    return code


def _set(*names: str) -> bool:
    """Whether one of these variables is there, under our name or restic's; looked at before anything is imported."""
    return any(f"{prefix}_{name}" in os.environ for prefix in ("RESTIC", "STRONGROOM") for name in names)


if __name__ == "__main__":
    sys.exit(main())
