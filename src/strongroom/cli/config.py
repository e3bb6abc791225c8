"""``config generate``, ``config validate``, ``config show`` and ``config schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.configuration import client
from strongroom.base.configuration.checks import PasswordSource
from strongroom.base.configuration.document import generated, parse, read_text
from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.base.redact import redact
from strongroom.cli.shared import settings as in_force
from strongroom.cli.shared.targets import find_targets, left_out_of_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from strongroom.base.configuration.document import Form
    from strongroom.cli.shared.context import Context


def _which(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--gateway", action="store_true", help="the file of a gateway")
    group.add_argument("--custodian", action="store_true", help="custody.toml, the file of a custodian")
    group.add_argument("--fleet", action="store_true", help="fleet.toml, the file of a fleet server")


def _form(context: Context) -> Form:
    if context.arguments.gateway:
        from strongroom.gateway.access.policy_form import FORM

        return FORM
    return _other_form(context) or client.FORM


def _other_form(context: Context) -> Form | None:
    """The form of a file that is read as it stands, without variables and options: the custodian's, the fleet's."""
    if context.arguments.custodian:
        from strongroom.base.configuration.custody import FORM as CUSTODY

        return CUSTODY
    if context.arguments.fleet:
        from strongroom.base.configuration.fleet import FORM as FLEET

        return FLEET
    return None


def _read_other(path: str | None, form: Form) -> tuple[str, Mapping[str, Any]]:
    """Such a file by its path. Raises ``UsageError`` without one, ``ConfigurationError``."""
    if path is None:
        raise UsageError("which file?", hint="Name it, or give --config.")
    return path, parse(form, read_text(path, runs_commands=True), path)


def arguments_generate(parser: argparse.ArgumentParser) -> None:
    """Which of the files."""
    parser.description = "Print a commented configuration file to begin with; redirect it to where it shall lie."
    _which(parser)


def run_generate(context: Context) -> int:
    """Print the file: all keys there are, with what they are for."""
    for line in generated(_form(context)):
        context.out.line(line)
    return 0


def arguments_validate(parser: argparse.ArgumentParser) -> None:
    """The file, where it is not the one that would be used."""
    parser.description = "Check a configuration file: every table, key and value, and who can write it."
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the file to check (default: the one that would be used)"
    )
    _which(parser)


def run_validate(context: Context) -> int:
    """Read the file; what is wrong is an error like any other."""
    if context.arguments.gateway:
        return _validate_gateway(context)
    if (form := _other_form(context)) is not None:
        return _validate_other(context, form)
    path = context.arguments.file or client.find_file(context.arguments.config)
    if path is None:
        raise ConfigurationError(
            "there is no configuration file", hint="`strongroom config generate` prints one to begin with."
        )
    file = client.read_configuration(path)
    if context.json:
        context.out.json(
            {"file": file.path, "valid": True, "repositories": list(file.repositories), "sources": list(file.sources)}
        )
    else:
        context.out.line(f"{file.path}: valid; {len(file.repositories)} repositories, {len(file.sources)} sources")
    return 0


def _validate_gateway(context: Context) -> int:
    from strongroom.cli.shared import gateway_file

    path, policy = gateway_file.read_gateway_file(context.arguments.file or context.arguments.config)
    if context.json:
        principals, rules = list(policy.principals), len(policy.rules)
        context.out.json({"file": path, "valid": True, "principals": principals, "rules": rules})
    else:
        context.out.line(f"{path}: valid; {len(policy.principals)} principals, {len(policy.rules)} rules")
    return 0


def _validate_other(context: Context, form: Form) -> int:
    path, tables = _read_other(context.arguments.file or context.arguments.config, form)
    if context.json:
        context.out.json({"file": path, "valid": True, "tables": sorted(name for name, one in tables.items() if one)})
    else:
        context.out.line(f"{path}: valid")
    return 0


def arguments_schema(parser: argparse.ArgumentParser) -> None:
    """Which of the files."""
    parser.description = (
        "Print a JSON schema of the configuration file: every table and key, its type, and what it is for. Editors\n"
        "that know TOML complete and check with it, such as with taplo's `#:schema FILE` in the first line."
    )
    _which(parser)


def run_schema(context: Context) -> int:
    """Print the schema."""
    import json

    from strongroom.base.configuration.schema import schema

    for line in json.dumps(schema(_form(context)), indent=2).splitlines():
        context.out.line(line)
    return 0


def arguments_show(parser: argparse.ArgumentParser) -> None:
    """Which of the files."""
    parser.description = (
        "Show every setting in force with where it came from: an option, a variable, the file, or the default.\n"
        "Passwords and credentials are never shown. With --gateway, --custodian or --fleet that file is meant,\n"
        "which --config names."
    )
    _which(parser)


def run_show(context: Context) -> int:
    """Print settings, repositories and sources."""
    if context.arguments.gateway:
        return _show_gateway(context)
    if (form := _other_form(context)) is not None:
        path, tables = _read_other(context.arguments.config, form)
        _print(context, path, [row for place, one in tables.items() for row in _rows(place, one, path)])
        return 0
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
        for kind, tables in (("source", settings.file.sources), ("retention", settings.file.retention)):
            for name, table in tables.items():
                rows.extend(_rows(f"{kind}.{name}", table, settings.file.path))
        rows.extend(_rows("hooks", settings.file.hooks, settings.file.path))
    _print(context, settings.file.path if settings.file else None, rows)
    missed = left_out_of_file(settings, targets)
    if missed:
        context.warn(f"{missed[0]} is set: these repositories of the file are not written to: {', '.join(missed[1])}")
    return 0


def _shown(source: PasswordSource) -> tuple[str, str]:
    return source.describe(), source.origin


def _secret(key: str) -> bool:
    return any(word in key for word in ("pass", "secret", "token", "key", "credential"))


def _rows(place: str, table: Mapping[str, Any], origin: str) -> Iterator[tuple[str, Any, str]]:
    """The rows of a table and of the tables in it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _rows(f"{place}.{key}", value, origin)
        else:
            hidden = key == "ping" or (place.endswith(".options") and _secret(key))
            yield f"{place}.{key}", "***" if hidden else _plain(value), origin


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return redact(value)
    return value.describe() if isinstance(value, PasswordSource) else value


def _show_gateway(context: Context) -> int:
    from strongroom.cli.shared import gateway_file

    path, policy = gateway_file.read_gateway_file(context.arguments.config)
    _print(context, path, gateway_file.rows(path, policy))
    return 0


def _print(context: Context, path: str | None, rows: list[tuple[str, Any, str]]) -> None:
    if context.json:
        settings = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        context.out.json({"file": path, "settings": settings})
        return
    context.out.line(f"configuration file: {path or 'none'}")
    for name, value, origin in rows:
        context.out.line(f"{name} = {_toml(value)}    ({origin})")


def _toml(value: Any) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float | list | dict) else f'"{value}"'
