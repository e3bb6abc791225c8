"""The keys of what a host does around a backup: hooks, and dumps of databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.configuration.checks import duration_text, number, password, text, texts, truth
from strongroom.base.configuration.document import Key, Table
from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DATABASE_KINDS = ("postgresql", "mysql", "mariadb", "sqlite", "command")
_WORDS = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
COMMANDS_SHAPE = {"anyOf": [_WORDS, {"type": "array", "items": _WORDS, "minItems": 1}]}
"""The JSON schema of what ``commands`` takes."""


def words(value: object) -> tuple[str, ...]:
    """The words of one command, which no shell reads. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ValueError('must be a list of words, such as ["systemctl", "stop", "shop"]; no shell reads it')
    return tuple(map(text, value))


def commands(value: object) -> tuple[tuple[str, ...], ...]:
    """One command or several, each a list of words. Raises ``ValueError`` with what it must be."""
    if isinstance(value, list) and value and all(isinstance(one, list) for one in value):
        return tuple(map(words, value))
    return (words(value),)


def _one_of(*known: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in known:
            raise ValueError("must be one of " + ", ".join(f'"{one}"' for one in known))
        return str(value)

    return check


def _choice(example: str, help: str, *known: str, required: bool = False) -> Key:
    return Key(_one_of(*known), f'"{example}"', help, required, {"enum": list(known), "type": "string"})


def _commands(example: str, help: str) -> Key:
    return Key(commands, example, help, shape=COMMANDS_SHAPE)


HOOK_KEYS: dict[str, Key] = {
    "before": _commands('["systemctl", "stop", "shop"]', "run before; exit code 75 skips the backup"),
    "after": _commands('["touch", "/run/backup-is-good"]', "run after it, when it went well"),
    "failed": _commands('["/usr/local/bin/tell-me"]', "run after it, when it did not"),
    "finally": _commands('["systemctl", "start", "shop"]', "run in any case; after a kill, at the next start"),
    "timeout": Key(duration_text, '"10m"', "how long each command may take (10m when left out)"),
    "on_failure": _choice("abort", "when a command fails: abort, or warn and go on", "abort", "warn"),
}

SCHEDULE_KEYS: dict[str, Key] = {
    "schedule": Key(text, '"*-*-* 02:00:00"', 'when: systemd\'s OnCalendar, five fields of cron, or "every 24h"'),
    "zone": Key(text, '"Europe/Berlin"', "the time zone of those words (the machine's when left out)"),
    "jitter": Key(duration_text, '"30m"', "begin up to so much later, the same each day (hourly ones: 5m)"),
    "late_after": Key(duration_text, '"37h30m"', "the backup is late so long after it was due"),
    "catch_up": Key(truth, "true", "make up for a run that was missed while the machine was off"),
    "on_battery": _choice("wait", "wait for mains, up to half of late_after, or run", "wait", "run"),
    "on_metered": _choice("wait", "the same for a link that costs by the byte", "wait", "run"),
}

DATABASE_KEYS: dict[str, Key] = {
    "kind": _choice("postgresql", ", ".join(DATABASE_KINDS), *DATABASE_KINDS, required=True),
    "database": Key(text, '"shop"', 'its name at the server; "*" is all of them; the table\'s name when left out'),
    "file": Key(text, '"/var/lib/app/app.db"', "sqlite: the database's file"),
    "command": Key(words, '["mongodump", "--archive"]', "command: what prints the dump", shape=_WORDS),
    "last_line": Key(text, '"-- done"', "command: how its last line begins; the dump counts as cut off without it"),
    "load_command": Key(
        words, '["mongorestore", "--archive", "--dryRun"]', "command: what `host try-database` feeds", shape=_WORDS
    ),
    "container": Key(text, '"shop-db-1"', "run the programs in this container"),
    "container_program": Key(text, '"podman"', "docker, podman or a path (what is there when left out)"),
    "host": Key(text, '"127.0.0.1"', "the server's name, or the folder or file of its socket"),
    "port": Key(number, "5432", "the server's port"),
    "user": Key(text, '"backup"', "the user at the server"),
    "password": Key(password, '{ file = "/etc/strongroom/shop-password" }', "command, file or env; never the password"),
    "run_as": Key(text, '"postgres"', "the user of this machine who runs the programs"),
    "program": Key(text, '"/usr/lib/postgresql/17/bin/pg_dump"', "the program that dumps, where it is another"),
    "options": Key(texts, '["--no-owner"]', "more options for that program"),
    "timeout": Key(duration_text, '"6h"', "how long the dump may take (left out: until 6 hours bring nothing)"),
}
_SERVERS = ("postgresql", "mysql", "mariadb")
_KINDS_OF_KEY: dict[str, tuple[str, ...]] = {
    "file": ("sqlite",),
    **dict.fromkeys(("command", "last_line", "load_command"), ("command",)),
    **dict.fromkeys(("database", "host", "port", "user", "password", "program", "options"), _SERVERS),
    **dict.fromkeys(("container", "container_program", "run_as", "timeout"), (*_SERVERS, "command")),
}

HOOKS = Table(HOOK_KEYS, "commands around the backup of this source; no shell reads them")
HOST_HOOKS = Table(HOOK_KEYS, "commands around each run of `strongroom backup` over the sources of this file")


def check_database(path: str, place: str, table: Mapping[str, Any]) -> None:
    """Raise ``ConfigurationError`` for keys that do not belong together."""
    kind = table["kind"]
    for name in table:
        if name != "kind" and kind not in _KINDS_OF_KEY[name]:
            hint = f"It is for: {', '.join(_KINDS_OF_KEY[name])}."
            what = f"does nothing for a database of kind {kind}"
            raise ConfigurationError(what, subject=f"{path}: {place}.{name}", hint=hint)
    needed = {"sqlite": "file", "command": "command"}.get(kind)
    if needed and needed not in table:
        hint = f"Write for example: {needed} = {DATABASE_KEYS[needed].example}"
        raise ConfigurationError(f"{needed} is missing", subject=f"{path}: [{place}]", hint=hint)
