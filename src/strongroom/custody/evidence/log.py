"""A round's part of the log: asked before the store is listed, held against it after."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.base.record import field, mutable
from strongroom.custody.evidence import pinning
from strongroom.custody.evidence.asking import LogDoubt, ask, ask_witness, countersigned
from strongroom.custody.evidence.comparing import compare, date_by_receipts, unlogged
from strongroom.custody.evidence.proofs import keep
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.planned.intents import brought_back_since
from strongroom.custody.schemas.evidence import pinned_log
from strongroom.receipts.log.note import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.base.objects import ObjectName
    from strongroom.custody.evidence.asking import Proven
    from strongroom.custody.evidence.outside import Outside
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.client.gateway_log import GatewayLog


@mutable
class LogFindings:
    """What a round found by the log. ``failure``: why it could not be asked; ``doubt``: why it is not believed."""

    receipts: int = 0
    failure: str = ""
    doubt: str = ""
    unlogged: list[str] = field(default_factory=list)
    only_in_log: list[str] = field(default_factory=list)
    waiting: frozenset[str] = frozenset()
    """New snapshots that have no receipt yet: judged once they have, or once a round has passed."""
    without: frozenset[str] = frozenset()
    """Snapshots that still have none."""


class LogRound:
    """The log of one repository, for one round. Nothing is asked where none is pinned."""

    def __init__(self, state: State, lease: Lease, adopted: Adopted, outside: Outside) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._outside = outside
        self.found = LogFindings()
        self.witness: tuple[str | None, int] | None = None
        """The witness's host, and how far its clock was ahead of ours when it countersigned in this round."""

    def sync(self) -> None:
        """Fetch what is new in the log. What it did wrong is an incident; that it does not answer is said."""
        row = pinning.pinned(self._state, self._adopted.id)
        if row is None or row.doubted:
            self.found.doubt = "" if row is None else "the log's word counts no more"
            return
        source = self._outside.open_log(row.url, self._outside.options)
        try:
            proven = ask(source, row)
            self._ask_witness(source, row, proven)
        except LogDoubt as doubt:
            self.found.doubt = str(doubt)
            self._note_doubt(str(doubt))
            return
        except Interrupted:
            raise
        except StrongroomError as problem:
            self.found.failure = problem.what
            self._note_failure(problem.what)
            return
        finally:
            source.close()
        self.found.receipts += len(proven.rows)
        with self._state.writing(self._lease) as connection:
            keep(connection, self._adopted.id, proven, self._state.clock.now_ns())

    def hold_against(self, fresh: Iterable[ObjectName], last_look_ns: int) -> None:
        """Date what is new by its receipts, and compare log and store.

        ``fresh``: what this round saw first, and the one at ``last_look_ns`` did not.
        """
        fresh = list(fresh)
        if fresh and self._is_believed() and self._lacks(fresh):
            self.sync()  # a receipt is in the log some seconds after its object is in the store
        if not self._is_believed():
            return
        state, now_ns = self._state, self._state.clock.now_ns()
        date_by_receipts(state, self._lease, self._adopted, fresh, last_look_ns, now_ns)
        with state.database.read() as connection:  # their receipts may be a moment behind as well
            back = brought_back_since(connection, self._adopted.id, last_look_ns)
        lately = [*fresh, *back]
        self.found.unlogged, self.found.only_in_log = compare(state, self._lease, self._adopted, lately, now_ns)
        new = {one.name for one in lately}
        with state.database.read() as connection:
            without = {name for kind, name in unlogged(connection, self._adopted.id) if kind == "snapshots"}
        self.found.waiting = frozenset(without & new)
        self.found.without = frozenset(without - new)

    def _is_believed(self) -> bool:
        return not self.found.failure and pinning.is_believed(pinning.pinned(self._state, self._adopted.id))

    def _lacks(self, fresh: list[ObjectName]) -> bool:
        names = {(one.kind.value, one.name) for one in fresh}
        with self._state.database.read() as connection:
            return bool(unlogged(connection, self._adopted.id) & names)

    def _ask_witness(self, source: GatewayLog, row: Any, proven: Proven) -> None:
        if not row.witness or proven.head is None:
            return
        verifier, key = Verifier.parse(row.witness_key), Verifier.parse(row.key)
        earlier = countersigned(source, verifier, key)
        if earlier is not None:
            proven.witnessed.append(earlier)
        client = self._outside.open_witness(row.witness, verifier)
        problem = ""
        with contextlib.closing(client):
            try:
                ask_witness(source, client, key, proven)
                now_ns = self._state.clock.now_ns()
                asked = [at_ns for size, at_ns in proven.witnessed if size == proven.head.size]
                if asked:
                    self.witness = urlsplit(row.witness).hostname, max(asked) - now_ns
            except StrongroomError as error:
                problem = error.what
        with self._state.writing(self._lease) as connection:
            now_ns = self._state.clock.now_ns()
            if problem:
                open_incident(connection, self._adopted.id, Code.WITNESS, pinning.WITNESS, problem, now_ns)
            else:
                close_incident(connection, self._adopted.id, Code.WITNESS, pinning.WITNESS, now_ns)

    def _note_doubt(self, words: str) -> None:
        with self._state.writing(self._lease) as connection:
            here = pinned_log.c.repository == self._adopted.id
            connection.execute(pinned_log.update().where(here).values(doubted=1, failure=words))
            open_incident(connection, self._adopted.id, Code.LOG, pinning.LOG, words, self._state.clock.now_ns())

    def _note_failure(self, words: str) -> None:
        with self._state.writing(self._lease) as connection:
            here = pinned_log.c.repository == self._adopted.id
            connection.execute(pinned_log.update().where(here).values(failure=words))
