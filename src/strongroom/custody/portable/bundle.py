"""All that a custodian knows in one file: the tables of its state, the executor's record, the judge's key.

The tables are copied into SQLite whatever database holds them, so a state goes from PostgreSQL to a folder and back.

A bundle that leaves the machine is signed by the judge's key: whoever knows the recipients can seal one.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Damaged
from strongroom.custody.schemas import executor
from strongroom.custody.state import MODULES
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate
from strongroom.receipts.log.note import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from strongroom.base.clock import Clock
    from strongroom.receipts.log.note import Signer

STATE_FILE, EXECUTOR_FILE, JUDGE_FILE = "custody.db", "executor.db", "judge"
SIGNATURE_FILE = "signature"
PARTS = (STATE_FILE, EXECUTOR_FILE, JUDGE_FILE)
_TYPE = "strongroom custody export 1"
_LONGEST = 64 << 10
EXECUTOR = (("executor", executor),)
_AT_ONCE = 1000


def write_bundle(
    path: str,
    folder: str,
    state: Database,
    record: Database,
    judge: bytes,
    clock: Clock,
    signer: Signer | None = None,
) -> None:
    """Write the bundle to a new file at ``path``, signed where there is a ``signer``; ``folder`` is for what is made on
    the way."""
    digests = {JUDGE_FILE: hashlib.sha256(judge).hexdigest()}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for name, source, modules in ((STATE_FILE, state, MODULES), (EXECUTOR_FILE, record, EXECUTOR)):
            made = os.path.join(folder, name)
            target = Database(f"sqlite:///{made}", clock=clock)
            try:
                copy_tables(source, target, modules)
            finally:
                target.close()
            bundle.write(made, name)
            digests[name] = _sha256(made)
        bundle.writestr(JUDGE_FILE, judge)
        if signer is not None:
            body = json.dumps({"type": _TYPE, "made_ns": clock.now_ns(), "sha256": digests}, sort_keys=True).encode()
            key = str(signer.verifier).encode()
            bundle.writestr(SIGNATURE_FILE, b"\n".join((body, signer.sign_bytes(body).hex().encode(), key, b"")))


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bundle(path: str, folder: str) -> None:
    """Put the parts of a bundle into a folder. Raises ``Damaged``."""
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.namelist()
            if sorted(names) not in (sorted(PARTS), sorted((*PARTS, SIGNATURE_FILE))):
                raise Damaged("is no custodian's state", subject=path)
            for name in names:
                descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with bundle.open(name) as source, open(descriptor, "wb") as target:
                    while block := source.read(1 << 20):
                        target.write(block)
    except zipfile.BadZipFile:
        raise Damaged("is no custodian's state", subject=path) from None


def signer_of_bundle(folder: str, path: str, trusted: Verifier | None) -> Verifier | None:
    """Who signed the parts of a bundle that lie in ``folder``; None where nobody did. ``path`` is said in errors.

    ``trusted``: whose signature counts; without one the bundle's own judge is believed to be it. Raises ``Damaged``
    where it signed something else, or another signed.
    """
    try:
        with open(os.path.join(folder, SIGNATURE_FILE), "rb") as file:
            body, signature, key, _ = file.read(_LONGEST).split(b"\n")
        claimed = Verifier.parse(key.decode("ascii"))
        made = bytes.fromhex(signature.decode("ascii"))
        members = json.loads(body)
    except FileNotFoundError:
        return None
    except (ConfigurationError, ValueError, RecursionError):
        raise Damaged("has a signature that is none", subject=path) from None
    if trusted is not None and str(trusted) != str(claimed):
        raise Damaged(
            "is signed by another custodian's judge",
            subject=path,
            hint=f"It is signed by {claimed}, and {trusted} is trusted here.",
        )
    try:
        claimed.verify_bytes(made, body)
    except Damaged:
        raise Damaged("was changed since it was signed", subject=path) from None
    digests = {name: _sha256(os.path.join(folder, name)) for name in PARTS}
    if not isinstance(members, dict) or (members.get("type"), members.get("sha256")) != (_TYPE, digests):
        raise Damaged("was changed since it was signed", subject=path)
    return claimed


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
