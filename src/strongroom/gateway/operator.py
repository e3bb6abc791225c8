"""What an operator does on the gateway's machine, each act with its leaf in the log."""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING

from strongroom.base.clock import SystemClock
from strongroom.base.errors import Damaged, Missing, Refused, TakenAway, UsageError
from strongroom.base.objects import ObjectName, is_object_name
from strongroom.gateway import registry, schema
from strongroom.gateway.comparison import differences
from strongroom.gateway.ledger import Ledger
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.agreement import agree
from strongroom.gateway.places.disk import trash
from strongroom.gateway.places.disk.repository import DiskRepository
from strongroom.gateway.places.opening import open_place
from strongroom.gateway.processes.state import check_there, open_database, open_signer, origin_of
from strongroom.gateway.processes.worker import watch_of
from strongroom.gateway.recovery import adopt
from strongroom.gateway.watch import losses
from strongroom.receipts.commit.committer import Committer
from strongroom.receipts.commit.log_state import ensure_log
from strongroom.receipts.commit.rotation import next_origin, rotate
from strongroom.receipts.commit.tile_store import newest_checkpoint
from strongroom.receipts.log.leaf import MAX_DETAIL, LeafType
from strongroom.storage.removal.trash import purge

if TYPE_CHECKING:
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.storage.contract import Store


class Operator:
    """One command of an operator. Close it."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises ``ConfigurationError`` where no gateway has its state."""
        self._settings = settings
        check_there(settings)
        self._database = open_database(settings)
        origin = origin_of(settings, self._database)
        ensure_log(self._database, origin)
        clock = SystemClock()
        self._watch = watch_of(settings, self._database, clock)
        committer = Committer(self._database, clock, doubt=self._watch.suspect)
        self.ledger = Ledger(self._database, open_signer(settings, origin), clock, committer)
        self.repositories = open_place(settings, self._database)

    def close(self) -> None:
        """Commit and close."""
        self.ledger.close()
        self.repositories.close()
        self._database.close()

    def find(self, label: str) -> ServedRepository:
        """The repository at a path. Raises ``Missing``, also for a folder in which none was made."""
        found = self.repositories.find(folders_of(label))
        if not found.is_made():
            raise Missing("there is no repository at this path", subject=label)
        return found

    def _with_trash(self, label: str) -> DiskRepository:
        repository = self.find(label)
        if not isinstance(repository, DiskRepository):
            raise Refused("there is no trash over object storage", hint="The custodian has credentials of its own.")
        return repository

    def open_keys(self, label: str, key: str, seconds: int) -> str:
        """Admit exactly one named key for a while; until when, in UTC. Raises ``Refused`` in a panic."""
        if not is_object_name(key):
            raise UsageError("not the name of a key file", hint="it has 64 hexadecimal digits")
        repository = self.find(label)
        _check_calm(repository)
        with self._database.write() as connection:
            until = self._database.now_ns(connection) + seconds * 10**9
            table = schema.key_window
            connection.execute(table.delete().where(table.c.repository == repository.id, table.c.name == key))
            connection.execute(table.insert(), {"repository": repository.id, "name": key, "until_ns": until})
        end = datetime.datetime.fromtimestamp(until // 10**9, datetime.UTC).isoformat()
        self.ledger.record(LeafType.KEY_WINDOW, repository.id, ("", key), detail=f"until {end}")
        return end

    def panic(self, label: str, *, on: bool, reason: str) -> None:
        """Make a repository read-only, or end that."""
        repository = self.find(label)
        repository.mark(panic=int(on))
        words = f"{'on' if on else 'off'} {_printable(reason)}".strip()
        self.ledger.record(LeafType.PANIC, repository.id, detail=words)

    def rotate_log(self) -> str:
        """Begin a new log with a new key after the old one's last checkpoint; the new verifier key.

        The gateway signs nothing until it is started again.
        """
        old = self.ledger.signer.name
        origin = next_origin(old)
        last = [newest_checkpoint(self.repositories.tiles(old))]
        with contextlib.suppress(Damaged):
            kept = self.repositories.tail(old).read_signed()
            last += [kept.head.encode()] if kept is not None else []
        rotate(self._database, origin, last, self.ledger.clock)
        return str(open_signer(self._settings, origin).verifier)

    def trash(self, label: str) -> list[trash.Trashed]:
        """What is in the trash."""
        return list(trash.entries(self._with_trash(label).folder))

    def restore(self, label: str, name: str) -> None:
        """Bring the newest generation of an object back. Raises ``Missing``, ``Exists``, or ``Refused`` in a panic."""
        repository = self._with_trash(label)
        _check_calm(repository)
        trash.restore(repository, repository.folder, trash.find(repository.folder, name), self.ledger)

    def purge(self, label: str) -> int:
        """Remove for good what has been in the trash for longer than the hold. How many objects.

        Raises ``Refused`` in a panic, while the clock is in doubt, or when it jumped within the hold (T-1).
        """
        repository = self._with_trash(label)
        _check_calm(repository)
        if doubt := self._watch.unsure((self._settings.trash_days + 1) * 86_400 * 10**9):
            raise Refused(
                f"nothing is removed now: {doubt}",
                hint="Have the clock kept (NTP) and wait; --clock-kept-outside where a hypervisor keeps it.",
            )
        limit = trash.utc_date(self._database.clock_ns()) - datetime.timedelta(days=self._settings.trash_days)
        count, purged = 0, set[ObjectName]()
        for one in trash.entries(repository.folder):
            if datetime.date.fromisoformat(one.date) < limit:
                self.ledger.record(
                    LeafType.PURGE, repository.id, one.name, size=one.size, detail=f"{one.date} {one.generation}"
                )
                purge(one.path)
                purged.add(one.name)
                count += 1
        for name in purged:  # another one may stand in its place, sent since
            agree(self.ledger, repository, name, "")
        return count

    def new_id(self, label: str) -> str:
        """Give the copy of a repository's folder an ID of its own, and its objects receipts of their own; the ID.

        Raises ``Refused`` for a folder that is no copy: its receipts would be nobody's.
        """
        repository = self.find(label)
        if not isinstance(repository, DiskRepository):
            raise Refused("the ID of a repository in a bucket is written once")
        old = repository.id
        original = registry.label_of(self._database, old)
        if original is None or original == label or not repository.is_copy_of(original):
            raise Refused(
                "this folder has an ID of its own",
                subject=label,
                hint="Only a copy gets a new one, as long as its original is at its first path.",
            )
        with repository.exclusive("id"):
            new = repository.renew_id()
        self.ledger.record(LeafType.RECONCILED, new, detail=_printable(f"a copy of {original} ({old}) has its own ID"))
        adopt(self.ledger, repository, lambda: False)
        return new

    def reconcile(self, label: str, reason: str) -> tuple[int, int]:
        """Log what went and what came behind the gateway's back; how many of each.

        Of those, too, that were made at this path and are nowhere any more.
        """
        here: ServedRepository | None = None
        with contextlib.suppress(Missing, TakenAway):
            here = self.find(label)
        # A prefix of a bucket that was emptied is believed to be the repository it was until somebody says otherwise.
        made = {one: self._left_of(one) for one in registry.made_at(self._database, label)}
        gone = {one: left for one, left in made.items() if left is None or not left.is_made()}
        if here is None and not gone:
            raise Missing("there is no repository at this path", subject=label)
        went = come = 0
        for one, left in gone.items():
            registry.forget_creator(self._database, one)
            went += self._reconcile(one, None if left is None else left.store, reason)[0]
        if here is not None:
            counts = self._reconcile(here.id, here.store, reason)
            went, come = went + counts[0], counts[1]
            adopt(self.ledger, here, lambda: False)
        return went, come

    def _left_of(self, repository: str) -> ServedRepository | None:
        with contextlib.suppress(Missing):
            return self.repositories.by_id(repository)
        return None

    def _reconcile(self, repository: str, store: Store | None, reason: str) -> tuple[int, int]:
        went = come = 0
        for one in differences(self._database, repository, store):
            if one.lost:
                self.ledger.record(LeafType.RECONCILED, repository, one.name, detail=_printable(reason))
                went += 1
            else:
                come += 1
        losses.forget(self._database, repository)
        return went, come


def _check_calm(repository: ServedRepository) -> None:
    """Read-only is read-only, for the operator's own verbs, too."""
    try:
        repository.check_panic(fresh=True)
    except Refused as error:
        hint = "`strongroom gateway panic REPOSITORY --off` ends it."
        raise Refused(error.what, subject=repository.label, hint=hint) from None


def _printable(text: str) -> str:
    return text.replace("\n", " ").encode("unicode_escape").decode()[: MAX_DETAIL // 2]
