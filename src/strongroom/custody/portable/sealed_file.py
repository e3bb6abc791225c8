"""``custody export`` and ``import``: a bundle, sealed to the identity and to the recovery identity."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from typing import TYPE_CHECKING

import pyrage
from pyrage import x25519

from strongroom.base.errors import ConfigurationError, Exists
from strongroom.base.record import record
from strongroom.custody.portable.bundle import (
    EXECUTOR,
    EXECUTOR_FILE,
    JUDGE_FILE,
    STATE_FILE,
    copy_tables,
    read_bundle,
    signer_of_bundle,
    write_bundle,
)
from strongroom.custody.schemas.main import recipient
from strongroom.custody.state import MODULES
from strongroom.database.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.clock import Clock
    from strongroom.custody.identity import Identity
    from strongroom.receipts.log.note import Signer, Verifier


@record
class Opened:
    """The parts of a bundle in a folder, the judge's key, and who signed them; None where nobody did."""

    folder: str
    judge: bytes
    signed_by: Verifier | None

    def recipients(self) -> tuple[str, ...]:
        """The recovery identity's, in the state that it holds."""
        path = os.path.join(self.folder, STATE_FILE)
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return tuple(text for (text,) in connection.execute(f"SELECT recipient FROM {recipient.name}"))


def export_state(
    path: str,
    state: Database,
    record: Database,
    judge: bytes,
    recipients: tuple[str, ...],
    clock: Clock,
    signer: Signer,
) -> int:
    """Write the bundle, signed and sealed, to a new file; its size in bytes. Raises ``Exists``,
    ``ConfigurationError``."""
    if os.path.exists(path):
        raise Exists("there is a file already", subject=path)
    try:
        with tempfile.TemporaryDirectory(prefix="strongroom-") as folder:
            plain = os.path.join(folder, "bundle")
            write_bundle(plain, folder, state, record, judge, clock, signer)
            seal_file(plain, path, recipients)
        return os.path.getsize(path)
    except OSError as error:
        raise ConfigurationError(f"cannot be written: {error.strerror}", subject=path) from None


@contextlib.contextmanager
def opened_bundle(path: str, identity: Identity, trusted: Verifier | None = None) -> Iterator[Opened]:
    """A sealed bundle, opened in a folder that goes with the block, its signature verified by ``signer_of_bundle``.

    Raises ``Damaged``, ``ConfigurationError``.
    """
    with tempfile.TemporaryDirectory(prefix="strongroom-") as folder:
        plain = os.path.join(folder, "bundle")
        try:
            identity.unseal_file(path, plain)
        except OSError as error:
            raise ConfigurationError(f"cannot be read: {error.strerror}", subject=path) from None
        read_bundle(plain, folder)
        with open(os.path.join(folder, JUDGE_FILE), "rb") as file:
            judge = file.read()
        yield Opened(folder, judge, signer_of_bundle(folder, path, trusted))


def import_state(bundle: Opened, state: Database, record: Database, clock: Clock) -> None:
    """Put an opened bundle into empty databases, the state last and whole. Raises ``ConfigurationError``."""
    for name, target, modules in ((EXECUTOR_FILE, record, EXECUTOR), (STATE_FILE, state, MODULES)):
        source = Database(f"sqlite:///{os.path.join(bundle.folder, name)}", clock=clock)
        try:
            copy_tables(source, target, modules)
        finally:
            source.close()


def seal_file(plain: str, path: str, recipients: tuple[str, ...]) -> None:
    """Seal one file into a new one of mode 0600. Raises OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    pyrage.encrypt_file(plain, path, [x25519.Recipient.from_str(one) for one in recipients])
