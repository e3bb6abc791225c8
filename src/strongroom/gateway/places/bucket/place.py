"""The repositories below a prefix of a bucket."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, Refused, StoreError, StrongroomError, Unsupported
from strongroom.base.objects import CONFIG
from strongroom.base.server_log import LOG
from strongroom.gateway import registry
from strongroom.gateway.access.quotas import check_free, room_problems, tell_of_room
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.bucket import guarantees, settling
from strongroom.gateway.places.bucket.intake import ANSWER_SECONDS, PATIENCE
from strongroom.gateway.places.bucket.intents import Intents
from strongroom.gateway.places.bucket.reach import BucketReach
from strongroom.gateway.places.bucket.repository import OWN, BucketRepository
from strongroom.gateway.places.bucket.retained import Keeping
from strongroom.gateway.places.bucket.spool import Spool
from strongroom.gateway.places.bucket.works import Works
from strongroom.gateway.places.contract import Place
from strongroom.receipts.commit.tail import Tail
from strongroom.storage.kinds import keyed_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.own.bucket import BucketFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.storage.contract import Store

KNOWN_SECONDS = 30.0
"""So long a repository's ID is believed; then it is read again."""
SETTLE_SECONDS = 20.0
ASK_SECONDS = 86_400.0
GUARANTEES_SECONDS = 60.0
READ_RETRY_SECONDS = 30.0


class BucketPlace(Place):
    """Repositories in a bucket."""

    kind = (
        "bucket: what is stored survives the gateway's own compromise as far as the gateway's key for the bucket can"
        " neither delete nor replace, or the bucket keeps versions"
    )

    def __init__(self, settings: GatewaySettings, database: Database) -> None:
        assert settings.store
        options = StoreOptions(
            cacert=settings.cacert,
            stuck_timeout=ANSWER_SECONDS,
            longest_request=PATIENCE + ANSWER_SECONDS,
            retry_for=READ_RETRY_SECONDS,
            extended={key: value for key, _, value in (one.partition("=") for one in settings.store_options)},
        )
        self._settings = settings
        self._database = database
        self._guarantees = guarantees.load(database)  # first: where the database is away nothing is opened
        self._loaded = self._database.clock.monotonic()
        self._root = open_store(settings.store, options)
        self.keyed = keyed_of(self._root)
        self._reach = BucketReach(self.keyed, database.clock)
        folder = os.path.join(settings.state_folder, "spool")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.intents = Intents(database, folder)
        self._works = Works(
            database,
            folder,
            Spool(folder, settings.spool_bytes // max(1, settings.workers)),
            self.intents,
            Keeping(database.clock),
            guarded=not (self.keyed.conditional and self._guarantees.conditional),
            deletes=not settings.append_only,
        )
        self._known: dict[tuple[str, ...], tuple[float, BucketRepository]] = {}
        self._emptied: set[str] = set()
        self._guard = threading.Lock()

    def find(self, folders: tuple[str, ...]) -> BucketRepository:
        """As the base says. A prefix that was emptied behind the gateway's back is still the repository it was."""
        known = self._known.get(folders)
        if known is not None and known[0] > self._database.clock.monotonic():
            return known[1]
        label = "/".join(folders)
        try:
            repository = BucketRepository(label, self._store_at(folders), self._works)
            found = repository.find_id()
        except Unsupported:
            raise Missing("there is no repository at this path", subject=label) from None
        except Refused as error:
            raise StoreError(f"the store refuses: {error.what}", subject=error.subject) from None
        if found is not None and known is not None and known[1].id == found:
            repository = known[1]
        emptied = False
        if found is None:
            old = registry.last_known(self._database, label)
            emptied = old is not None
            if old is not None:
                repository.believe_id(old)
                if label not in self._emptied:
                    LOG.error(f"{repository.place}: the store was emptied")
            elif not repository.has(CONFIG):
                self._emptied.discard(label)  # an operator has said that it is gone
                raise Missing("there is no repository at this path", subject=label)
        with self._guard:
            (self._emptied.add if emptied else self._emptied.discard)(label)
            self._known[folders] = (self._database.clock.monotonic() + KNOWN_SECONDS, repository)
        return repository

    def create(self, folders: tuple[str, ...]) -> BucketRepository:
        """As the base says: its ID is what makes a repository."""
        try:
            return self.find(folders)
        except Missing:
            pass
        check_free(self._works.folder)
        try:
            repository = BucketRepository("/".join(folders), self._store_at(folders), self._works)
        except Unsupported as error:
            raise Refused(f"{error.what}: {error.hint}", subject="/".join(folders)) from None
        try:
            repository.id  # noqa: B018 - it is written now
        except Refused as error:
            raise StoreError(f"the store refuses: {error.what}", subject=error.subject) from None
        return self.find(folders)

    def all(self) -> list[ServedRepository]:
        """As the base says, by listing folders."""
        found: list[ServedRepository] = []
        for folders in self._below():
            try:
                repository = self.find(folders)
                if repository.has(CONFIG):
                    found.append(repository)
            except Missing:
                continue
        return found

    def by_id(self, repository: str) -> BucketRepository:
        """As the base says, by the path that the database knows: a prefix cannot be renamed."""
        label = registry.label_of(self._database, repository)
        if label is not None:
            found = self.find(folders_of(label))
            if found.id == repository:
                return found
        raise Missing("there is no such repository")

    def _names_in(self, folders: tuple[str, ...]) -> list[str]:
        return self.keyed.list("".join(f"{folder}/" for folder in folders))[1]

    def _store_at(self, folders: tuple[str, ...]) -> Store:
        store = self._root
        for folder in folders:
            store = store.child(folder)
        return store

    def settle(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """As the base says, from what was written down before each PUT."""
        settling.settle(self.find, self.intents, ledger, stopping)

    def watch(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """Settle again and again; ask the store each day what it keeps, and where that was nothing, at once again."""
        asked = self._database.clock.monotonic()
        waited = 0.0
        while not stopping():
            time.sleep(1.0)
            waited += 1.0
            if waited < SETTLE_SECONDS:
                continue
            waited = 0.0
            try:
                self._works.keeping.look_again(self.keyed)
                self.settle(ledger, stopping)
                for label in list(self._emptied):  # what was emptied may be back, or explained, and nobody asks for it
                    with contextlib.suppress(Missing):
                        self.find(folders_of(label))
                if self._database.clock.monotonic() - asked > (ASK_SECONDS if self._guarantees.keeps else 0.0):
                    asked = self._database.clock.monotonic()
                    guarantees.save(self._database, guarantees.find_out(self.keyed, self._database.clock))
            except (StrongroomError, OSError) as error:
                LOG.error(f"{error}")

    def tiles(self, origin: str) -> BucketFiles:
        """Beside the repositories, under the last word of the log's origin."""
        return BucketFiles(self.keyed, f"{OWN}/{origin.rpartition('/')[2]}", guarded=lambda: self._works.guarded)

    def tail(self, origin: str) -> Tail:
        """In the state: a bucket takes no file twice, and a request for each head would be dear."""
        return Tail(self._settings.tail_of(origin))

    def problems(self) -> list[str]:
        """As the base says."""
        found = room_problems({"the spool": self._works.folder})
        if unreachable := self._reach.problem():
            found.append(unreachable)
        if lost := self._works.keeping.problem or ("" if self._guarantees.keeps else guarantees.KEEPS_NOTHING):
            found.append(lost)
        if self._works.guarded and self._guarantees.keeps and not self._settings.allow_unconditional:
            found.append("the store no longer refuses to replace; this gateway alone serialises creation")
        if self._emptied:
            found.append(f"{len(self._emptied)} repositories were emptied behind the gateway's back")
        return found

    def promises(self) -> dict[str, str]:
        """What was found at the last look."""
        return dict(self._guarantees.found)

    def check(self) -> None:
        """Look at the bucket before anything is served. Raises ``Unsupported`` for one that replaces what it has."""
        tell_of_room({"the spool": self._works.folder})
        self._root.prepare()
        self.keyed.list(f"{guarantees.PLACE}/")  # what is not there is else taken for refused, and nothing is listed
        found = guarantees.find_out(self.keyed, self._database.clock)
        guarantees.save(self._database, found)
        if not found.keeps:
            hint = "Look at the provider, or at what stands between: nothing is stored there."
            raise Unsupported(guarantees.KEEPS_NOTHING, subject=self._root.location, hint=hint)
        if not found.conditional:
            if not self._settings.allow_unconditional:
                raise Unsupported(
                    "this store replaces what it has: two creators of one name both succeed",
                    subject=self._root.location,
                    hint="With --allow-unconditional one gateway serialises creation; nothing else may write there.",
                )
            LOG.warning("the store replaces what it has; this gateway serialises creation, and must be the only one")
        for name, value in found.found.items():
            if name != guarantees.CREATE and value != f"SHA-256, {guarantees.KEPT}":
                LOG.warning(f"{name}: {value}")

    def reload(self) -> None:
        """As the base says: forget what is done; take over what another worker found out."""
        self.intents.flush()
        if self._database.clock.monotonic() - self._loaded > GUARANTEES_SECONDS:
            self._guarantees, self._loaded = guarantees.load(self._database), self._database.clock.monotonic()
            self._works.guarded = not (self.keyed.conditional and self._guarantees.conditional)

    def close(self) -> None:
        """As the base says."""
        self.intents.close()
        self._root.close()
