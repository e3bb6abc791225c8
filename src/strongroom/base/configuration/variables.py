"""A file of variables: ``NAME=VALUE`` a line, as systemd's EnvironmentFile and shells read them."""

from __future__ import annotations

import codecs
import os
import re
import stat

from strongroom.base.errors import ConfigurationError

_LONGEST = 64 << 10
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z")


def read_variables(path: str, *, private: bool = True) -> dict[str, str]:
    """The variables of a file; quotes around a value are taken away. It holds secrets: unless it need not be
    ``private``, only its owner may read it.

    Raises ``ConfigurationError`` that names the line and never shows it.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_LONGEST + 1)
    except OSError as error:
        hint = "It holds NAME=VALUE, one a line."
        raise ConfigurationError(f"credentials cannot be read: {error.strerror}", subject=path, hint=hint) from None
    if private and stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigurationError("others can read these credentials", subject=path, hint=f"chmod 600 {path}")
    if len(data) > _LONGEST:
        raise ConfigurationError("is too long for a file of variables", subject=path)
    lines = os.fsdecode(data.removeprefix(codecs.BOM_UTF8)).splitlines()
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";")):
            continue
        match = _LINE.match(stripped)
        if match is None or "\0" in stripped:
            raise ConfigurationError("is no NAME=VALUE", subject=f"{path}, line {number}")
        name, value = match.groups()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name] = value
    return found
