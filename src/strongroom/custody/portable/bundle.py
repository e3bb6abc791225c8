"""All that a custodian knows in one file: the tables of its state, the executor's record, the judge's key.

The tables are copied into SQLite whatever database holds them, so a state goes from PostgreSQL to a folder and back.
"""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Damaged
from strongroom.custody.executor import schema as executor
from strongroom.custody.state import MODULES
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from strongroom.base.clock import Clock

STATE_FILE, EXECUTOR_FILE, JUDGE_FILE = "custody.db", "executor.db", "judge"
EXECUTOR = (("executor", executor),)
_AT_ONCE = 1000


def write_bundle(path: str, folder: str, state: Database, record: Database, judge: bytes, clock: Clock) -> None:
    """Write the bundle to a new file at ``path``; ``folder`` is for what is made on the way."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for name, source, modules in ((STATE_FILE, state, MODULES), (EXECUTOR_FILE, record, EXECUTOR)):
            made = os.path.join(folder, name)
            target = Database(f"sqlite:///{made}", clock=clock)
            try:
                copy_tables(source, target, modules)
            finally:
                target.close()
            bundle.write(made, name)
        bundle.writestr(JUDGE_FILE, judge)


def read_bundle(path: str, folder: str) -> None:
    """Put the parts of a bundle into a folder. Raises ``Damaged``."""
    try:
        with zipfile.ZipFile(path) as bundle:
            if sorted(bundle.namelist()) != sorted((STATE_FILE, EXECUTOR_FILE, JUDGE_FILE)):
                raise Damaged("is no custodian's state", subject=path)
            for name in (STATE_FILE, EXECUTOR_FILE, JUDGE_FILE):
                descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with bundle.open(name) as source, open(descriptor, "wb") as target:
                    while block := source.read(1 << 20):
                        target.write(block)
    except zipfile.BadZipFile:
        raise Damaged("is no custodian's state", subject=path) from None


def copy_tables(source: Database, target: Database, modules: Sequence[tuple[str, ModuleType]]) -> None:
    """Copy every table of these modules into a database that has none of it yet, all or none.

    Raises ``ConfigurationError``.
    """
    for module, tables in modules:
        migrate(source, module, tables.METADATA, tables.STEPS)
        migrate(target, module, tables.METADATA, tables.STEPS)
    with source.read() as reading, target.write() as writing:
        for table in (table for _, tables in modules for table in tables.METADATA.sorted_tables):
            if writing.execute(sa.select(table).limit(1)).first() is not None:
                raise ConfigurationError(
                    "holds a state already, and none is put over another",
                    subject=table.name,
                    hint="Import into a new place.",
                )
            rows = reading.execution_options(yield_per=_AT_ONCE).execute(sa.select(table))
            for some in rows.mappings().partitions(_AT_ONCE):
                writing.execute(table.insert(), [dict(row) for row in some])
