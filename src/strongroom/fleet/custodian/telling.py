"""Telling the fleet's server what the custodian knows, in statements that are numbered and signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Damaged, StrongroomError
from strongroom.base.record import record
from strongroom.base.redact import redact
from strongroom.custody.schemas import telling as schema
from strongroom.fleet.custodian.stating import packed, pieces
from strongroom.fleet.protocol.signed import sign_with
from strongroom.fleet.protocol.statement import STATEMENT, Statement, parse_statement_answer
from strongroom.fleet.protocol.strict_json import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import State
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.fleet.protocol.statement import StatedRepository, StatementAnswer
    from strongroom.receipts.log.note import Signer

STATEMENTS = "/custodian/v1/statements"
EVERY = 300
"""Seconds between two statements of one that follows."""
DAILY = 26 * 3600
"""Within so many seconds the next one comes where rounds alone tell: a daily timer with two hours to spare."""
_NANO = 1_000_000_000
_LARGEST = 1 << 62


@record
class ToldServer:
    """How it stands with the server. ``taken_ns``: when it last took a statement; ``trouble``: why not since."""

    url: str
    pin: str
    taken_ns: int | None
    followed_ns: int | None
    trouble: str
    gateway: str
    """Where keys of hosts that join are opened, with our name and token; empty for nowhere."""
    log_key: str
    adopts: bool
    """Whether what was opened comes into care."""


@record
class ToldCount:
    """What one turn told: repositories, and snapshots whose verdict was news."""

    repositories: int
    snapshots: int


def told_server(state: State) -> ToldServer | None:
    """The server that is told; None where there is none."""
    row = _row(state)
    if row is None:
        return None
    return ToldServer(
        row.url, row.pin, row.taken_ns, row.followed_ns, row.trouble, row.gateway, row.log_key, bool(row.adopts)
    )


def _row(state: State) -> Any:
    with state.database.read() as connection:
        return connection.execute(sa.select(schema.server)).one_or_none()


def tell_server(state: State, url: str, pin: str, who: str) -> None:
    """Tell this server from now on, and no other: one that is new hears all from the beginning."""
    table = schema.server
    row = _row(state)
    if row is not None and (row.url, row.pin) == (url, pin):
        return
    with state.database.write() as connection:
        if row is None or row.url != url:
            number = 0 if row is None else row.number
            connection.execute(table.delete())
            connection.execute(schema.told.delete())
            values = {"url": url, "pin": pin, "number": number, "taken": 0, "trouble": ""}
            connection.execute(table.insert(), values)
        else:
            connection.execute(table.update().values(pin=pin))
        state.record(connection, who, "", "tells another fleet server", url)


def open_keys_at(state: State, gateway: str, log_key: str, who: str, *, adopts: bool = False) -> None:
    """Open keys of hosts that join, at this gateway from now on; with ``adopts`` their repositories come into care.

    Raises ``ConfigurationError`` without a server.
    """
    if told_server(state) is None:
        raise ConfigurationError("no fleet server is told", hint="Name it as well: --server URL --pin PIN.")
    with state.database.write() as connection:
        connection.execute(schema.server.update().values(gateway=gateway, log_key=log_key, adopts=int(adopts)))
        state.record(connection, who, "", "opens keys of hosts that join", redact(gateway))


class CustodianLink:
    """The custodian's line to its server. ``post`` sends a message to a path and gives the answer's body."""

    def __init__(self, state: State, signer: Signer, post: Callable[[str, SignedMessage], bytes]) -> None:
        self._state = state
        self._signer = signer
        self._post = post

    def tell(self, *, following: bool) -> ToldCount:
        """State all that the server has not heard of. ``following``: whether the next comes in five minutes.

        Raises what ``post`` raises, ``Damaged`` for an answer that cannot be read, ``ConfigurationError`` without a
        server; that it failed is kept with the state.
        """
        try:
            return self._tell(following=following)
        except StrongroomError as error:
            with self._state.database.write() as connection:
                connection.execute(schema.server.update().values(trouble=str(error).splitlines()[0][:300]))
            raise

    def _tell(self, *, following: bool) -> ToldCount:
        state = self._state
        now_ns = state.clock.now_ns()
        if following:
            with state.database.write() as connection:
                connection.execute(schema.server.update().values(followed_ns=now_ns))
        repositories: set[str] = set()
        snapshots = 0
        for attempt in range(2):
            again = False
            for about in packed(pieces(state, now_ns)):
                if self._missed(about):
                    again = True
                    break
                repositories |= {one.id for one in about}
                snapshots += sum(len(one.snapshots) for one in about)
            if not again:
                return ToldCount(len(repositories), snapshots)
            if attempt:
                break
        raise Damaged("the server does not count statements as they were sent to it")

    def _missed(self, about: tuple[StatedRepository, ...]) -> bool:
        """Send one statement. Whether the server had missed some before, so that all has to be said again."""
        state = self._state
        table = schema.server
        now_ns = state.clock.now_ns()
        with state.database.write() as connection:  # the number is spent before it is sent: no two have the same
            row = connection.execute(sa.select(table)).one_or_none()
            if row is None:
                hint = "`strongroom custody follow --server URL --pin PIN` names one."
                raise ConfigurationError("no fleet server is told", hint=hint)
            number = row.number + 1
            connection.execute(table.update().values(number=number))
        now = now_ns // _NANO
        followed = row.followed_ns is not None and now_ns - row.followed_ns < 3 * EVERY * _NANO
        statement = Statement(number, now, about, now + (EVERY if followed else DAILY))
        message = sign_with(
            self._signer.sign_bytes, self._signer.verifier.public, STATEMENT, encode(statement.to_document())
        )
        answer = parse_statement_answer(self._post(STATEMENTS, message))
        return self._confirmed(answer, number, about, now_ns)

    def _confirmed(
        self, answer: StatementAnswer, number: int, about: tuple[StatedRepository, ...], now_ns: int
    ) -> bool:
        table, told = schema.server, schema.told
        with self._state.database.write() as connection:
            row = connection.execute(sa.select(table)).one()
            if answer.number != number and answer.number < _LARGEST:
                # It has heard a later one than this state knows of: the state is an older copy. It goes on after that.
                connection.execute(table.update().values(number=max(row.number, answer.number), taken=answer.number))
                connection.execute(told.delete())
                return True
            if answer.number != number:
                raise Damaged("the server names a number that no custodian has reached")
            lost: bool = answer.before != row.taken
            connection.execute(table.update().values(taken=number, taken_ns=now_ns, trouble=""))
            if lost:  # it is another database, or an older copy: it knows less than we believe
                connection.execute(told.delete())
            for one in about:
                names = [snapshot.id for snapshot in one.snapshots]
                here = told.c.repository == one.id, told.c.snapshot.in_(names)
                connection.execute(told.delete().where(*here))
                rows = [{"repository": one.id, "snapshot": s.id, "verdict": s.verdict} for s in one.snapshots]
                if rows:
                    connection.execute(told.insert(), rows)
            return lost
