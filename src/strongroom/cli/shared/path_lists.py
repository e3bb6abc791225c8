"""Lists that users keep in files: paths to back up, and patterns to leave out (restic's rules for each)."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.shared.marked_text import decoded, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Go's os.Expand: one sign or digit is a name of its own, and a brace that is never closed is dropped.
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|\{|([*#$@!?0-9-]|[A-Za-z_][A-Za-z0-9_]*))")


def files_from(paths: Sequence[str]) -> Iterator[bytes]:
    """``--files-from``: a pattern for the shell a line; white space around it, empty lines and ``#`` do not count.

    Raises ``UsageError`` for a pattern that nothing matches, as a list that is out of date would leave files unsaved.
    """
    import glob

    for path in paths:
        for line in _lines(path):
            text = line.strip()
            if not text or text.startswith(b"#"):
                continue
            found = sorted(glob.glob(text, include_hidden=True))
            if not found:
                raise UsageError(
                    f"the pattern {os.fsdecode(text)!r} matches no file",
                    subject=path,
                    hint="Remove the line, or use --files-from-verbatim if it is no pattern.",
                )
            yield from found


def files_from_verbatim(paths: Sequence[str]) -> Iterator[bytes]:
    """``--files-from-verbatim``: a path a line, exactly as it stands; empty lines do not count."""
    for path in paths:
        yield from (line for line in _lines(path) if line)


def files_from_raw(paths: Sequence[str]) -> Iterator[bytes]:
    """``--files-from-raw``: paths that each end with a NUL byte. Raises ``UsageError`` when the last one does not."""
    for path in paths:
        data = _read(path)
        if data and not data.endswith(b"\0"):
            hint = "Write it with `find … -print0`."
            raise UsageError("the last name does not end with a NUL byte", subject=path, hint=hint)
        names = data.split(b"\0")[:-1]
        if b"" in names:
            raise UsageError("an empty name stands in the list", subject=path, hint="Two NUL bytes follow one another.")
        yield from names


def patterns_from(paths: Sequence[str]) -> Iterator[str]:
    """``--exclude-file`` and its like: a pattern a line, with ``$NAME`` and ``${NAME}`` replaced, ``$$`` for ``$``.

    White space around a pattern, empty lines and those that begin with ``#`` do not count.
    """
    for path in paths:
        for line in _lines(path):
            text = os.fsdecode(line.strip())
            if text and not text.startswith("#"):
                yield _VARIABLE.sub(_variable, text)


def _variable(match: re.Match[str]) -> str:
    name = match[1] or match[2] or ""
    return "$" if name == "$" else os.environ.get(name, "")


def _lines(path: str) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in decoded(_read(path)).split(b"\n")]


def _read(path: str) -> bytes:
    """The file's bytes; ``-`` is standard input."""
    if path == "-":
        return sys.stdin.buffer.read()
    return read(path, "file", "Check the file's name.")
