"""The one reader of files of configuration: TOML, checked against tables that say what each key means.

A file's ``Form`` stands once; checking, ``config generate``, ``config show`` and ``config schema`` all read it. The
parser is imported when there is a file: many commands have none, and should start at once.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import field, record

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping

VERSION = 1
LONGEST = 1 << 20
"""Bytes of a file that are read."""


@record
class Key:
    """A key of a table: how its value is checked, an example as TOML, and what it is for."""

    check: Callable[[object], Any]
    example: str
    help: str
    required: bool = False
    shape: Mapping[str, Any] | None = None
    """Its JSON schema, where the check has none of its own."""


@record
class Names:
    """What the tables of one kind may be called."""

    pattern: re.Pattern[str]
    hint: str
    example: str


@record
class Table:
    """One table ``[place]``; with ``names`` any number of them, ``[place.NAME]``; with ``listed``, ``[[place]]``."""

    keys: Mapping[str, Key]
    help: str
    names: Names | None = None
    listed: bool = False
    comment: str = ""
    """What stands above it in a generated file, where that is not ``help``."""
    example: Mapping[str, str] = field(default_factory=dict)
    """Keys that a generated file sets, with their values as TOML."""
    more: str = ""
    """Lines that follow it there."""
    inside: Mapping[str, Table] = field(default_factory=dict)
    """Tables of each such table, by their keys: ``[place.NAME.key]``. One that is not there is absent."""


@record
class Form:
    """What a whole file may hold; ``head`` are the comments that a generated one begins with."""

    title: str
    head: str
    tables: Mapping[str, Table]


def parse(form: Form, text: str, path: str) -> dict[str, Any]:
    """Check a file's text: its tables by their places, named ones by name, listed ones in order.

    Values are as the checks return them; keys that are not there are absent. Raises ``ConfigurationError`` with table
    and key, and a line where the parser has one.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"not valid TOML: {error}", subject=path, hint="Mend that line.") from None
    except (ValueError, RecursionError):  # the parser leaves these to whoever reads numbers or nests brackets
        hint = "Nothing in this file is larger than 9223372036854775807 or more than a few tables deep."
        raise ConfigurationError("a number is too long or brackets too deep", subject=path, hint=hint) from None
    known = ("version", *form.tables)
    for key in document:
        if key not in known:
            raise unknown(path, key, known, key)
    if document.get("version") != VERSION:
        raise ConfigurationError(
            "the first line must say which format this is", subject=path, hint="Write: version = 1"
        )
    try:
        return {place: _tables(path, place, table, document) for place, table in form.tables.items()}
    except _UnknownKey as found:
        places = [_heading(place, table) for place, table in form.tables.items() if found.name in table.keys]
        elsewhere = f"{found.name} stands in {' or '.join(places)}." if places else None
        raise unknown(path, found.place, found.known, found.name, hint=elsewhere) from None


class _UnknownKey(Exception):
    """A key that its table does not have."""

    def __init__(self, place: str, known: tuple[str, ...], name: str) -> None:
        self.place = place
        self.known = known
        self.name = name


def _heading(place: str, table: Table) -> str:
    return f"[[{place}]]" if table.listed else f"[{place}.NAME]" if table.names else f"[{place}]"


def _tables(path: str, place: str, table: Table, document: Mapping[str, object]) -> Any:
    if table.listed:
        rows = document.get(place, [])
        if not isinstance(rows, list):
            raise ConfigurationError("must be a list", subject=f"{path}: {place}", hint=f"Write each as [[{place}]].")
        return [_table(path, f"{place} {number}", row, table) for number, row in enumerate(rows, 1)]
    return _named(path, place, table, document.get(place, {}))


def _named(path: str, place: str, table: Table, found: object) -> Any:
    """One table, or those of a kind by their names."""
    if table.names is None:
        return _table(path, place, found, table)
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        hint = f"Write its table as [{place}.NAME]."
        raise ConfigurationError("needs a name", subject=f"{path}: {place}", hint=hint)
    for name in found:
        if table.names.pattern.match(name) is None:
            raise ConfigurationError(f"{name!r} cannot be a name", subject=f"{path}: {place}", hint=table.names.hint)
    return {name: _table(path, f"{place}.{name}", one, table) for name, one in found.items()}


def _table(path: str, place: str, found: object, table: Table) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ConfigurationError("must be a table", subject=f"{path}: {place}", hint=f"Write it as [{place}].")
    checked: dict[str, Any] = {}
    keys = table.keys
    for name, value in found.items():
        if name in table.inside:
            checked[name] = _named(path, f"{place}.{name}", table.inside[name], value)
            continue
        key = keys.get(name)
        if key is None:
            raise _UnknownKey(f"{place}.{name}", (*keys, *table.inside), name)
        try:
            checked[name] = key.check(value)
        except ValueError as error:
            raise ConfigurationError(
                str(error), subject=f"{path}: {place}.{name}", hint=f"Example: {name} = {key.example}"
            ) from None
    for name, key in keys.items():
        if key.required and name not in checked:
            hint = f"Write for example: {name} = {key.example}"
            raise ConfigurationError(f"{name} is missing", subject=f"{path}: [{place}]", hint=hint)
    return checked


def unknown(
    path: str, place: str, known: tuple[str, ...], name: str, what: str = "key", *, hint: str | None = None
) -> ConfigurationError:
    """The error for a name that is not known, with this hint, else with the name that is near it."""
    import difflib

    if hint is None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known) or 'none'}."
    return ConfigurationError(f"unknown {what} {name!r}", subject=f"{path}: {place}", hint=hint)


def generated(form: Form) -> Iterator[str]:
    """The lines of a file to begin with: all keys there are, with what they are for."""
    yield from form.head.splitlines()
    yield ""
    yield "version = 1"
    for place, table in form.tables.items():
        yield ""
        yield f"# {table.comment or table.help}"
        yield f"[[{place}]]" if table.listed else f"[{place}.{table.names.example}]" if table.names else f"[{place}]"
        for name, key in table.keys.items():
            yield f"# {key.help}"
            yield f"{name} = {table.example[name]}" if name in table.example else f"#{name} = {key.example}"
        yield from table.more.splitlines()
        name = f"{place}.{table.names.example}" if table.names else place
        for inner, one in table.inside.items():
            yield from _inside(f"{name}.{inner}", one)


def _inside(place: str, table: Table) -> Iterator[str]:
    """A table of a table, all of it as comments: few files need one."""
    yield ""
    yield f"# {table.comment or table.help}"
    yield f"#[{place}.{table.names.example}]" if table.names else f"#[{place}]"
    for name, key in table.keys.items():
        yield f"# {key.help}"
        yield f"#{name} = {table.example.get(name, key.example)}"


def read_text(path: str, *, hint: str = "", runs_commands: bool = False) -> str:
    """A file's text. Raises ``ConfigurationError``; where it ``runs_commands`` also when others can write it."""
    try:
        with open(path, "rb") as file:
            if runs_commands:
                _refuse_if_others_can_write(path, os.fstat(file.fileno()))
            data = file.read(LONGEST)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", subject=path, hint=hint) from None
    try:
        return data.decode("utf-8-sig")  # some editors put a mark before the text
    except UnicodeDecodeError:
        raise ConfigurationError("is not UTF-8 text", subject=path, hint="Save it as UTF-8.") from None


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
