"""The judge's side of an executor on another machine: what it is told, and what it said last, all by signed messages.

Nothing here can remove, and nothing that is said here lets anything go: what the executor makes of it is decided by
what it saw itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Refused, Unavailable
from strongroom.base.record import field, mutable
from strongroom.custody.planned.orders import LIFETIME_NS, read_order
from strongroom.custody.two_machines.mailbox import (
    CONFIRMED,
    FORBID,
    FROM_EXECUTOR,
    OPEN_PLANS,
    PLAN,
    SET_ASIDE,
    TO_EXECUTOR,
    WORD,
    Mailbox,
    wrapped,
)
from strongroom.storage.repository_files import files_beside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.base.clock import Clock
    from strongroom.base.objects import ObjectName
    from strongroom.custody.planned.orders import SignedBytes
    from strongroom.custody.two_machines.mailbox import ExecutorMessage
    from strongroom.receipts.log.note import Signer, Verifier
    from strongroom.storage.contract import Store

AGAIN_NS = 20 * 3600 * 10**9
"""That the same plans are open is said again after so long: the executor wants to hear it on three days."""
SILENCE_NS = 3 * 24 * 3600 * 10**9
"""A report that is older says nothing of now."""
PATIENCE = 60.0
"""Seconds to wait for the answer of an executor that follows."""
_POLL = 1.0


@mutable
class RemoteRemovals:
    """What the executor says that it did; see ``executor.contract.Removals``."""

    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0


class RemoteExecutor:
    """An executor elsewhere, see ``executor.contract.Executing``. Methods raise the store's errors."""

    def __init__(
        self,
        store: Store,
        repository: str,
        store_url: str,
        signer: Signer,
        executor: Verifier,
        clock: Clock,
    ) -> None:
        """``store_url``: the place as plans name it. ``signer``: the judge's key; ``executor``: whose word counts.

        Raises ``Unsupported`` where there is no place for messages.
        """
        self._store = store
        self._about = (repository, store_url)
        self._signer = signer
        self._executor = executor
        self._clock = clock
        self._report: ExecutorMessage | None = None
        self._read = False
        files_beside(store)

    @property
    def newest(self) -> tuple[int, int]:
        """As the contract says, by its last report."""
        said = self._said()
        return _number(said.get("epoch")), _number(said.get("newest"))

    def look(self, orders: Iterable[SignedBytes]) -> list[str]:
        """Send the plans that it has not, and which are open; what it found wrong with those that it has."""
        self._read = False
        said = self._said()
        waiting = self._unheard()
        sent = set(_texts(said.get("plans_had")))
        sent |= {str(one.members.get("digest")) for one in waiting if one.what == PLAN}
        digests = []
        for signed in orders:
            digests.append(signed.digest)
            if signed.digest not in sent:
                number = read_order(signed, self._signer.verifier).number
                self._tell(PLAN, {"number": number, "digest": signed.digest, **wrapped(signed)})
        last = next((one for one in reversed(waiting) if one.what == OPEN_PLANS), None)
        named = _texts(said.get("open") if last is None else last.members.get("digests"))
        told_ns = _number(said.get("told_ns")) if last is None else last.at_ns
        now_ns = self._clock.now_ns()
        if sorted(named) != sorted(digests) or (digests and now_ns - told_ns >= AGAIN_NS):
            self._tell(OPEN_PLANS, {"digests": digests})
        return _texts(said.get("wrong"))

    def waits(self, number: int) -> str:
        """As the contract says, by its last report."""
        if self._report_now() is None:
            return "the executor on its own machine has said nothing yet"
        assert self._report is not None
        silent_ns = self._clock.now_ns() - self._report.at_ns
        if silent_ns > SILENCE_NS:
            return f"the executor on its own machine has said nothing for {silent_ns // (24 * 3600 * 10**9)} days"
        for message in self._unheard():
            fresh = self._clock.now_ns() - message.at_ns < LIFETIME_NS
            if message.what == CONFIRMED and message.members.get("number") == number and fresh:
                return self._no_answer(number)
        plans = self._said().get("plans")
        words = plans.get(str(number)) if isinstance(plans, dict) else None
        return words if isinstance(words, str) else "the executor on its own machine has not seen it yet"

    def forbid(self, number: int, why: str) -> None:
        """Tell it that a plan never goes: it hears that before any confirmation."""
        self._tell(FORBID, {"number": number, "why": why})

    def approve(self, number: int, who: str) -> None:
        """Nothing: beyond its bounds a plan goes by what is typed at its machine, or by operators' signed words."""

    def tell_word(self, signed: SignedBytes) -> None:
        """Pass on what an operator signed; it has a roster of its own."""
        self._tell(WORD, wrapped(signed))

    def set_aside(self, name: ObjectName) -> None:
        """As the contract says. Raises ``Refused`` where it does not, or says nothing."""
        answer = self._answer(self._tell(SET_ASIDE, {"name": str(name)}))
        if answer is None:
            raise Refused("the executor on its own machine has not answered", subject=str(name))
        if "refused" in answer:
            raise Refused(str(answer["refused"]), subject=str(name))

    def execute(self, signed: SignedBytes, confirmed: SignedBytes) -> RemoteRemovals:
        """Send the confirmation, and wait a while for what came of it. Raises ``Refused``; ``Unavailable`` where
        that is not known yet: it may still go within its hour, which the next round sees."""
        number = read_order(signed, self._signer.verifier).number
        said = {"number": number, "order": signed.digest, **wrapped(confirmed)}
        answer = self._answer(self._tell(CONFIRMED, said))
        if answer is None:
            raise Unavailable(self._no_answer(number))
        if "refused" in answer:
            raise Refused(str(answer["refused"]), subject=f"plan {number}")
        names = set(_texts(answer.get("removed")))
        failed = answer.get("failed")
        return RemoteRemovals(
            sorted(names),
            [(str(name), str(why)) for name, why in failed] if isinstance(failed, list) else [],
            _number(answer.get("left")),
        )

    # messages

    def _no_answer(self, number: int) -> str:
        """With what it said to an earlier confirmation of the same plan: where it runs now and then, that is all."""
        words = "is confirmed, and the executor on its own machine has not answered yet"
        answers = self._said().get("answers")
        of_plan = [
            (int(message), answer)
            for message, answer in (answers.items() if isinstance(answers, dict) else ())
            if message.isdecimal() and isinstance(answer, dict) and answer.get("number") == number
        ]
        failed = max(of_plan, key=lambda one: one[0])[1].get("failed") if of_plan else None
        if not isinstance(failed, list) or not failed:
            return words
        return f"{words}; the last time it said: " + "; ".join(": ".join(map(str, one)) for one in failed[:3])

    def _said(self) -> dict[str, Any]:
        report = self._report_now()
        return {} if report is None else report.members

    def _report_now(self) -> ExecutorMessage | None:
        if not self._read:
            box = Mailbox(files_beside(self._store), FROM_EXECUTOR, self._executor, *self._about)
            self._report, self._read = box.newest(), True
        return self._report

    def _unheard(self) -> list[ExecutorMessage]:
        return self._box().after(_number(self._said().get("heard")))

    def _box(self) -> Mailbox:
        return Mailbox(files_beside(self._store), TO_EXECUTOR, self._signer.verifier, *self._about)

    def _tell(self, what: str, members: dict[str, Any]) -> int:
        heard = _number(self._said().get("heard"))
        return self._box().write(what, members, self._clock.now_ns(), self._signer, after=heard).number

    def _answer(self, message: int) -> dict[str, Any] | None:
        """What came of a message; None where it is not known by now."""
        patience = PATIENCE if self._said().get("follows") is True else 0.0
        until = self._clock.monotonic() + patience
        while True:
            self._read = False
            answers = self._said().get("answers")
            found = answers.get(str(message)) if isinstance(answers, dict) else None
            if isinstance(found, dict):
                return found
            if self._clock.monotonic() >= until:
                return None
            self._clock.sleep(_POLL)


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
