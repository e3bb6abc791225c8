"""``--stdin`` and ``--stdin-from-command``: a stream that is saved as one file."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from strongroom.archive.backup_options import BackupOptions, Stream
from strongroom.base.errors import UsageError
from strongroom.base.record import replace

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context


GRACE = 10.0
"""Seconds for a command to end after SIGTERM; one that takes no notice is killed."""


@contextlib.contextmanager
def opened(context: Context, options: BackupOptions) -> Iterator[BackupOptions]:
    """The options with their stream, if one is asked for. A command is ended when the backup is over."""
    arguments = context.arguments
    name = os.fsencode(arguments.stdin_filename)
    if arguments.stdin_from_command:
        with _command(arguments.paths) as process:
            assert process.stdout is not None
            stream = Stream(process.stdout.fileno(), name, lambda: _must_have_succeeded(process, arguments.paths[0]))
            yield replace(options, stream=stream)
    elif arguments.stdin:
        yield replace(options, stream=Stream(sys.stdin.fileno(), name))
    else:
        yield options


@contextlib.contextmanager
def _command(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    import subprocess

    try:
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
    except OSError as error:
        hint = "Check its name; it is not run by a shell."
        raise UsageError(f"the command cannot be started: {error.strerror}", subject=words[0], hint=hint) from None
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        if process.stdout is not None:
            process.stdout.close()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _must_have_succeeded(process: subprocess.Popen[bytes], name: str) -> None:
    """A command that failed has not printed all; half a dump must not pass for a backup."""
    code = process.wait()
    if code != 0:
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        raise UsageError(
            f"the command ended {how}; no snapshot was made", subject=name, hint="What it said stands above."
        )
