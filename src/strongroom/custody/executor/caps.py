"""How much may go in thirty days, whatever plans say: a share of what is there, and as much as arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.deletion.orders import FOLDERS, INDEXES, PACKS, SNAPSHOTS

if TYPE_CHECKING:
    from strongroom.custody.deletion.orders import Order
    from strongroom.custody.executor.records import Records

SHARES = {SNAPSHOTS: 0.25, PACKS: 0.10, INDEXES: 0.25}
SPARE_INDEXES = 10
"""So many index files may go in thirty days however few there are: they are merged all the time."""


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
