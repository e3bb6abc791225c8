"""Loading a dump into a scratch database, which shows that it is good for something, and dropping that again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import StrongroomError
from strongroom.fleet.host import processes
from strongroom.fleet.host.dumps.kinds import client_of, program_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_COUNT = {
    "postgresql": "SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    " AND table_schema NOT IN ('pg_catalog', 'information_schema')",
    "mysql": "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{name}'",
}
_SQLITE_COUNT = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
_FAULTS = 8192


def try_dump(table: Mapping[str, Any], password: str | None, pieces: Callable[..., None]) -> int | None:
    """Load a dump. The number of tables that are there then; None for a kind of which nobody knows.

    ``pieces`` is called once with a function that takes bytes. Raises ``StrongroomError`` when it cannot be loaded.
    """
    kind = table["kind"]
    if kind == "sqlite":
        return _try_sqlite(pieces)
    if kind == "command":
        if "load_command" not in table:
            hint = "Add `load_command = […]` to its table: a command that takes the dump on standard input."
            raise StrongroomError("nothing says how this dump is loaded", hint=hint)
        _feed(table, table["load_command"], password, pieces)
        return None
    if table.get("database") == "*":
        hint = "Name the databases one by one, each in a table of its own."
        raise StrongroomError("a dump of all databases cannot be loaded beside them", hint=hint)
    with _scratch(table, password) as name:
        _feed(table, _client(table, name), password, pieces)
        text = _COUNT["postgresql" if kind == "postgresql" else "mysql"].format(name=name)
        return int(_ask(table, password, text, name).split()[-1])


def _try_sqlite(pieces: Callable[..., None]) -> int:
    with tempfile.TemporaryDirectory(prefix="strongroom-sqlite-") as folder:
        path = os.path.join(folder, "scratch.db")
        with open(path, "wb") as file:
            pieces(file.write)
        try:
            with contextlib.closing(sqlite3.connect(path)) as database:
                faults = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
                if faults != ["ok"]:
                    raise StrongroomError(f"the dump is damaged: {'; '.join(faults)}")
                return int(database.execute(_SQLITE_COUNT).fetchone()[0])
        except sqlite3.Error as error:
            raise StrongroomError(f"the dump cannot be opened: {error}") from None


@contextlib.contextmanager
def _scratch(table: Mapping[str, Any], password: str | None) -> Iterator[str]:
    """A database of a name that nobody has, dropped at the end."""
    name = f"strongroom_try_{os.urandom(6).hex()}"
    template = " TEMPLATE template0" if table["kind"] == "postgresql" else ""
    _ask(table, password, f"CREATE DATABASE {name}{template}", "")
    try:
        yield name
    finally:
        _ask(table, password, f"DROP DATABASE {name}", "")


def _client(table: Mapping[str, Any], database: str) -> list[str]:
    words = client_of(table["kind"], table)
    if table["kind"] == "postgresql":
        return [*words, "--tuples-only", "--no-align", f"--dbname={database or 'postgres'}"]
    return [*words, *([database] if database else [])]


def _ask(table: Mapping[str, Any], password: str | None, statement: str, database: str) -> str:
    return _feed(table, _client(table, database), password, lambda write: write(statement.encode() + b";\n"))


def _feed(table: Mapping[str, Any], words: Sequence[str], password: str | None, pieces: Callable[..., None]) -> str:
    """Run a program with something on its standard input; the end of what it prints."""
    program = program_for(table, table["kind"], words, password)
    said, faults = processes.OutputTail(program.environment), processes.OutputTail(program.environment)
    process = processes.start(
        program.words, program.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        **processes.as_user(program.run_as),
    )  # fmt: skip
    assert process.stdin is not None
    readers = [
        threading.Thread(target=_collect, args=(stream, tail), daemon=True)
        for stream, tail in ((process.stdout, said), (process.stderr, faults))
    ]
    try:
        for reader in readers:
            reader.start()
        with contextlib.suppress(BrokenPipeError), process.stdin as sink:  # one that has ended says why
            pieces(sink.write)
        process.wait()
        for reader in readers:  # what it left running may keep the pipe
            reader.join(processes.GRACE)
    finally:
        processes.end(process)
    if process.returncode:
        how = processes.how_it_ended(process.returncode)
        raise StrongroomError(f"{program.words[0]} {how}", hint=f"It said: {faults.text() or said.text()}")
    return said.text()


def _collect(stream: Any, tail: processes.OutputTail) -> None:
    while data := stream.read1(_FAULTS):
        tail.add(data)
    stream.close()
