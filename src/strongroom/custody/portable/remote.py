"""The state of a machine that lives for an hour: the newest sealed one is fetched, the next is stored create-only.

``state/NUMBER.age`` below a prefix of a bucket, and ``state/NUMBER.sig`` with the judge's signature over its hash: what
somebody else put there is passed over, whatever its number, and ours go on from the newest of ours. Whoever copies an
older one back is found out by what rounds write beside each repository.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import ConfigurationError, Damaged, LimitExceeded, Locked, Missing
from strongroom.custody.portable.bundle import EXECUTOR_FILE, STATE_FILE, read_bundle, write_bundle
from strongroom.custody.portable.sealed_file import seal_file
from strongroom.custody.recovery.recipients import recipients
from strongroom.custody.state import State
from strongroom.database.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.custody.identity import Identity
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.own.keyed import Keyed

FOLDER = "state/"
_SECONDS = 600.0
_TYPE = "strongroom custody state 1"
_NAME = re.compile(r"([0-9]{8})\.(age|sig)\Z")


class RemoteState:
    """One machine's copy of a state that is kept in a bucket, in a folder that is gone with it. To be used from any
    thread."""

    def __init__(self, keyed: Keyed, identity: Identity, signer: Signer, clock: Clock, location: str) -> None:
        self._keyed = keyed
        self._identity = identity
        self.also_to: tuple[str, ...] = ()
        """Who else is to open what is stored from now on: an identity that takes this one's place."""
        self._signer = signer
        self._clock = clock
        self._location = location
        self._place = tempfile.TemporaryDirectory(prefix="strongroom-state-")
        self._number = 0
        self._saved = ""
        self._taken: set[int] = set()
        self._saving = threading.Lock()

    @property
    def folder(self) -> str:
        """Where it is while this machine lives."""
        return self._place.name

    def fetch(self, *, create: bool) -> None:
        """Get the newest state. Raises ``ConfigurationError`` where there is none, unless one is to be made."""
        names = [match for name in self._keyed.list(FOLDER)[0] if (match := _NAME.match(name))]
        self._taken = {int(match[1]) for match in names}
        sealed, signed = ({int(match[1]) for match in names if match[2] == ending} for ending in ("age", "sig"))
        for number in sorted(sealed & signed, reverse=True):
            if self._get(number):
                self._number, self._saved = number, self._digest()
                return
        if not create:
            raise ConfigurationError(
                "there is no custodian's state here",
                subject=self._location,
                hint="`strongroom custody init` begins one.",
            )

    def save(self, to: tuple[str, ...], *, changed: bool = False) -> None:
        """Store the state under the next number, where it has changed. Raises ``Locked`` where another was faster."""
        with self._saving:  # of rounds beside each other one is not another machine to the other
            self._save(to, changed=changed)

    def _save(self, to: tuple[str, ...], *, changed: bool) -> None:
        digest = self._digest()
        if digest == self._saved and not changed:
            return
        number = self._number + 1
        while number in self._taken:  # what others put there, so that it be ours no more, is passed over
            number += 1
        with tempfile.TemporaryDirectory(prefix="strongroom-state-") as folder:
            plain, sealed = os.path.join(folder, "bundle"), os.path.join(folder, "sealed")
            databases = [self._database(STATE_FILE), self._database(EXECUTOR_FILE)]
            try:
                write_bundle(plain, folder, databases[0], databases[1], b"", self._clock)
            finally:
                for one in databases:
                    one.close()
            seal_file(plain, sealed, (self._identity.recipient, *self.also_to, *to))
            with open(sealed, "rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                size = os.path.getsize(sealed)
                if not self._keyed.put(_key(number, "age"), file, size, sha256, until=monotonic() + _SECONDS):
                    raise Locked(
                        "another machine has stored the next state meanwhile",
                        subject=self._location,
                        hint="One machine at a time keeps a state here; many share one in PostgreSQL.",
                    )
        body = json.dumps({"type": _TYPE, "number": number, "sha256": sha256}).encode()
        signed = body + b"\n" + self._signer.sign_bytes(body).hex().encode() + b"\n"
        signature = hashlib.sha256(signed).hexdigest()
        self._keyed.put(_key(number, "sig"), io.BytesIO(signed), len(signed), signature, until=monotonic() + _SECONDS)
        self._number, self._saved = number, digest

    def end(self) -> None:
        """Forget the copy."""
        self._place.cleanup()

    def _get(self, number: int) -> bool:
        """Fetch one state, if it is whole and ours."""
        try:
            body, _, rest = self._keyed.read(_key(number, "sig"), 4096).partition(b"\n")
            self._signer.verifier.verify_bytes(bytes.fromhex(rest.decode("ascii").strip()), body)
            members = json.loads(body)
            if not isinstance(members, dict) or (members.get("type"), members.get("number")) != (_TYPE, number):
                return False
            sealed = os.path.join(self.folder, "sealed")
            digest = hashlib.sha256()
            with self._keyed.open(_key(number, "age")) as reader, open(sealed, "wb") as file:
                while block := reader.read(1 << 20):
                    digest.update(block)
                    file.write(block)
        except (Damaged, LimitExceeded, Missing, ValueError):
            return False
        if digest.hexdigest() != members["sha256"]:
            return False
        plain = os.path.join(self.folder, "bundle")
        self._identity.unseal_file(sealed, plain)
        read_bundle(plain, self.folder)
        return True

    def _database(self, name: str) -> Database:
        return Database(f"sqlite:///{os.path.join(self.folder, name)}", clock=self._clock)

    def _digest(self) -> str:
        """Over the databases as they lie there, closed."""
        digest = hashlib.sha256()
        for name in (STATE_FILE, EXECUTOR_FILE):
            try:
                with open(os.path.join(self.folder, name), "rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except FileNotFoundError:
                digest.update(b"-")
        return digest.hexdigest()


class FetchedState(State):
    """A state that is stored again when it is closed."""

    def __init__(self, remote: RemoteState, clock: Clock, *, create: bool, is_gone: Callable[[str], bool]) -> None:
        """Raises as ``State`` and ``RemoteState.fetch``."""
        remote.fetch(create=create)
        self._remote = remote
        super().__init__(remote.folder, clock, create=create, is_gone=is_gone)

    def checkpoint(self) -> None:
        """As the base says. Raises ``Locked``; then nothing goes."""

        self._remote.save(recipients(self), changed=True)

    def close(self) -> None:
        """Close the database, store what has changed, and forget the copy. Raises ``Locked``."""

        to = recipients(self)
        super().close()
        try:
            self._remote.save(to)
        finally:
            self._remote.end()


def _key(number: int, ending: str) -> str:
    return f"{FOLDER}{number:08d}.{ending}"
