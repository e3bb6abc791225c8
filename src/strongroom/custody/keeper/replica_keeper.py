"""A keeper's run: read what the custodian says, plan, hold by its own first sight, and let go what still may.

Whoever has the custodian's machine signs any statement, and reaches neither this key nor this record: what is named
waits for the hold here, seen on three days, and stays if the custodian's next word does not name it. Nothing goes that
this machine first saw within the detection window, of the newest snapshots a floor stays, and what goes in thirty days
is bounded (``executor/caps.py``).
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import StoreError, StrongroomError
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.base.redact import without_login
from strongroom.custody.executor.execute import DAYS
from strongroom.custody.executor.known import DAY
from strongroom.custody.keeper.book import CANCELLED, DONE
from strongroom.custody.keeper.put_away import put_away_before
from strongroom.custody.planned.orders import FOLDERS, INDEXES, PACKS, PURGE, SNAPSHOTS, Confirmation, Item, Order
from strongroom.custody.replica.statement import FOLDER, newest_statement
from strongroom.storage.repository_files import files_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.records import Records
    from strongroom.custody.keeper.book import KeeperBook, KeptPlan, KeptReplica
    from strongroom.custody.planned.orders import SignedBytes
    from strongroom.receipts.log.note import Signer, Verifier
    from strongroom.storage.contract import Store

STATEMENTS = 30
"""So many stay beside the replica."""
SILENCE_NS = 3 * DAY
"""A statement that is older says nothing of now."""
AHEAD_NS = 5 * 60 * 10**9


@mutable
class KeepersRun:
    """What a run did: names that went, by plan; why others wait; and why nothing is believed, empty where it is."""

    removed: list[tuple[int, str]] = field(default_factory=list)
    waits: list[tuple[int, str]] = field(default_factory=list)
    doubt: str = ""


class ReplicaKeeper:
    """The keeper of one replica. ``executor`` takes its orders alone, signed with ``signer``."""

    def __init__(
        self,
        book: KeeperBook,
        records: Records,
        executor: Executor,
        store: Store,
        signer: Signer,
        judge: Verifier,
        boot: Callable[[], tuple[str, int]],
        *,
        purges: bool,
        tidy: Callable[[str], None] = lambda _path: None,
    ) -> None:
        """``purges``: whether what is put away here ends by us, and not by the store's own rule. ``tidy`` removes a
        statement that later ones have taken the place of, by its path."""
        self._book = book
        self._records = records
        self._executor = executor
        self._store = store
        self._signer = signer
        self._judge = judge
        self._boot = boot
        self._purges = purges
        self._tidy = tidy
        self._replica: KeptReplica = book.replica()

    def run(self) -> KeepersRun:
        """Read, plan, and let go what is due. Killed anywhere, it is run again. Raises errors of the store."""
        found = KeepersRun()
        named = self._hear(found)
        there = {
            f"{kind.value}/{name}": size
            for kind in (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA)
            for group in self._store.list_groups(kind)
            for name, size, _ in group
        }
        named &= there.keys()
        self._plan(named, there, cancels=not found.doubt)
        found.waits += [(0, words) for words in self._executor.look(one.signed for one in self._book.plans())]
        for plan in self._book.plans():
            self._go(plan, named, there, found)
        self._tidy_away()
        return found

    def _tidy_away(self) -> None:
        """The judge writes a statement a day: some stay. Where they are not to be removed, all do."""
        until = self._book.replica().number - STATEMENTS
        names = files_beside(self._store).names(FOLDER) if until > 0 else []
        with contextlib.suppress(StoreError):
            for name in sorted(name for name in names if name.isdecimal() and int(name) <= until)[:1000]:
                self._tidy(f"{FOLDER}/{name}")

    def _hear(self, found: KeepersRun) -> set[str]:
        """What the newest statement names; nothing, with the reason, where it is not to be believed."""
        replica = self._replica
        now_ns = self._records.clock.now_ns()
        said = newest_statement(files_beside(self._store), self._judge, replica.id, without_login(replica.known_as))
        if said is None:
            found.doubt = "the custodian has said nothing of this replica yet"
        elif said.number < replica.number:
            found.doubt = "a newer word of the custodian was taken away here: who can delete in .strongroom/?"
        elif now_ns - said.at_ns > SILENCE_NS:
            found.doubt = f"the custodian has said nothing for {(now_ns - said.at_ns) // DAY} days"
        elif said.at_ns - now_ns > AHEAD_NS:
            found.doubt = "the custodian's word is dated in the future: one of two clocks is wrong"
        if said is None or found.doubt:
            return set()
        self._book.heard(said.number)
        return {name for name in said.names if name.startswith(("snapshots/", "index/", "data/"))}

    # planning

    def _plan(self, named: set[str], there: dict[str, int], *, cancels: bool) -> None:
        """A plan a day and kind of what is named and in none yet; one of which nothing is named any more ends."""
        now_ns = self._records.clock.now_ns()
        wanted = {kind: {name for name in named if name.startswith(FOLDERS[kind])} for kind in _KINDS}
        sizes = dict(there)
        if self._purges:
            old = put_away_before(self._records, self._replica.id, now_ns - self._replica.expiry * DAY)
            wanted[PURGE] = {f"{FOLDERS[PURGE]}{name}" for name in old}
            sizes |= {f"{FOLDERS[PURGE]}{name}": size for name, size in old.items()}
        today = set()
        for plan in self._book.plans():
            names = {item.name for item in plan.order(self._signer.verifier).items}
            if plan.made_ns // DAY == now_ns // DAY:
                today.add(plan.kind)
            if cancels and not names & wanted.get(plan.kind, set()):
                self._book.set_state(plan.number, CANCELLED)
                continue
            if plan.kind in wanted:
                wanted[plan.kind] -= names
        for kind, names in wanted.items():
            if names and kind not in today:
                self._add(kind, {name: sizes[name] for name in sorted(names)}, now_ns)

    def _add(self, kind: str, sizes: dict[str, int], now_ns: int) -> None:
        epoch, newest = self._executor.newest
        number = max(newest, max((one.number for one in self._book.plans(all_states=True)), default=0)) + 1
        items = tuple(Item(name, size, "nothing needs it any more") for name, size in sizes.items())
        place = without_login(self._replica.store)
        order = Order(self._replica.id, place, max(1, epoch), number, kind, now_ns, "", items)
        self._book.add(kind, number, now_ns, order.sign(self._signer))

    # letting go

    def _go(self, plan: KeptPlan, named: set[str], there: dict[str, int], found: KeepersRun) -> None:
        order = plan.order(self._signer.verifier)
        why = self._executor.waits(plan.number) or self._holds(plan)
        if why:
            found.waits.append((plan.number, why))
            return
        names = [item.name for item in order.items if plan.kind == PURGE or item.name in named]
        names = self._old_enough(plan, names, there, found)
        if not names:
            return
        try:
            report = self._executor.execute(plan.signed, self._confirm(order, plan, names))
        except StrongroomError as problem:
            found.waits.append((plan.number, str(problem).replace("\n", " ")))
            return
        found.removed += [(plan.number, name) for name in report.removed]
        found.waits += [(plan.number, f"{name}: {words}") for name, words in report.failed]
        if report.left:
            words = f"{report.left} wait, since no more may go in thirty days; `custody keep approve` lets them"
            found.waits.append((plan.number, words))
        left = {item.name for item in order.items if item.name in named} - set(report.removed)
        if not left and not report.left and not report.failed:
            self._book.set_state(plan.number, DONE)

    def _holds(self, plan: KeptPlan) -> str:
        """An executor holds back indexes for an hour alone; here they wait like all else."""
        if plan.kind != INDEXES:
            return ""
        left = plan.made_ns + self._replica.hold * DAY - self._records.clock.now_ns()
        seen = self._records.sighting(self._replica.id, plan.number)
        if left > 0:
            return f"held for {-(-left // DAY)} days more"
        if seen is None or len(seen.days) < DAYS:
            return f"seen on {0 if seen is None else len(seen.days)} of {DAYS} days"
        return ""

    def _old_enough(self, plan: KeptPlan, names: Iterable[str], there: dict[str, int], found: KeepersRun) -> list[str]:
        """Without what was first seen here within the detection window, and without the newest snapshots."""
        if plan.kind == PURGE:
            return list(names)
        now_ns = self._records.clock.now_ns()
        first = {name: self._records.first_seen(self._replica.id, name) for name in names}
        old = [name for name, seen in first.items() if seen and now_ns - seen[0] >= self._replica.detection * DAY]
        if len(old) < len(first):
            words = f"{len(first) - len(old)} are here for less than {self._replica.detection} days"
            found.waits.append((plan.number, words))
        if plan.kind == SNAPSHOTS:
            all_first = {name: self._first(name) for name in there if name.startswith(FOLDERS[SNAPSHOTS])}
            newest = sorted(all_first, key=lambda name: (all_first[name], name), reverse=True)[: self._replica.floor]
            if set(newest) & set(old):
                words = f"the newest {self._replica.floor} snapshots stay, whatever is said"
                found.waits.append((plan.number, words))
            old = [name for name in old if name not in newest]
        return old

    def _first(self, name: str) -> int:
        seen = self._records.first_seen(self._replica.id, name)
        return 1 << 62 if seen is None else seen[0]

    def _confirm(self, order: Order, plan: KeptPlan, names: list[str]) -> SignedBytes:
        boot, boot_ns = self._boot()
        return Confirmation(
            repository=order.repository,
            store=order.store,
            epoch=order.epoch,
            number=order.number,
            order=plan.signed.digest,
            names=tuple(names),
            issued_ns=self._records.clock.now_ns(),
            boot=boot,
            boot_ns=boot_ns,
            nonce=os.urandom(16).hex(),
        ).sign(self._signer)


_KINDS = (SNAPSHOTS, INDEXES, PACKS)
