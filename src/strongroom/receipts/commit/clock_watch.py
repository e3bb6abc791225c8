"""When the gateway's own clock is to be doubted: receipts then carry a flag, and the time that the clock said (T-1).

The clock is in doubt
* for an hour after it jumped: within one boot the wall clock and the time since boot move together, also when they are
  slewed, so a step shows in their difference. The difference is kept in the database by the boot's ID, so that a jump
  between two receipts is seen by every worker, and across restarts;
* for an hour after it was found earlier than the newest receipt, or than what the log last did;
* as long as a witness's time and ours differ by more than five minutes;
* as long as the kernel says that nobody keeps the clock (``adjtimex``), unless the operator has said that a hypervisor
  does.

After the hour the new time is what later steps are compared with: an honest correction must not mark receipts for
ever, and the jump itself stands in the log for good. Nothing is forced upwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.steady import SETTLE_NS, STEP_NS, since_boot_ns
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.log_state import read_state
from strongroom.receipts.log.leaf import LeafType, parse
from strongroom.receipts.log.note import parse_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.receipts.log.note import Verifier

WITNESS_NS = 300 * 10**9
LOOK_NS = 10**9
SAVE_NS = 5 * 10**8
"""What is believed is written down when it has changed by more."""
_NO_BOOT = "unknown"
LOOK_BACK = 256
_TIME_ERROR = 5


def kept_by_kernel() -> bool | None:
    """Whether the kernel says that somebody keeps the clock; None where it does not say."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = call((ctypes.c_long * 64)())  # struct timex, all zero: nothing is changed
    return None if state < 0 else state != _TIME_ERROR


def load_steady(database: Database, boot: str) -> int | None:
    """Count durations with what is believed on this boot, if any process has said so: the offset.

    Raises ``Unavailable``.
    """
    table = schema.clock_mark
    with database.read() as connection:
        found = connection.execute(sa.select(table.c.steady_ns).where(table.c.boot == (boot or _NO_BOOT))).scalar()
    if found is not None:
        database.steady.believe(int(found))
    return None if found is None else int(found)


class ClockWatch:
    """Watches one process's clock. ``look`` about once a second; ``suspect`` for each receipt."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        boot: str,
        *,
        since_boot: Callable[[], int] = since_boot_ns,
        kernel: Callable[[], bool | None] = kept_by_kernel,
        witness: Verifier | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._boot = boot or _NO_BOOT
        self._since_boot = since_boot
        self._kernel = kernel
        self._witness = witness
        self._guard = threading.Lock()
        self._offset: int | None = None
        self._doubted_until = 0
        self._reason = ""
        self._standing = ""
        self._newest = 0
        self._looked = 0
        self._cosigned: tuple[bytes, int] | None = None
        self._saved = load_steady(database, self._boot)
        self.look()

    def suspect(self, now_ns: int) -> str:
        """Why a receipt of this moment is to be flagged; empty when it is not."""
        boot_ns = self._since_boot()
        if boot_ns < self._doubted_until:
            return self._reason
        if self._offset is not None and abs(now_ns - boot_ns - self._offset) > STEP_NS:
            return _jumped(now_ns - boot_ns - self._offset)
        if now_ns < self._newest - STEP_NS:
            return _EARLIER
        self._newest = max(self._newest, now_ns)
        return self._standing

    def unsure(self, span_ns: int) -> str:
        """Why a difference of times of about ``span_ns`` until now is not to be relied on; empty when it is.

        Besides the present doubts, a jump within that span of real time counts: whoever turns the clock forwards must
        not make things old. Raises ``Unavailable``.
        """
        reason = self.look()
        if not reason and self._reason and self._since_boot() < self._doubted_until - SETTLE_NS + span_ns:
            reason = f"{self._reason} not long ago"
        return reason

    def look_if_due(self) -> None:
        """``look``, unless that was done within the last second. Raises ``Unavailable``."""
        if not self._looked <= self._since_boot() < self._looked + LOOK_NS:
            self.look()

    def look(self) -> str:
        """Compare the clock with all there is, note what is found, say why it is in doubt. Raises ``Unavailable``."""
        with self._guard:
            now_ns, boot_ns = self._clock.now_ns(), self._since_boot()
            offset = now_ns - boot_ns
            self._looked = boot_ns
            known, past = self._read()
            reason = ""
            if known is not None and abs(offset - known.offset_ns) > STEP_NS:
                reason = _jumped(offset - known.offset_ns)
            elif now_ns < max(past, self._newest) - STEP_NS and (known is None or boot_ns >= _until(known)):
                reason = _EARLIER
            if known is None or reason:
                self._note(offset, boot_ns, reason)
                known, _ = self._read()
                assert known is not None
            self._offset = known.offset_ns
            self._doubted_until, self._reason = _until(known), known.reason
            self._newest = now_ns if boot_ns < self._doubted_until else max(self._newest, past)
            self._standing = self._standing_doubt()
            self._save_steady()
            return self.suspect(now_ns)

    def _save_steady(self) -> None:
        """Let processes that are started on this boot count with what is believed here. Raises ``Unavailable``."""
        with self._database.read() as connection:
            self._database.now_ns(connection)
        believed = self._database.steady.offset_ns()
        if believed is not None and (self._saved is None or abs(believed - self._saved) > SAVE_NS):
            table = schema.clock_mark
            with self._database.write() as connection:
                connection.execute(table.update().where(table.c.boot == self._boot).values(steady_ns=believed))
            self._saved = believed

    def _read(self) -> tuple[sa.Row[tuple[object, ...]] | None, int]:
        """The mark of this boot, and the newest time in the log that was not doubted."""
        with self._database.read() as connection:
            known = connection.execute(
                sa.select(schema.clock_mark).where(schema.clock_mark.c.boot == self._boot)
            ).first()
            state = read_state(connection)
            past = max(state.stored_ns, state.cosigned_ns) if state is not None else 0
            self._witnessed(state.cosigned if state else None, state.cosigned_ns if state else 0)
            count = LOOK_BACK if self._newest == 0 else 1
            table = schema.leaf
            for data in connection.execute(sa.select(table.c.data).order_by(table.c.id.desc()).limit(count)).scalars():
                try:
                    receipt = parse(bytes(data))
                except (Damaged, LimitExceeded):
                    continue
                if receipt.type is not LeafType.ADOPTED and not receipt.suspect:
                    past = max(past, receipt.time_ns)
        return known, past

    def _note(self, offset: int, boot_ns: int, reason: str) -> None:
        """Write the mark. Another worker may have written the same."""
        text = (
            "INSERT INTO clock_mark (boot, offset_ns, doubted_ns, reason) VALUES (:boot, :offset, :doubted, :reason)"
            " ON CONFLICT (boot) DO UPDATE SET offset_ns = excluded.offset_ns, doubted_ns = excluded.doubted_ns,"
            " reason = excluded.reason"
        )
        doubted = boot_ns if reason else -SETTLE_NS
        with self._database.write() as connection:
            row = {"boot": self._boot, "offset": offset, "doubted": doubted, "reason": reason}
            connection.execute(sa.text(text), row)

    def _witnessed(self, cosigned: bytes | None, ours_ns: int) -> None:
        if cosigned is None or self._witness is None or (self._cosigned and self._cosigned[0] == cosigned):
            return
        theirs = None
        with contextlib.suppress(Damaged, LimitExceeded):  # another witness's, from before the settings changed
            theirs = self._witness.verify(parse_note(bytes(cosigned)))
        self._cosigned = (bytes(cosigned), 0 if theirs is None else ours_ns - theirs * 10**9)

    def _standing_doubt(self) -> str:
        if self._cosigned and abs(self._cosigned[1]) > WITNESS_NS:
            return f"the clock differs from the witness's by {self._cosigned[1] // 10**9} seconds"
        if self._kernel() is False:
            return "nobody keeps the clock: the kernel says that it is not synchronised"
        return ""


_EARLIER = "the clock is earlier than the newest receipt"


def _jumped(by_ns: int) -> str:
    return f"the clock jumped by {by_ns / 1e9:.0f} seconds"


def _until(row: sa.Row[tuple[object, ...]]) -> int:
    return int(row.doubted_ns) + SETTLE_NS
