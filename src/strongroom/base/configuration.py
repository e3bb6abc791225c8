"""The configuration file: repositories and sources by name, checked when it is read.

One TOML file, never merged with another. It may name commands that we run, so it is refused when others can write it.
What a key means stands once, in the tables below; checking, ``config generate`` and ``config show`` all read them.
The parser is imported when there is a file: many commands have none, and should start at once.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import ConfigurationError
from strongroom.base.quantities import COMPRESSION_MODES, LARGEST, MOST_AT_ONCE, PACK_MEBIBYTES, duration, size
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
VERSION = 1


@record
class PasswordSource:
    """Where a password comes from: ``kind`` is file, command, env, value or none; ``value`` the path, command, name.

    ``command`` is the words to run. ``value`` stays out of ``repr``, since for the kind ``value`` it is the secret.
    """

    kind: str
    value: str = field(default="", repr=False)
    command: tuple[str, ...] = ()
    origin: str = ""

    def describe(self) -> str:
        """For people and ``config show``: never the secret itself."""
        if self.kind == "command":
            return f"command: {self.command[0] if self.command else self.value.split(' ', 1)[0]} (arguments not shown)"
        return {
            "file": f"file: {self.value}",
            "env": f"environment variable {self.value}",
            "none": "no password",
        }.get(self.kind, "(hidden)")


def text(value: object) -> str:
    """Text that is not empty. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    if not value:
        raise ValueError("must not be empty")
    if "\0" in value:
        raise ValueError("must hold no NUL character")
    return value


def texts(value: object) -> tuple[str, ...]:
    """One text or several. Raises ``ValueError`` with what it must be."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError('must be a list of texts, such as ["one", "two"]')
    return tuple(map(text, value))


def truth(value: object) -> bool:
    """True or false. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def number(value: object) -> int:
    """A whole number of zero or more. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("must be a whole number of zero or more")
    if value > LARGEST:
        raise ValueError("is too large")
    return value


def at_once(value: object) -> int:
    """How many at once; 0 means the usual number. Raises ``ValueError`` with what it must be."""
    if number(value) > MOST_AT_ONCE:
        raise ValueError(f"must be a whole number from 0 to {MOST_AT_ONCE}")
    return number(value)


def size_text(value: object) -> str:
    """A size such as "500M". Raises ``ValueError`` with what it must be."""
    size(text(value))
    return text(value)


def duration_text(value: object) -> str:
    """A duration such as "5m". Raises ``ValueError`` with what it must be."""
    duration(text(value))
    return text(value)


def pack_size(value: object) -> int:
    """MiB for each pack. Raises ``ValueError`` with what it must be."""
    if number(value) not in PACK_MEBIBYTES:
        raise ValueError(f"must be a whole number from {PACK_MEBIBYTES[0]} to {PACK_MEBIBYTES[-1]}")
    return number(value)


def options(value: object) -> Mapping[str, str]:
    """Texts by name, for the kind of store in use. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, dict) or not all(isinstance(item, str | int | bool) for item in value.values()):
        raise ValueError('must be a table of texts, such as { "rest.connections" = "10" }')
    return {key.lower(): str(item).lower() if isinstance(item, bool) else str(item) for key, item in value.items()}


def password(value: object) -> PasswordSource:
    """Where a password comes from. Raises ``ValueError`` with what it must be."""
    how = 'write { command = ["pass", "show", "backup"] }, { file = "/path" } or { env = "NAME" }'
    if isinstance(value, str):
        raise ValueError("a password does not stand in this file: " + how)
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in {"command", "file", "env"}:
        raise ValueError(how)
    ((kind, given),) = value.items()
    if kind == "command":
        words = (
            PasswordSource("command", command=texts(given)) if isinstance(given, list) else _shell_words(text(given))
        )
        if not words.command:
            raise ValueError("the command is empty: " + how)
        return words
    return PasswordSource(kind, text(given))


def _shell_words(text: str) -> PasswordSource:
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"is not a command line: {error}") from None
    return PasswordSource("command", text, words)


def compression(value: object) -> str:
    """A mode of compression. Raises ``ValueError`` with what it must be."""
    if value not in COMPRESSION_MODES:
        raise ValueError("must be one of " + ", ".join(f'"{mode}"' for mode in COMPRESSION_MODES))
    return str(value)


@record
class Key:
    """A key of a table: how its value is checked, an example as TOML, and what it is for."""

    check: Callable[[object], Any]
    example: str
    help: str


_STORE_KEYS: dict[str, Key] = {
    "compression": Key(compression, '"auto"', "auto, off, fastest, better or max"),
    "pack_size": Key(pack_size, "16", "size that pack files aim at, in MiB"),
    "limit_upload": Key(number, "2048", "upload no faster than this, in KiB a second"),
    "limit_download": Key(number, "8192", "download no faster than this, in KiB a second"),
    "no_extra_verify": Key(truth, "false", "skip the second look at each blob before it is uploaded"),
    "cacert": Key(text, '"/etc/ssl/backup-ca.pem"', "trust these certificates (PEM)"),
    "tls_client_cert": Key(text, '"/etc/ssl/me.pem"', "our certificate and its key (PEM)"),
    "insecure_tls": Key(truth, "false", "do not check the server's certificate"),
    "options": Key(options, '{ "rest.connections" = "5" }', "options of the kind of store in use (-o)"),
}

REPOSITORY_KEYS: dict[str, Key] = {
    "url": Key(text, '"rest:https://host:8000/me/"', "where it is: a folder or a URL"),
    "password": Key(password, '{ command = ["pass", "show", "backup"] }', "command, file or env; never the password"),
    "key_hint": Key(text, '"2f1c9d0e"', "ID of the key to try first"),
    **_STORE_KEYS,
}

SOURCE_KEYS: dict[str, Key] = {
    "paths": Key(texts, '["/home", "/etc"]', "what to back up"),
    "repositories": Key(texts, '["local", "offsite"]', "where to; all of this file when left out"),
    "exclude": Key(texts, '["*.tmp", "/home/*/.cache"]', "patterns of what to leave out"),
    "iexclude": Key(texts, '["*.ISO"]', "the same, without regard to case"),
    "exclude_file": Key(texts, '["/etc/strongroom/excludes"]', "files with such patterns, one a line"),
    "iexclude_file": Key(texts, '["/etc/strongroom/iexcludes"]', "the same, without regard to case"),
    "exclude_if_present": Key(texts, '[".nobackup"]', "leave out folders that hold such a file"),
    "exclude_caches": Key(truth, "true", "leave out folders marked with a CACHEDIR.TAG"),
    "exclude_larger_than": Key(size_text, '"4G"', "leave out files above this size"),
    "one_file_system": Key(truth, "false", "do not cross into other file systems"),
    "tags": Key(texts, '["nightly"]', "tags for the snapshot"),
    "host": Key(text, '"laptop"', "host name for the snapshot"),
    "with_atime": Key(truth, "false", "store times of last access, too"),
    "ignore_inode": Key(truth, "false", "do not take a file for changed because its inode changed"),
    "ignore_ctime": Key(truth, "false", "do not take a file for changed because its ctime changed"),
    "skip_if_unchanged": Key(truth, "false", "write no snapshot when nothing changed"),
}

DEFAULT_KEYS: dict[str, Key] = {
    **_STORE_KEYS,
    "cache_dir": Key(text, '"/var/cache/strongroom"', "where the local cache lies"),
    "no_cache": Key(truth, "false", "use no local cache"),
    "retry_lock": Key(duration_text, '"5m"', "keep trying for so long when a repository is locked"),
    "read_concurrency": Key(at_once, "2", "how many files are read at once"),
    "spool": Key(size_text, '"2G"', "disk space for packs that wait for a slow repository"),
}


@record
class Configuration:
    """A file that was read and checked. Values are as the checks return them; keys that are not there are absent."""

    path: str
    defaults: Mapping[str, Any]
    repositories: Mapping[str, Mapping[str, Any]]
    """By name, in the order of the file."""
    sources: Mapping[str, Mapping[str, Any]]


def parse(text: str, path: str = "configuration") -> Configuration:
    """Check a file's text. Raises ``ConfigurationError`` with table and key, and a line where the parser has one."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"not valid TOML: {error}", subject=path, hint="Mend that line.") from None
    except (ValueError, RecursionError):  # the parser leaves these to whoever reads numbers or nests brackets
        hint = "Nothing in this file is larger than 9223372036854775807 or more than a few tables deep."
        raise ConfigurationError("a number is too long or brackets too deep", subject=path, hint=hint) from None
    for key in document:
        if key not in ("version", "defaults", "repository", "source"):
            raise _unknown(path, key, ("version", "defaults", "repository", "source"), key)
    if document.get("version") != VERSION:
        raise ConfigurationError(
            "the first line must say which format this is", subject=path, hint="Write: version = 1"
        )
    result = Configuration(
        path,
        _table(path, "defaults", document.get("defaults", {}), DEFAULT_KEYS, ()),
        _tables(path, "repository", document, REPOSITORY_KEYS, ("url",)),
        _tables(path, "source", document, SOURCE_KEYS, ("paths",)),
    )
    for name, source in result.sources.items():
        for wanted in source.get("repositories", ()):
            if wanted not in result.repositories:
                raise _unknown(path, f"source.{name}.repositories", tuple(result.repositories), wanted, "repository")
    return result


def _tables(
    path: str, kind: str, document: Mapping[str, object], keys: Mapping[str, Key], required: tuple[str, ...]
) -> dict[str, Mapping[str, Any]]:
    tables = document.get(kind, {})
    example = f"[{kind}.NAME]"
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigurationError("needs a name", subject=f"{path}: {kind}", hint=f"Write its table as {example}.")
    for name in tables:
        if NAME.match(name) is None:
            hint = "Letters, digits, dots, dashes and underscores, beginning with a letter or digit."
            raise ConfigurationError(f"{name!r} cannot be a name", subject=f"{path}: {kind}", hint=hint)
    return {name: _table(path, f"{kind}.{name}", table, keys, required) for name, table in tables.items()}


def _table(
    path: str, place: str, table: object, keys: Mapping[str, Key], required: tuple[str, ...]
) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise ConfigurationError("must be a table", subject=f"{path}: {place}", hint=f"Write it as [{place}].")
    checked: dict[str, Any] = {}
    for name, value in table.items():
        key = keys.get(name)
        if key is None:
            raise _unknown(path, f"{place}.{name}", tuple(keys), name)
        try:
            checked[name] = key.check(value)
        except ValueError as error:
            raise ConfigurationError(
                str(error), subject=f"{path}: {place}.{name}", hint=f"Example: {name} = {key.example}"
            ) from None
    for name in required:
        if name not in checked:
            hint = f"Write for example: {name} = {keys[name].example}"
            raise ConfigurationError(f"{name} is missing", subject=f"{path}: [{place}]", hint=hint)
    return checked


def _unknown(path: str, place: str, known: tuple[str, ...], name: str, what: str = "key") -> ConfigurationError:
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known) or 'none'}."
    return ConfigurationError(f"unknown {what} {name!r}", subject=f"{path}: {place}", hint=hint)


def find_file(given: str | None) -> str | None:
    """The one file that counts: ``--config``, ``$STRONGROOM_CONFIG``, the user's, the system's; None without any.

    A file that was named must exist; ``read`` says so if it does not.
    """
    named = given or os.environ.get("STRONGROOM_CONFIG")
    if named:
        return named
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    for place in (os.path.join(home, "strongroom", "config.toml"), "/etc/strongroom/config.toml"):
        if os.path.lexists(place):
            return place
    return None


def read(path: str) -> Configuration:
    """Read and check a file. Raises ``ConfigurationError``, also when anybody but its owner or root can write it."""
    try:
        with open(path, "rb") as file:
            _refuse_if_others_can_write(path, os.fstat(file.fileno()))
            data = file.read(1 << 20)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}",
            subject=path,
            hint="`strongroom config generate` prints one to begin with.",
        ) from None
    try:
        text = data.decode("utf-8-sig")  # some editors put a mark before the text
    except UnicodeDecodeError:
        raise ConfigurationError("is not UTF-8 text", subject=path, hint="Save it as UTF-8.") from None
    return parse(text, path)


def _refuse_if_others_can_write(path: str, file: os.stat_result) -> None:
    """The file and the folder it really lies in belong to us or root and only their owner may write.

    A folder with the sticky bit, such as /tmp, lets nobody replace what is not his own.
    """
    parent_path = os.path.dirname(os.path.realpath(path))
    parent = os.stat(parent_path)
    for subject, status, sticky in ((path, file, 0), (parent_path, parent, parent.st_mode & stat.S_ISVTX)):
        if status.st_uid not in (0, os.geteuid()):
            raise ConfigurationError(
                "belongs to another user, who could make us run commands",
                subject=subject,
                hint=f"chown {os.geteuid()} {subject}",
            )
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky and stat.S_ISREG(file.st_mode):
            raise ConfigurationError(
                "can be written by others, who could make us run commands",
                subject=subject,
                hint=f"chmod go-w {subject}",
            )
