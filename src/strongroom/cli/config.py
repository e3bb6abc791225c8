"""``config generate``, ``config validate``, ``config show`` and ``config schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base import configuration
from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.cli.shared import settings as in_force
from strongroom.cli.shared.targets import find_targets, left_out_of_file
from strongroom.storage.redact import redact

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from strongroom.base.configuration import PasswordSource
    from strongroom.cli.shared.context import Context

_HEAD = """\
# Strongroom's configuration. It lies at ~/.config/strongroom/config.toml or /etc/strongroom/config.toml, and only its
# owner may be able to write it, since it runs commands. Take the # away from what you want to set.
# `strongroom config validate` checks it, `strongroom config show` says what is in force.

version = 1
"""


def arguments_generate(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = "Print a commented configuration file to begin with; redirect it to where it shall lie."


def run_generate(context: Context) -> int:
    """Print the file: all keys there are, with what they are for."""
    for line in _generated():
        context.out.line(line)
    return 0


def _generated() -> Iterator[str]:
    yield from _HEAD.splitlines()
    yield ""
    yield "# Each repository has a name of your choice; `--repo local` means this one."
    yield "[repository.local]"
    yield from _keys(
        configuration.REPOSITORY_KEYS, {"url": '"/backup/local"', "password": '{ file = "/etc/strongroom/password" }'}
    )
    yield ""
    yield "#[repository.offsite]"
    yield '#url = "rest:https://host:8000/me/"'
    yield '#password = { command = ["pass", "show", "backup/offsite"] }'
    yield ""
    yield "# Each source becomes one snapshot in each of its repositories when `strongroom backup` runs without paths."
    yield "[source.home]"
    yield from _keys(configuration.SOURCE_KEYS, {"paths": '["/home"]'})
    yield ""
    yield "# What holds for all repositories that do not say otherwise."
    yield "[defaults]"
    yield from _keys(configuration.DEFAULT_KEYS, {})


def _keys(keys: Mapping[str, configuration.Key], set_to: Mapping[str, str]) -> Iterator[str]:
    for name, key in keys.items():
        yield f"# {key.help}"
        yield f"{name} = {set_to[name]}" if name in set_to else f"#{name} = {key.example}"


def arguments_validate(parser: argparse.ArgumentParser) -> None:
    """The file, where it is not the one that would be used."""
    parser.description = "Check a configuration file: every table, key and value, and who can write it."
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the file to check (default: the one that would be used)"
    )


def run_validate(context: Context) -> int:
    """Read the file; what is wrong is an error like any other."""
    path = context.arguments.file or configuration.find_file(context.arguments.config)
    if path is None:
        raise ConfigurationError(
            "there is no configuration file", hint="`strongroom config generate` prints one to begin with."
        )
    file = configuration.read(path)
    if context.json:
        context.out.json(
            {"file": file.path, "valid": True, "repositories": list(file.repositories), "sources": list(file.sources)}
        )
    else:
        context.out.line(f"{file.path}: valid; {len(file.repositories)} repositories, {len(file.sources)} sources")
    return 0


def arguments_schema(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = (
        "Print a JSON schema of the configuration file: every table and key, its type, and what it is for. Editors\n"
        "that know TOML complete and check with it, such as with taplo's `#:schema FILE` in the first line."
    )


def run_schema(context: Context) -> int:
    """Print the schema."""
    import json

    from strongroom.base.configuration_schema import schema

    for line in json.dumps(schema(), indent=2).splitlines():
        context.out.line(line)
    return 0


def arguments_show(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = (
        "Show every setting in force with where it came from: an option, a variable, the file, or the default.\n"
        "Passwords and credentials are never shown."
    )


def run_show(context: Context) -> int:
    """Print settings, repositories and sources."""
    settings = context.settings
    rows: list[tuple[str, Any, str]] = []
    for name in in_force.NAMES:
        value = settings.get(name)
        rows.append((name, value.value, value.origin))
    try:
        targets = find_targets(settings)
    except UsageError as error:
        targets = []
        context.warn(str(error))
    for target in targets:
        place = f"repository.{target.label}"
        rows.append((f"{place}.url", redact(target.url), target.origin))
        password, origin = (
            ("asked for at the terminal", "default") if target.password is None else _shown(target.password)
        )
        rows.append((f"{place}.password", password, origin))
        for name in in_force.PER_REPOSITORY:
            value = settings.get(name, target.name)
            if value != settings.get(name):
                rows.append((f"{place}.{name}", value.value, value.origin))
        options = settings.extended_options(target.name)
        if options:
            hidden = {key: "***" if _secret(key) else redact(text) for key, text in options.items()}
            rows.append((f"{place}.options", hidden, "-o or the file"))
    if settings.file is not None:
        for source, table in settings.file.sources.items():
            rows.extend((f"source.{source}.{key}", _plain(value), settings.file.path) for key, value in table.items())
    _print(context, rows)
    missed = left_out_of_file(settings, targets)
    if missed:
        context.warn(f"{missed[0]} is set: these repositories of the file are not written to: {', '.join(missed[1])}")
    return 0


def _shown(source: PasswordSource) -> tuple[str, str]:
    return source.describe(), source.origin


def _secret(key: str) -> bool:
    return any(word in key for word in ("pass", "secret", "token", "key", "credential"))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _print(context: Context, rows: list[tuple[str, Any, str]]) -> None:
    if context.json:
        path = context.settings.file.path if context.settings.file else None
        settings = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        context.out.json({"file": path, "settings": settings})
        return
    context.out.line(f"configuration file: {context.settings.file.path if context.settings.file else 'none'}")
    for name, value, origin in rows:
        context.out.line(f"{name} = {_toml(value)}    ({origin})")


def _toml(value: Any) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float | list | dict) else f'"{value}"'
