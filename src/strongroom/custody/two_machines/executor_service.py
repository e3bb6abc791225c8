"""The executor's side on a machine of its own: it takes in what the judge says, acts on what holds, and reports.

It decrypts nothing. A plan counts as seen on the days on which a message of the judge's named it as open; all else is
the executor's own (``custody/executor/execute.py``): its first sight, its holds, its bounds, its roster of operators.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import (
    Damaged,
    LimitExceeded,
    Refused,
    StoreError,
    StrongroomError,
    Unavailable,
    Unsupported,
)
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.base.record import field, mutable
from strongroom.custody.executor.aside import TRUE_TO_NAME, WELL_FORMED
from strongroom.custody.executor.operators import Operators
from strongroom.custody.planned.orders import read_order
from strongroom.custody.two_machines.mailbox import (
    CONFIRMED,
    FORBID,
    FROM_EXECUTOR,
    OPEN_PLANS,
    PLAN,
    REPORT,
    SET_ASIDE,
    TO_EXECUTOR,
    WORD,
    Mailbox,
    unwrapped,
)
from strongroom.receipts.log.note import Verifier
from strongroom.storage.repository_files import files_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.executor.execute import Executor
    from strongroom.custody.executor.records import Records
    from strongroom.custody.two_machines.executor_book import ExecutorBook, ExecutorPlace
    from strongroom.custody.two_machines.mailbox import ExecutorMessage
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store

AGAIN_NS = 20 * 3600 * 10**9
"""A report that says the same is written again after so long, so that silence is told from it."""
LOOK_NS = 3600 * 10**9
"""The store is listed so often while nothing is said: a first sight is no later."""
KEPT = 100
"""So many messages stay, each way; older ones are tidied away."""
_WORDS = 300
_MENDED = [kind.value for kind in (Kind.DATA, Kind.INDEX, Kind.SNAPSHOT, Kind.KEY)]
"""What is set aside for the right bytes: each kind that a name vouches for, but for locks."""
_AHEAD_NS = 5 * 60 * 10**9


@mutable
class Served:
    """What a run did: names that went, by plan; what was refused; what is wrong with plans and words, each in words."""

    removed: list[tuple[int, str]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    messages: int = 0


class ExecutorService:
    """For one repository. ``tidy`` removes a message by its path; ``follows``: whether runs come some seconds apart."""

    def __init__(
        self,
        place: ExecutorPlace,
        book: ExecutorBook,
        records: Records,
        executor: Executor,
        store: Store,
        signer: Signer,
        tidy: Callable[[str], None],
        *,
        follows: bool = False,
    ) -> None:
        self._place = place
        self._book = book
        self._records = records
        self._executor = executor
        self._store = store
        self._signer = signer
        self._tidy = tidy
        self._follows = follows
        self._judge = Verifier.parse(place.judge)
        self._heard = place.heard
        self._looked_ns: int | None = None
        self._said: dict[str, Any] | None = None
        self._said_ns = 0
        self._passed: dict[str, set[str]] = {TO_EXECUTOR: set(), FROM_EXECUTOR: set()}

    def run(self) -> Served:
        """Take in what was said, do what holds, and report. Killed anywhere, it is run again. Raises store errors."""
        found = Served()
        now_ns = self._records.clock.now_ns()
        about = (self._place.repository, self._place.known_as)
        inbox = Mailbox(files_beside(self._store), TO_EXECUTOR, self._judge, *about, self._passed[TO_EXECUTOR])
        messages = inbox.after(self._heard)
        ours = self._signer.verifier
        reports = Mailbox(files_beside(self._store), FROM_EXECUTOR, ours, *about, self._passed[FROM_EXECUTOR])
        if self._said is None and (last := reports.newest()) is not None:
            self._said, self._said_ns = last.members, last.at_ns
        found.messages = len(messages)
        for message in messages:
            self._take_in(message, found)
        named = [one for one in messages if one.what == OPEN_PLANS]
        if messages or self._looked_ns is None or now_ns - self._looked_ns >= LOOK_NS:
            plans = self._book.plans(self._place.repository).values() if named else ()
            found.wrong += self._executor.look(plans)
            self._looked_ns = now_ns
        self._approve_by_words()
        for message in messages:
            self._act(message, found)
        if messages:
            self._heard = messages[-1].number
            self._book.heard(self._place.repository, self._heard)
        self._report(reports, named[-1] if named else None, found)
        return found

    # taking in

    def _take_in(self, message: ExecutorMessage, found: Served) -> None:
        """What changes what is known, and lets nothing go. What is no such thing is said, and stops nothing."""
        members, repository = message.members, self._place.repository
        try:
            if message.what == PLAN:
                signed = unwrapped(members)
                self._book.take(repository, read_order(signed, self._judge).number, signed)
            elif message.what == OPEN_PLANS:
                self._book.set_open(repository, [str(one) for one in members.get("digests") or ()])
            elif message.what == FORBID:
                number = members.get("number")
                if type(number) is not int or not 0 < number < 1 << 62:
                    raise Damaged("forbids no plan")
                self._executor.forbid(number, _printable(members.get("why")))
            elif message.what == WORD:
                Operators(self._records).hear(repository, self._place.known_as, unwrapped(members))
        except (Damaged, Refused, TypeError) as problem:
            found.wrong.append(f"message {message.number}: {problem}")

    def _approve_by_words(self) -> None:
        """A plan that as many operators signed as must is approved here as well."""
        repository = self._place.repository
        known = self._records.known(repository)
        if known is None or not known.operators:
            return
        for number in self._book.plans(repository):
            seen = self._records.sighting(repository, number)
            if seen is not None and not seen.approved:
                with contextlib.suppress(Refused):
                    self._executor.approve(number, "operators by their signatures")

    # acting

    def _act(self, message: ExecutorMessage, found: Served) -> None:
        """What removes, each once: a confirmation is good for its hour, and so is a wish to set aside."""
        if message.what not in (CONFIRMED, SET_ASIDE):
            return
        try:
            answer = self._execute(message, found) if message.what == CONFIRMED else self._set_aside(message)
        except Unavailable:  # nothing was said: it is tried again
            raise
        except StrongroomError as problem:
            answer = {"refused": str(problem).replace("\n", " ")}
            number = message.members.get("number")
            found.refused.append((number if type(number) is int else 0, answer["refused"]))
        now_ns = self._records.clock.now_ns()
        self._book.answered(self._place.repository, message.number, now_ns, answer)

    def _execute(self, message: ExecutorMessage, found: Served) -> dict[str, Any]:
        plans = self._book.plans(self._place.repository)
        number, digest = message.members.get("number"), message.members.get("order")
        signed = plans.get(number) if type(number) is int else None
        if signed is None or signed.digest != digest:
            raise Refused("the executor has no such open plan", subject=f"plan {number}")
        report = self._executor.execute(signed, unwrapped(message.members))
        found.removed += [(int(number or 0), name) for name in report.removed]
        failed = [(name, self._with_advice(int(number or 0), why)) for name, why in report.failed]
        found.refused += [(int(number or 0), f"{name}: {why}") for name, why in failed]
        answer = {"removed": report.removed, "failed": [list(one) for one in failed], "left": report.left}
        return answer | {"number": number}

    def _with_advice(self, number: int, why: str) -> str:
        """What an operator says at this machine, where no one else's word is enough."""
        if why not in (TRUE_TO_NAME, WELL_FORMED):
            return why
        return f"{why}, by `strongroom custody executor approve {self._place.name} {number}` on the executor's machine"

    def _set_aside(self, message: ExecutorMessage) -> dict[str, Any]:
        kind, _, rest = str(message.members.get("name")).partition("/")
        if kind not in _MENDED or not is_object_name(rest):
            raise Damaged("wishes to set aside what is no object")
        if not -_AHEAD_NS <= self._records.clock.now_ns() - message.at_ns < LOOK_NS:
            raise Refused("the wish is older than an hour", subject=f"{kind}/{rest}")
        self._executor.set_aside(ObjectName(Kind(kind), rest))
        return {"done": True}

    # reporting

    def _report(self, reports: Mailbox, named: ExecutorMessage | None, found: Served) -> None:
        repository, before = self._place.repository, self._said or {}
        epoch, newest = self._executor.newest
        plans = self._book.plans(repository)
        members = {
            "heard": self._heard,
            "epoch": epoch,
            "newest": newest,
            "plans": {str(number): self._executor.waits(number) for number in plans},
            "plans_had": sorted(one.digest for one in self._book.plans(repository, all_states=True).values()),
            "open": sorted(one.digest for one in plans.values()),
            "told_ns": before.get("told_ns", 0) if named is None else named.at_ns,
            "wrong": found.wrong if found.messages else before.get("wrong", []),
            "answers": self._book.answers(repository),
            "follows": self._follows,
        }
        now_ns = self._records.clock.now_ns()
        if members == self._said and 0 <= now_ns - self._said_ns < AGAIN_NS:
            return
        made = reports.write(REPORT, members, now_ns, self._signer)
        self._said, self._said_ns = members, now_ns
        self._tidy_away(FROM_EXECUTOR, made.number - KEPT)
        self._tidy_away(TO_EXECUTOR, self._heard - KEPT)

    def _tidy_away(self, folder: str, until: int) -> None:
        """Remove messages of both sides up to a number; where that is not to be, they stay."""
        if until <= 0:
            return
        names = files_beside(self._store).names(folder)
        with contextlib.suppress(StoreError, Unsupported, LimitExceeded):
            for name in sorted(name for name in names if name.isdecimal() and int(name) <= until)[:1000]:
                self._tidy(f"{folder}/{name}")


def _printable(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_WORDS]) or "the judge says so"
