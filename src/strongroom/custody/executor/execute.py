"""Checking plans and confirmations against what the executor saw itself, and removing what holds.

It counts a hold from its own first sight of a plan, whatever the plan says of itself; a plan goes after H, seen on
three different days; a confirmation goes once, within its hour; and all plans together take no more in thirty days than
what arrived in them and a tenth of the bytes, or a quarter of the snapshots.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Refused, StrongroomError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable, replace
from strongroom.base.redact import without_login
from strongroom.base.steady import since_boot_ns
from strongroom.custody.executor.aside import is_true_to_name
from strongroom.custody.executor.caps import PlanBounds
from strongroom.custody.executor.known import known_at
from strongroom.custody.executor.locks_seen import check_locks
from strongroom.custody.executor.operators import Operators
from strongroom.custody.executor.words import plan_thing
from strongroom.custody.planned.orders import ASIDE, FOLDERS, INDEXES, LIFETIME_NS, PURGE, read_confirmation, read_order
from strongroom.receipts.commit.committer import boot_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from strongroom.custody.executor.records import Records, Sighting
    from strongroom.custody.executor.ways import SlowRemoval
    from strongroom.custody.planned.orders import Confirmation, Order, SignedBytes
    from strongroom.receipts.log.note import Verifier
    from strongroom.storage.contract import Store

DAYS = 3
"""A plan is seen on so many different days before it goes."""
INDEX_HOLD_NS = 3600 * 10**9
"""Old index files go so long after their successors were there."""
BATCH = 50
SKEW_NS = 5 * 60 * 10**9


@mutable
class Executed:
    """What was removed, by name, and what was not, and why."""

    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    """Confirmed, and left for later since the caps allow no more."""


def _boot() -> tuple[str, int]:
    return boot_id(), since_boot_ns()


class Executor:
    """Removes from one repository's store."""

    def __init__(
        self,
        records: Records,
        store: Store,
        removal: SlowRemoval,
        repository: str,
        store_url: str,
        judge: Verifier,
        *,
        hold_days: int,
        expiry_days: int,
        detection_days: int = 0,
        operators: int = 0,
        mark: Callable[[], str | None],
        boot: Callable[[], tuple[str, int]] = _boot,
        announce: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """``judge``: whose plans it takes; the key is pinned at the first sight. ``mark``: what the place says of it.

        The days and how many ``operators`` sign a decision are the executor's own; the most it was ever told counts.
        Raises ``Refused`` for another judge, or another store, than those that are pinned.
        """
        self._records = records
        self._store = store
        self._removal = removal
        self._judge = judge
        self._mark = mark
        self._boot = boot
        self._announce = announce
        before = records.known(repository)
        known = known_at(before, repository, store_url, str(judge))
        self._known = known.told(hold_days, expiry_days, detection_days, operators)
        self._operators = Operators(records)
        if self._known != before:
            records.pin(self._known)

    @property
    def newest(self) -> tuple[int, int]:
        """The highest epoch and number of a plan that it saw: a judge that knows less was brought back."""
        return self._known.epoch, self._records.newest(self._known.id)

    def look(self, orders: Iterable[SignedBytes]) -> list[str]:
        """See what is in the store and which plans there are; what is wrong with plans, in words."""
        now_ns = self._records.clock.now_ns()
        wrong = []
        for signed in orders:
            try:
                order = self._read(signed)
            except (Damaged, Refused) as problem:
                wrong.append(str(problem))
                continue
            before = self._records.sighting(order.repository, order.number)
            seen = self._records.sight(order.repository, order.number, signed.digest, order.kind, now_ns, _day(now_ns))
            if seen.forbidden:
                wrong.append(f"plan {order.number}: {seen.forbidden}")
            elif before is None:
                when = "are set aside" if order.kind == ASIDE else f"{order.kind} may go after the hold"
                self._announce(f"plan {order.number}: {len(order.items)} {when}")
            if order.epoch > self._known.epoch:
                self._pin(epoch=order.epoch)
        found = {
            f"{kind.value}/{name}": size
            for kind in (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA, Kind.KEY)
            for group in self._store.list_groups(kind)
            for name, size, _ in group
        }
        first = self._known.looked_ns is None
        self._records.remember_objects(self._known.id, found, first=first, now_ns=now_ns)
        if first:
            self._pin(looked_ns=now_ns)
        return wrong

    def waits(self, number: int) -> str:
        """Why a plan may not go yet, in words; empty when it may."""
        seen = self._records.sighting(self._known.id, number)
        if seen is None:
            return "the executor has not seen it yet"
        return self._waits(seen, self._records.clock.now_ns())

    def forbid(self, number: int, why: str) -> None:
        """Never execute a plan, or no more of it."""
        self._records.set_plan(self._known.id, number, forbidden=why)
        self._records.use_up(self._known.id, number, self._records.clock.now_ns())

    def approve(self, number: int, who: str) -> None:
        """Let a plan go beyond the caps by a person's word. Raises ``Refused`` where operators have to sign it."""
        seen = self._records.sighting(self._known.id, number)
        self._operators.check_approval(self._known, plan_thing(number, "" if seen is None else seen.digest))
        self._records.set_plan(self._known.id, number, approved=who)

    def execute(self, signed: SignedBytes, confirmed: SignedBytes) -> Executed:
        """Remove what is confirmed, and holds. Raises ``Refused`` where nothing may go, ``Damaged`` for a forgery.

        Killed anywhere, the same confirmation goes on within its hour, and a new one does later.
        """
        now_ns = self._records.clock.now_ns()
        order = self._read(signed)
        confirmation = read_confirmation(confirmed, self._judge)
        seen = self._records.sighting(order.repository, order.number)
        self._check(order, confirmation, signed, seen, now_ns)
        assert seen is not None
        if not self._records.use(order.repository, order.number, confirmed.digest, now_ns):
            raise Refused("this confirmation was used already", subject=f"plan {order.number}")
        report = Executed()
        sizes = {item.name: item.size for item in order.items if item.name in set(confirmation.names)}
        names, report.left, report.failed = PlanBounds(
            self._records, self._store, self._operators, self._known
        ).allowed(order, sizes, now_ns, approved=bool(seen.approved))
        for start in range(0, len(names), BATCH):
            self._check_batch(order, confirmation)
            self._batch(order, {name: sizes[name] for name in names[start : start + BATCH]}, report)
        self._records.use_up(order.repository, order.number, self._records.clock.now_ns())
        return report

    def set_aside(self, name: ObjectName) -> None:
        """Put away what is not what its name promises, by what is read here and now; it waits for no hold, since the
        right bytes need the name. Raises ``Refused`` where it is right, or nothing may go here; ``Unsupported``."""
        self._check_place()
        if is_true_to_name(self._store, name):
            raise Refused("has the bytes that its name promises", subject=str(name))
        self._removal.put_away(name, _day(self._records.clock.now_ns()), unsound=True)

    # checking

    def _read(self, signed: SignedBytes) -> Order:
        order = read_order(signed, self._judge)
        if order.repository != self._known.id or without_login(order.store) != self._known.store:
            raise Refused("is a plan for another repository or place", subject=f"plan {order.number}")
        if order.epoch < self._known.epoch:
            raise Refused("is of a state that was brought back since, and void", subject=f"plan {order.number}")
        return order

    def _waits(self, seen: Sighting, now_ns: int) -> str:
        if seen.forbidden:
            return seen.forbidden
        if seen.kind == ASIDE:
            return ""
        hold_ns = INDEX_HOLD_NS if seen.kind == INDEXES else self._known.hold_ns
        left = seen.first_ns + hold_ns - now_ns
        if left > 0:
            hours = -(-left // (3600 * 10**9))
            return f"held for {hours} hours more" if hours < 48 else f"held for {-(-hours // 24)} days more"
        if seen.kind != INDEXES and len(seen.days) < DAYS:
            return f"seen on {len(seen.days)} of {DAYS} days"
        return ""

    def _check(
        self, order: Order, confirmation: Confirmation, signed: SignedBytes, seen: Sighting | None, now_ns: int
    ) -> None:
        subject = f"plan {order.number}"
        if seen is None or seen.digest != signed.digest:
            raise Refused("the executor has seen no such plan", subject=subject)
        waits = self._waits(seen, now_ns)
        if waits:
            raise Refused(waits, subject=subject)
        bound = (confirmation.repository, without_login(confirmation.store), confirmation.epoch, confirmation.number)
        if (
            bound != (order.repository, self._known.store, order.epoch, order.number)
            or confirmation.order != signed.digest
        ):
            raise Refused("the confirmation is of another plan", subject=subject)
        if not set(confirmation.names) <= {item.name for item in order.items}:
            raise Refused("the confirmation names what the plan does not", subject=subject)
        for name in order.successors:
            there = self._records.first_seen(order.repository, name)
            if there is None or (order.kind != ASIDE and now_ns - there[0] < INDEX_HOLD_NS):
                raise Refused(f"{name} is to take over, and was not there for an hour", subject=subject)

    def _check_batch(self, order: Order, confirmation: Confirmation) -> None:
        """Before each batch: the hour, who may delete here, and that a removal can be undone."""
        boot, boot_ns = self._boot()
        if boot and boot == confirmation.boot:
            fresh = 0 <= boot_ns - confirmation.boot_ns < LIFETIME_NS
        else:
            fresh = -SKEW_NS <= self._records.clock.now_ns() - confirmation.issued_ns < LIFETIME_NS
        if not fresh:
            raise Refused("the confirmation's hour is over", subject=f"plan {order.number}")
        check_locks(self._store, confirmation)
        self._check_place()

    def _check_place(self) -> None:
        mark = self._mark()
        if mark != self._known.judge:
            words = "nobody is named there" if mark is None else "another custodian is named there"
            raise Refused(
                f"`.strongroom/custodian` does not let us delete: {words}",
                subject=self._store.location,
                hint="Two custodians must not delete in one repository.",
            )
        self._removal.check()

    # removing

    def _batch(self, order: Order, items: dict[str, int], report: Executed) -> None:
        now_ns = self._records.clock.now_ns()
        self._records.intend(order.repository, order.number, items, now_ns)
        for name in items:
            try:
                if order.kind == PURGE:
                    self._purge(order, name, now_ns)
                else:
                    self._removal.put_away(_object(name), _day(now_ns), unsound=order.kind == ASIDE)
            except StrongroomError as problem:
                report.failed.append((name, problem.what))
                continue
            self._records.done(order.repository, order.number, name, self._records.clock.now_ns())
            report.removed.append(name)

    def _purge(self, order: Order, name: str, now_ns: int) -> None:
        inside = name.removeprefix(FOLDERS[PURGE])
        removed_ns = self._records.removed_ns(order.repository, inside)
        if removed_ns is None or now_ns - removed_ns < self._known.expiry_ns:
            raise Refused("has not lain in the trash for long enough by what the executor saw", subject=name)
        self._removal.purge(_object(inside), _day(now_ns - self._known.expiry_ns))

    def _pin(self, **values: int) -> None:
        self._known = replace(self._known, **values)
        self._records.pin(self._known)


def _object(name: str) -> ObjectName:
    kind, _, rest = name.partition("/")
    return ObjectName(Kind(kind), rest)


def _day(now_ns: int) -> str:
    return datetime.fromtimestamp(now_ns // 10**9, UTC).date().isoformat()
