"""What whoever has the judge's key can write to an executor elsewhere."""

from __future__ import annotations

import os

from strongroom.custody.planned.orders import SNAPSHOTS, Confirmation, Item, Order, SignedBytes
from strongroom.custody.two_machines.mailbox import CONFIRMED, OPEN_PLANS, PLAN, TO_EXECUTOR, Mailbox, wrapped
from strongroom.storage.repository_files import files_beside
from tests.support.custody.in_process import DAY
from tests.support.custody.two_machines import TwoMachines


def say(machines: TwoMachines, what: str, members: dict[str, object]) -> int:
    """What whoever has the judge's key can write."""
    custody = machines.custody
    box = Mailbox(
        files_beside(custody.store()),
        TO_EXECUTOR,
        custody.signer.verifier,
        custody.adopted.id,
        custody.adopted.store,
    )
    return box.write(what, members, custody.clock.now_ns(), custody.signer).number


def forged_plan(machines: TwoMachines, names: list[str], number: int = 900) -> SignedBytes:
    """A plan of a stolen judge's, dated a year ago, sent and said to be open."""
    custody = machines.custody
    year_ago = custody.clock.now_ns() - 365 * DAY * 10**9
    items = tuple(Item(name, 1) for name in names)
    order = Order(custody.adopted.id, custody.adopted.store, 1, number, SNAPSHOTS, year_ago, "", items).sign(
        custody.signer
    )
    say(machines, PLAN, {"number": number, "digest": order.digest, **wrapped(order)})
    say(machines, OPEN_PLANS, {"digests": [order.digest]})
    return order


def confirm(machines: TwoMachines, order: SignedBytes, names: list[str], number: int = 900) -> int:
    """Its confirmation, of now."""
    custody = machines.custody
    confirmed = Confirmation(
        custody.adopted.id,
        custody.adopted.store,
        1,
        number,
        order.digest,
        tuple(names),
        custody.clock.now_ns(),
        "",
        0,
        os.urandom(8).hex(),
    ).sign(custody.signer)
    return say(machines, CONFIRMED, {"number": number, "order": order.digest, **wrapped(confirmed)})
