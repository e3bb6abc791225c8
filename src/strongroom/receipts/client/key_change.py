"""Pinning another key for a gateway's log: a person's word, after ``gateway rotate-log`` or before a first use.

The key comes by another way than the log, from whoever runs the gateway. Nothing is changed unless the gateway's log
is signed by it now. The file with what was known before is put aside, whole: it is evidence of what was alarmed.

What the old log promised is not let off: each promise is looked for in the old log, which the gateway goes on showing
(under the old key, continuing the old head), and where it is not there in the new one, which takes up the leaves that
the old one never signed. What neither has is a reproach as ever. Only where the old log is shown no more, since its
database was lost, can that not be told; then the promises are in the file that was put aside, for an auditor.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Refused, Unavailable
from strongroom.base.record import record
from strongroom.receipts.client.promise_check import check, is_signed
from strongroom.receipts.client.promise_file import Kept
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.note import Verifier

if TYPE_CHECKING:
    from strongroom.receipts.client.gateway_log import GatewayLog
    from strongroom.receipts.client.promise_file import Promise, PromiseFile
    from strongroom.receipts.client.reproach import Reproach

SECONDS = 60.0
"""For so long each of the two logs is asked."""


@record
class Trusted:
    """What came of it."""

    key: str
    changed: bool
    """False when this key was the pinned one already."""
    size: int
    """Entries of the log now."""
    aside: str
    """The file with what was known before; empty where nothing was."""
    checked: int
    """Promises that were found in one of the logs."""
    waiting: int
    """Promises that the next runs will look for."""
    unchecked: int
    """Old promises that nobody can check here any more, since the old log is not shown; they are in the old file."""
    reproaches: tuple[Reproach, ...]
    """What the gateway is still to be reproached with."""


def trust(source: GatewayLog, file: PromiseFile, key: Verifier, now_ns: int, *, explained: bool = False) -> Trusted:
    """Pin the key. ``explained``: whatever else the gateway was reproached with so far is settled, too.

    Raises ``Refused`` when the gateway's log is signed by another key, ``Unavailable`` and what the log's reader raises
    when it cannot be asked, ``OSError`` and ``Damaged`` for the file. Nothing is changed then.
    """
    head = _head(source, key)
    file.begin()
    kept = file.read_promise()
    assert kept is not None
    known = kept.key is not None or bool(kept.promises or kept.reproaches)
    changed = kept.key != str(key)
    if not changed and not (explained and kept.reproaches):
        return Trusted(str(key), False, head.size, "", 0, len(kept.promises), 0, tuple(kept.reproaches))
    new = Kept(str(key), kept.head, list(kept.earlier), [], list(kept.promises), kept.end, kept.mark)
    checked = unchecked = 0
    late: list[Reproach] = []
    if not explained:
        new.reproaches = [one for one in kept.reproaches if not (changed and one.about_key)]
    if changed:
        new.head = None
        if kept.key is not None:
            new.earlier.append(kept.key)
        checked, unchecked, late = _move(source, kept, new, key, now_ns)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // 10**9))
    aside = file.put_aside(stamp) if known else ""
    if not file.replace(new):
        raise Unavailable("a backup has checked the gateway meanwhile; nothing was changed", hint="Try again now.")
    return Trusted(str(key), changed, head.size, aside, checked, len(new.promises), unchecked, (*new.reproaches, *late))


def _head(source: GatewayLog, key: Verifier) -> checkpoints.Checkpoint:
    page = source.receipts(-1, 0)
    if page.head is None:
        raise Unavailable("the gateway's log has no signed head yet", subject=source.root, hint="Try again soon.")
    try:
        return checkpoints.open_checkpoint(page.head, key)
    except Damaged:
        raise Refused(
            "the gateway's log is not signed by this key; nothing was changed",
            subject=f"{source.root}: {checkpoints.parse(page.head).origin}",
            hint="Compare it with what its operator gave you: `gateway rotate-log` and each start of it print the key.",
        ) from None


def _move(source: GatewayLog, kept: Kept, new: Kept, key: Verifier, now_ns: int) -> tuple[int, int, list[Reproach]]:
    """Look for what was promised before in the old log, then in the new one. ``new`` gets what is left and found.

    How many were found, how many nobody can check here, and what is late. Raises ``Unavailable``.
    """
    ours: list[Promise] = []
    old: list[Promise] = []
    for one in kept.promises:
        (ours if is_signed(one, key) else old).append(one)
    checked, shown = 0, False
    if kept.key is not None:
        past = Kept(kept.key, kept.head, list(kept.earlier), [], old)
        with source.earlier(Verifier.parse(kept.key).name):
            found = check(source, past, now_ns, SECONDS, head=True)
        shown = not found.unanswered and not any(one.about_key for one in found.reproaches)
        if shown:
            checked, old = found.checked, found.left
            _add(new, found.reproaches)
    here = Kept(str(key), None, list(new.earlier), [], ours + old)
    found = check(source, here, now_ns, SECONDS)
    if found.unanswered:
        raise Unavailable(f"the gateway's log cannot be asked to its end: {found.unanswered}", subject=source.root)
    # Of an old log that is not shown, what the new one did not take up can never be told.
    lost = set() if shown else {one.value for one in old}
    broken = [one for one in found.reproaches if one.value not in lost]
    _add(new, broken)
    new.head, new.promises = here.head, [one for one in found.left if one.value not in lost]
    dropped = len(found.left) - len(new.promises) + len(found.reproaches) - len(broken)
    return checked + found.checked, dropped, [one for one in found.late if one.value not in lost]


def _add(new: Kept, reproaches: list[Reproach]) -> None:
    known = {one.identity for one in new.reproaches}
    new.reproaches += [one for one in reproaches if one.identity not in known]
