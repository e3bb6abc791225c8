"""How much may go in thirty days, whatever plans say: a share of what is there, and as much as arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.custody.executor.aside import fit_for_today
from strongroom.custody.planned.orders import ASIDE, FOLDERS, INDEXES, PACKS, PURGE, SNAPSHOTS

if TYPE_CHECKING:
    from strongroom.custody.executor.known import Known
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.records import Records
    from strongroom.custody.planned.orders import Order
    from strongroom.storage.contract import Store

SHARES = {SNAPSHOTS: 0.25, PACKS: 0.10, INDEXES: 0.25}
SPARE_INDEXES = 10
"""So many index files may go in thirty days however few there are: they are merged all the time."""


@record
class PlanBounds:
    """What bounds a plan of one repository, beside its own hold."""

    records: Records
    store: Store
    operators: Operators
    known: Known

    def allowed(
        self, order: Order, sizes: dict[str, int], now_ns: int, *, approved: bool
    ) -> tuple[list[str], int, list[tuple[str, str]]]:
        """Of what is confirmed, those that may go now; how many wait for later; those that may not, and why.

        ``approved``: a person said so at this executor, with as many signatures as it takes.
        """
        names = list(sizes)
        if order.kind == ASIDE:
            return fit_for_today(self.records, self.store, order.repository, names, now_ns, approved=approved)
        failed: list[tuple[str, str]] = []
        if order.kind == SNAPSHOTS:
            failed = self.operators.without_word(self.known, names, now_ns)
            names = [name for name in names if name not in dict(failed)]
        if order.kind == PURGE or approved:
            return names, 0, failed
        within = within_caps(self.records, order, {name: sizes[name] for name in names}, now_ns)
        return within, len(names) - len(within), failed


def within_caps(records: Records, order: Order, sizes: dict[str, int], now_ns: int) -> list[str]:
    """Those that the bounds over thirty days let go, in the plan's order. ``sizes``: names with their bytes."""
    count, size, new, new_size, gone, gone_size = records.totals(order.repository, FOLDERS[order.kind], now_ns)
    share = SHARES[order.kind]
    if order.kind == PACKS:
        left = new_size + int(share * (size + gone_size)) - gone_size
    else:
        spare = SPARE_INDEXES if order.kind == INDEXES else 0
        left = new + int(share * (count + gone)) + spare - gone
    names = []
    for name, said in sizes.items():
        there = records.first_seen(order.repository, name)
        cost = max(said, there[1] if there else 0) if order.kind == PACKS else 1
        if cost <= left:
            left -= cost
            names.append(name)
    return names
