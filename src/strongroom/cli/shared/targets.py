"""Which repositories a command line means, which password belongs to which, and how their stores are reached."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from strongroom.base.configuration.checks import PasswordSource
from strongroom.base.errors import UsageError
from strongroom.base.record import record, replace
from strongroom.base.redact import redact
from strongroom.cli.arguments.extended import namespace, unheard
from strongroom.cli.arguments.marked_text import SMALL, decoded, read_marked_text
from strongroom.cli.arguments.values import at_once
from strongroom.cli.shared.environment import lookup
from strongroom.cli.shared.passwords import password_from_environment, password_option
from strongroom.storage.options import StoreOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.settings import Settings

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


@record
class Target:
    """A repository that the command line means. ``url`` may hold credentials; ``label`` never does."""

    label: str
    url: str
    origin: str
    name: str | None
    """Its name in the file, where it has one."""
    password: PasswordSource | None
    """None: ask at the terminal."""
    key_hint: str | None

    def __repr__(self) -> str:
        return f"Target({self.label!r})"


def find_targets(settings: Settings) -> list[Target]:
    """The repositories given by options, else by the environment, else all of the file, in their order.

    Raises ``UsageError`` without any, for one named twice, and when the number of passwords fits neither one nor all.
    """
    places = _places(settings)
    if not places:
        raise UsageError(
            "no repository is given",
            hint="Name one with --repo, in RESTIC_REPOSITORY, or in a file (see `strongroom config generate`).",
        )
    passwords = _given_passwords(settings, len(places))
    targets: list[Target] = []
    for position, (place, origin) in enumerate(places):
        name, url = _resolve(settings, place)
        if any(other.url == url for other in targets):
            raise UsageError("the same repository is given twice", subject=redact(url), hint="Name each one once.")
        password = passwords[position] if passwords else _password_of(settings, name)
        key_hint = settings.get("key_hint", name).value
        targets.append(Target(name or redact(url), url, origin, name, password, key_hint))
    return targets


def find_source_target(settings: Settings, main: Sequence[Target]) -> Target | None:
    """The repository of ``--from-repo``; its password falls back to the first main one. None when none is given."""
    arguments = settings.arguments
    place: str | None
    if arguments.from_repo and arguments.from_repository_file:
        raise _both("--from-repo", "--from-repository-file")
    if arguments.from_repo:
        place, origin = arguments.from_repo, "--from-repo"
    elif arguments.from_repository_file:
        place, origin = _place_in_file(arguments.from_repository_file), "--from-repository-file"
    else:
        of_variable = _place_of_variable("FROM_")
        if of_variable is None:
            return None
        place, origin = of_variable
    name, url = _resolve(settings, place)
    given = [password_option(kind, value) for kind, value in arguments.from_passwords or []]
    if len(given) > 1:
        raise UsageError("more than one --from password is given", hint="One repository has one password.")
    if given:
        _refuse_both(given[0], "FROM_")
    password = given[0] if given else password_from_environment("FROM_")
    if password is None:
        password = _password_in_file(settings, name) or (main[0].password if main else _password_of(settings, name))
    hint = arguments.from_key_hint
    if hint is None and (variable := lookup("FROM_KEY_HINT")) is not None:
        hint = variable.value
    return Target(name or redact(url), url, origin, name, password, hint)


def left_out_of_file(settings: Settings, targets: Sequence[Target]) -> tuple[str, list[str]] | None:
    """When a variable chose the repository, the variable and the file's repositories that are not written to.

    A stray ``RESTIC_REPOSITORY`` must not starve the off-site copy without a word.
    """
    if settings.file is None or not targets or not targets[0].origin.startswith("$"):
        return None
    used = {target.url for target in targets}
    missed = [name for name, table in settings.file.repositories.items() if table["url"] not in used]
    return (targets[0].origin, missed) if missed else None


def _places(settings: Settings) -> list[tuple[str, str]]:
    """Each place as given, and where it was given."""
    given: list[tuple[str, str]] = getattr(settings.arguments, "repositories", None) or []
    if {option for option, _ in given} == {"repo", "repository-file"}:
        raise _both("-r", "--repository-file")
    if given:
        return [
            (_place_in_file(text) if option == "repository-file" else text, "--" + option) for option, text in given
        ]
    if (of_variable := _place_of_variable("")) is not None:
        return [of_variable]
    if settings.file is not None:
        return [(name, settings.file.path) for name, table in settings.file.repositories.items() if "url" in table]
    return []


def _place_of_variable(infix: str) -> tuple[str, str] | None:
    """The place that a variable gives, and the variable's name."""
    variable = lookup(infix + "REPOSITORY", infix + "REPOSITORY_FILE")
    if variable is None:
        return None
    if variable.name.endswith("_FILE"):
        return _place_in_file(variable.value), variable.origin
    if os.environ.get(f"{variable.name}_FILE"):
        raise _both(variable.origin, f"{variable.origin}_FILE")
    return variable.value, variable.origin


def _both(one: str, other: str) -> UsageError:
    """A place that is given in two ways; restic's words."""
    return UsageError(
        f"Options {one} and {other} are mutually exclusive, please specify only one",
        hint="Several repositories are all given with the same one of them.",
    )


def _resolve(settings: Settings, place: str) -> tuple[str | None, str]:
    """A name of the file, or the place itself; ``./NAME`` is always a path."""
    if not place.strip():
        raise UsageError("the repository's place is empty", hint="Give a folder or a URL.")
    table = settings.file.repositories.get(place, {}) if settings.file is not None else {}
    if "url" in table:
        return place, _expanded(table["url"])
    return None, place


def _expanded(url: str) -> str:
    """``~`` in the file means the home folder, as no shell expands it there."""
    return os.path.expanduser(url) if url.startswith("~") and not _SCHEME.match(url) else url


def _place_in_file(path: str) -> str:
    hint = "It should hold the repository's place."
    text = decoded(read_marked_text(path, "repository file", hint, most=SMALL)).strip()
    if b"\0" in text:
        raise UsageError("repository file is not text", subject=path, hint=hint)
    return os.fsdecode(text)


def _given_passwords(settings: Settings, repositories: int) -> list[PasswordSource]:
    """The password options in their order, one for each repository; empty when there are none."""
    given = [password_option(kind, value) for kind, value in getattr(settings.arguments, "passwords", None) or []]
    if len(given) == 1:
        _refuse_both(given[0], "")
        return given * repositories
    if given and len(given) != repositories:
        raise UsageError(
            f"{len(given)} passwords for {repositories} repositories",
            hint="Give one for all, or as many as repositories, in the same order.",
        )
    return given


def _refuse_both(password: PasswordSource, infix: str) -> None:
    """One who has set a password and says that there is none has made a mistake (restic's rule, and its words)."""
    variable = password_from_environment(infix) if password.kind == "none" else None
    if variable is not None:
        raise UsageError(
            f"{password.origin} must not be specified together with providing a password via a cli option or "
            "environment variable",
            hint=f"Leave out the option, or take {variable.origin} away.",
        )


def _password_of(settings: Settings, name: str | None) -> PasswordSource | None:
    """A repository's own password of the file stands before variables, which are for those that have none."""
    return _password_in_file(settings, name) or password_from_environment("")


def _password_in_file(settings: Settings, name: str | None) -> PasswordSource | None:
    if settings.file is None or name is None:
        return None
    source: PasswordSource | None = settings.file.repositories[name].get("password")
    if source is None:
        return None
    origin = f"{settings.file.path}: repository.{name}.password"
    value = os.path.expanduser(source.value) if source.kind == "file" else source.value
    return PasswordSource(source.kind, value, source.command, origin)


def store_options(context: Context, target: Target) -> StoreOptions:
    """How a target's store is reached."""
    settings, name = context.settings, target.name
    extended = settings.extended_options(name)
    kind = namespace(target.url)
    for text in unheard(extended, kind):
        if text not in context.told:
            context.told.add(text)
            context.warn(text)
    connections = extended.get(f"{kind}.connections")
    cacert = settings.get("cacert", name).value
    for unused in ("compression", "pack_size"):
        settings.get(unused, name)  # a variable with a bad value is refused by readers, too, as in restic
    options = StoreOptions(
        cacert=tuple(cacert or ()),
        client_certificate=settings.get("tls_client_cert", name).value,
        insecure_tls=settings.get("insecure_tls", name).value,
        user_agent=_header(settings.get("http_user_agent").value),
        connections=_connections(connections, kind) if connections else None,
        limit_upload=settings.get("limit_upload", name).value,
        limit_download=settings.get("limit_download", name).value,
        stuck_timeout=settings.get("stuck_request_timeout").value,
        on_retry=context.warn,
        cancelled=lambda: context.signals.asked,
        extended=extended,
    )
    if options.cacert or options.client_certificate:
        from strongroom.storage.http.connection import tls_context

        tls_context(options)  # also where no server is reached: a file that is none shall not be found out at night
    table = settings.file.repositories.get(name or "", {}) if settings.file is not None else {}
    return with_variables(options, table.get("credentials"))


def with_variables(options: StoreOptions, path: str | None) -> StoreOptions:
    """The options with the variables of a file before those of the environment. Raises ``ConfigurationError``."""
    if path is None:
        return options
    from strongroom.base.configuration.variables import read_variables

    return replace(options, environment={**options.environment, **read_variables(os.path.expanduser(path))})


def _header(text: str | None) -> str | None:
    """As ``http.client`` sends it: its Latin-1 is the text's own bytes."""
    return os.fsencode(text).decode("latin-1") if text else None


def _connections(text: str, kind: str) -> int:
    try:
        number = at_once(text)
        if number == 0:
            raise ValueError("at least one is needed")
    except ValueError as error:
        raise UsageError(str(error), subject=f"-o {kind}.connections={text}", hint="Usual are 2 to 20.") from None
    return number
