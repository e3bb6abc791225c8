"""From a table of the configuration file to a dump: programs, options, and the last line that each format has."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from strongroom.base.quantities import duration
from strongroom.fleet.host.dumps.contract import DatabaseDump, ProgramOfDump
from strongroom.fleet.host.dumps.program import ProgramProducer
from strongroom.fleet.host.dumps.sqlite import SqliteProducer
from strongroom.fleet.host.processes import environment_for_commands, home_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PASSWORD_VARIABLES = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD", "mariadb": "MYSQL_PWD"}
"""How each kind's programs get a password: by their environment, which no list of processes shows to others."""
_POSTGRESQL_ENDS = (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete")
_LARGEST_ROW = "--max-allowed-packet=1G"
"""As large as any row can be; by itself a client takes 16 or 24 MiB."""
_MYSQL_OPTIONS = ("--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob", _LARGEST_ROW)


def dump_of(source: str, name: str, table: Mapping[str, Any], password: str | None) -> DatabaseDump:
    """The dump of a database; nothing is started yet."""
    kind = table["kind"]
    if kind == "sqlite":
        return DatabaseDump(source, name, kind, SqliteProducer(table["file"]), bool, "a page of a database")
    words = _words(kind, name, table)
    seconds = duration(table["timeout"]) if "timeout" in table else None
    program = program_for(table, kind, words, password, seconds)
    is_whole, last_words = _ending(kind, table)
    return DatabaseDump(source, name, kind, ProgramProducer(program), is_whole, last_words)


def _words(kind: str, name: str, table: Mapping[str, Any]) -> list[str]:
    if kind == "command":
        return list(table["command"])
    database, options = table.get("database", name), table.get("options", ())
    if kind == "postgresql":
        whole = database == "*"
        program = table.get("program", "pg_dumpall" if whole else "pg_dump")
        return [program, *connection(kind, table), *options, *([] if whole else [f"--dbname={_literally(database)}"])]
    program = table.get("program") or _mysql_program(kind, "dump", table)
    which = ["--all-databases"] if database == "*" else ["--", database]  # a name may begin like an option
    return [program, *connection(kind, table), *_MYSQL_OPTIONS, *options, *which]


def _literally(database: str) -> str:
    """A name that PostgreSQL's programs would take for the words of a connection, so that they take it for a name."""
    if "=" not in database and not database.startswith(("postgresql:", "postgres:")):
        return database
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'"


def _mysql_program(kind: str, what: str, table: Mapping[str, Any]) -> str:
    """MariaDB's programs have names of their own since 10.5; MySQL's names lead to them in older ones."""
    new, old = {"dump": ("mariadb-dump", "mysqldump"), "client": ("mariadb", "mysql")}[what]
    if kind == "mariadb" and ("container" in table or shutil.which(new)):
        return new
    return old


def client_of(kind: str, table: Mapping[str, Any]) -> list[str]:
    """The client that takes statements on standard input, without a database."""
    if kind == "postgresql":
        return ["psql", *connection(kind, table), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    return [
        _mysql_program(kind, "client", table),
        *connection(kind, table),
        _LARGEST_ROW,
        "--batch",
        "--skip-column-names",
    ]


def connection(kind: str, table: Mapping[str, Any]) -> list[str]:
    """The options that say which server, as whom."""
    host, user = table.get("host"), table.get("user")
    found = ["--no-password"] if kind == "postgresql" else []
    if host:
        is_socket = kind != "postgresql" and host.startswith("/")
        found.append(f"--{'socket' if is_socket else 'host'}={host}")
    if "port" in table:
        found.append(f"--port={table['port']}")
    return [*found, *([f"--username={user}" if kind == "postgresql" else f"--user={user}"] if user else [])]


def program_for(
    table: Mapping[str, Any], kind: str, words: Sequence[str], password: str | None, seconds: float | None = None
) -> ProgramOfDump:
    """A program with its surroundings: its container, its user, and the password in its environment."""
    variable = PASSWORD_VARIABLES.get(kind)
    secret = {variable: password} if variable and password is not None else {}
    run_as = table.get("run_as")
    if "container" in table:
        runner = table.get("container_program") or ("podman" if shutil.which("podman") else "docker")
        names = [word for name in secret for word in ("--env", name)]  # the name alone: the value is not an argument
        words = [runner, "exec", "--interactive", *names, table["container"], *words]
    environment = environment_for_commands({**home_of(run_as), **secret})
    return ProgramOfDump(tuple(words), environment, run_as, seconds)


def _ending(kind: str, table: Mapping[str, Any]) -> tuple[Callable[[bytes], bool], str]:
    if kind == "postgresql":
        return _postgresql_is_whole, "-- PostgreSQL database dump complete"
    if kind in ("mysql", "mariadb"):
        return lambda tail: _last_line(tail).startswith(b"-- Dump completed"), "-- Dump completed"
    wanted = table.get("last_line", "")
    return lambda tail: _last_line(tail).startswith(wanted.encode()), wanted


def _last_line(tail: bytes) -> bytes:
    lines = tail.rstrip().splitlines()
    return lines[-1].strip() if lines else b""


def _postgresql_is_whole(tail: bytes) -> bool:
    """Behind the last line there is nothing but dashes and, since August 2025, the end of the restricted mode."""
    for line in reversed(tail.splitlines()):
        if line.strip() in (b"", b"--") or line.startswith(b"\\unrestrict "):
            continue
        return line.strip() in _POSTGRESQL_ENDS
    return False
