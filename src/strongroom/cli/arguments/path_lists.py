"""Lists that users keep in files: paths to back up, and patterns to leave out (restic's rules for each)."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments.marked_text import decoded, read_marked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Go's os.Expand: one sign or digit is a name of its own, and a brace that is never closed is dropped.
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|\{|([*#$@!?0-9-]|[A-Za-z_][A-Za-z0-9_]*))")

_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Unicode calls white space; Python's ``strip`` takes some control characters, too."""


def files_from(paths: Sequence[str], warn: Callable[[str], None]) -> Iterator[bytes]:
    """``--files-from``: a pattern of Go's a line; white space around it, empty lines and ``#`` do not count.

    ``warn`` hears of a pattern that nothing matches; the others are saved, as in restic. Raises ``UsageError`` for a
    malformed one.
    """
    from strongroom.archive.backup.glob import glob

    for path in paths:
        for line in _lines(path):
            text = _trimmed(line)
            if not text or text.startswith(b"#"):
                continue
            found, shown = glob(text), _shown(text)
            if found is None:
                hint = "Write \\[ for a bracket, or use --files-from-verbatim where lines are no patterns."
                raise UsageError(f"pattern: {shown}: syntax error in pattern", subject=path, hint=hint)
            if not found:
                warn(f'pattern "{shown}" of {path} does not match any files, skipping')
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
            text = os.fsdecode(_trimmed(line))
            if text and not text.startswith("#"):
                yield _VARIABLE.sub(_variable, text)


def _variable(match: re.Match[str]) -> str:
    name = match[1] or match[2] or ""
    return "$" if name == "$" else os.environ.get(name, "")


def _trimmed(line: bytes) -> bytes:
    """Without the white space at both ends that Unicode has, as Go trims."""
    return line.decode("utf-8", "surrogateescape").strip(_SPACE).encode("utf-8", "surrogateescape")


def _shown(text: bytes) -> str:
    """A line of a list as a message has it."""
    return "".join(
        sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text.decode("utf-8", "backslashreplace")
    )


def _lines(path: str) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in decoded(_read(path)).split(b"\n")]


def _read(path: str) -> bytes:
    """The file's bytes; ``-`` is standard input."""
    if path == "-":
        return sys.stdin.buffer.read()
    return read_marked_text(path, "file", "Check the file's name.")
