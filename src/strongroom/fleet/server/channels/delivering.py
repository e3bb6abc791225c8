"""Handing notices to channels: each once to each, in order, again with back-off where a channel fails.

A channel carries nothing until somebody typed the code of its test message. One that has failed for an hour is itself
something that is wrong, which the others say. While all of it works, the ping channels are pinged hourly: who watches
those hears of a server that died.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Missing, Refused, StrongroomError
from strongroom.base.server_log import LOG
from strongroom.fleet.server.alerting.book import newest_notice
from strongroom.fleet.server.alerting.routing import WINDOW, terms_of, weekly_after
from strongroom.fleet.server.channels import run_pings
from strongroom.fleet.server.channels.kinds import PINGS, ChannelMessage, check_settings, send
from strongroom.fleet.server.channels.messages import in_messages, routed
from strongroom.fleet.server.channels.week import carries_weeks, week_message
from strongroom.fleet.server.channels.work import ChannelWork
from strongroom.fleet.server.following.clocks import clock_doubt
from strongroom.fleet.server.following.follower import troubled_logs
from strongroom.fleet.server.following.silent_channels import UNPROVEN
from strongroom.fleet.server.schemas import alerting as schema
from strongroom.fleet.server.sealing import CHANGED, is_sealed, seal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from strongroom.fleet.server.state import FleetState

BACKOFF = (60, 300, 900, 3600)
"""Seconds until a message that failed is tried again; the last counts for all further ones."""
PING_SECONDS = 3600
LONGEST_WAIT = 2 * 86400
"""Nothing waits so long, not for quiet hours either: what is due later was written by a clock that was ahead."""
TURN_SECONDS = 5.0
LONGEST_SECONDS = 120
"""A channel that is at its messages for so long counts as one that fails."""
_ENDING_SECONDS = 3.0


def add_channel(state: FleetState, name: str, kind: str, settings: Mapping[str, str]) -> None:
    """Make a channel, which carries nothing yet. Raises ``ConfigurationError``."""
    check_settings(kind, settings)
    terms_of(settings)
    with state.database.write() as connection:
        table = schema.channel
        if connection.execute(sa.select(table.c.name).where(table.c.name == name)).first() is not None:
            raise ConfigurationError("there is a channel of this name already", subject=name)
        row = {"name": name, "kind": kind, "settings": json.dumps(dict(settings)), "code_sha256": ""}
        row["trouble"] = f"{state.now()} {UNPROVEN}"
        row["seal"] = seal_of(state.channels_key, name, kind, row["settings"])
        connection.execute(table.insert(), row | {"sent_to": newest_notice(connection)})


def remove_channel(state: FleetState, name: str) -> None:
    """Take it away with what it had not said yet. Raises ``Missing``."""
    with state.database.write() as connection:
        table = schema.channel
        if not connection.execute(table.delete().where(table.c.name == name)).rowcount:
            raise Missing("there is no channel of this name", subject=name)
        connection.execute(schema.delivery.delete().where(schema.delivery.c.channel == name))


def send_test(state: FleetState, name: str) -> None:
    """Send a message with a code, which is to be typed back. Raises ``Missing``, ``Unavailable``, …"""
    code = f"{secrets.randbelow(10**6):06}"
    row = channel_of(state, name)
    if not is_sealed(state.channels_key, row):
        raise Refused(CHANGED, subject=name)
    body = (
        f"This is a test of the fleet server's channel {name}.\n\nType: strongroom fleet channels prove {name} {code}\n"
    )
    facts = {"test": True, "code": code} | ({"event": run_pings.LOG_ONLY} if run_pings.is_of_runs(row) else {})
    send(
        row.kind,
        json.loads(row.settings),
        ChannelMessage(f"Strongroom: test, code {code}", body, False, facts),
        state.now(),
    )
    with state.database.write() as connection:
        values = {"code_sha256": _hash(name, code)}
        connection.execute(schema.channel.update().where(schema.channel.c.name == name).values(**values))


def prove_channel(state: FleetState, name: str, code: str) -> None:
    """Somebody has read the test message: from now on it carries what is said. Raises ``Missing`` or ``Refused``."""
    row = channel_of(state, name)
    if not row.code_sha256 or row.code_sha256 != _hash(name, code.strip()):
        hint = f"`strongroom fleet channels test {name}` sends a new one."
        with state.database.write() as connection:  # one try a code: six digits are few
            connection.execute(schema.channel.update().where(schema.channel.c.name == name).values(code_sha256=""))
        raise Refused("this is not the code of its last test message", subject=name, hint=hint)
    with state.database.write() as connection:
        newest = state.now() if run_pings.is_of_runs(row) else newest_notice(connection)
        values = {"proven": state.now(), "code_sha256": "", "trouble": "", "sent_to": newest}
        connection.execute(schema.channel.update().where(schema.channel.c.name == name).values(**values))


def channel_of(state: FleetState, name: str) -> Any:
    """A channel by its name. Raises ``Missing``."""
    with state.database.read() as connection:
        row = connection.execute(sa.select(schema.channel).where(schema.channel.c.name == name)).one_or_none()
    if row is None:
        raise Missing(
            "there is no channel of this name", subject=name, hint="`strongroom fleet channels list` has them."
        )
    return row


def _hash(name: str, code: str) -> str:
    return hashlib.sha256(f"{name}\0{code}".encode()).hexdigest()


class Deliverer:
    """Sends in turns while ``leads`` says that this process is the one that judges; each channel in its own thread, so
    that one which hangs delays no other."""

    def __init__(self, state: FleetState, leads: Callable[[], bool]) -> None:
        self._state = state
        self._leads = leads
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._pinged: dict[str, int] = {}
        self._tried: dict[str, int] = {}
        """When the numbers of a week were last tried to be sent."""
        self._working: dict[str, ChannelWork] = {}
        """Channels that are carrying now, or were in the last turn."""

    def turn(self) -> int:
        """Hand on what is due, and wait for it; how many messages went out. Raises ``Unavailable`` when the database is
        away."""
        pings = self._begin()
        lanes = list(self._working.values())
        for lane in lanes:
            lane.thread.join()
        self._begin_pings(pings)
        for lane in self._working.values():
            lane.thread.join()
        return sum(one.sent for one in {id(one): one for one in (*lanes, *self._working.values())}.values())

    def _begin(self) -> list[Any]:
        """Begin with each channel that is not at it still; the channels to ping."""
        self._working = {name: lane for name, lane in self._working.items() if lane.thread.is_alive()}
        if not self._leads():
            return []
        now = self._state.now()
        for name, lane in self._working.items():
            if now - lane.begun > LONGEST_SECONDS:
                self._note_hanging(name, now)
        with self._state.database.write() as connection:
            proven = [row for row in connection.execute(sa.select(schema.channel)) if row.proven is not None]
            sealed = [row for row in proven if is_sealed(self._state.channels_key, row)]
            channels = [row for row in sealed if routed(connection, row, now)]
        for row in channels:
            if (work := self._work_of(row)) is not None:
                self._begin_lane(row, work, now)
        carrying = [row.name for row in channels if row.kind not in PINGS]
        return [row for row in channels if self._work_of(row) is None] if carrying else []

    def _work_of(self, row: Any) -> Callable[[Any, int], int] | None:
        """What a channel does at each turn; None for one that says that all is well."""
        return self._carry if row.kind not in PINGS else self._ping_runs if run_pings.is_of_runs(row) else None

    def _begin_pings(self, pings: Sequence[Any]) -> None:
        """Say that all is well, where a proven channel carries, every log is read, and no other clock differs."""
        if pings and self._carries() and self._sees():
            now = self._state.now()
            for row in pings:
                self._begin_lane(row, self._ping, now)

    def _begin_lane(self, row: Any, work: Callable[[Any, int], int], now: int) -> None:
        if row.name not in self._working:
            self._working[row.name] = ChannelWork(row.name, lambda: work(row, now), now)

    def _carries(self) -> bool:
        """Whether a channel works that people read."""
        table = schema.channel
        query = sa.select(table).where(table.c.proven.is_not(None), table.c.trouble == "")
        with self._state.database.read() as connection:
            rows = connection.execute(query).all()
        return any(row.kind not in PINGS and is_sealed(self._state.channels_key, row) for row in rows)

    def _sees(self) -> bool:
        """Whether what is judged is as new as it should be."""
        now = self._state.now()
        with self._state.database.read() as connection:
            return not troubled_logs(connection, now) and clock_doubt(connection, now) is None

    def _note_hanging(self, name: str, now: int) -> None:
        """What takes too long is a channel that fails, whatever becomes of it; its thread is not waited for."""
        table = schema.channel
        words = f"{now} no answer within {LONGEST_SECONDS} seconds"
        with self._state.database.write() as connection:
            where = table.c.name == name, table.c.trouble == ""
            if connection.execute(table.update().where(*where).values(trouble=words)).rowcount:
                LOG.warning(f"the channel {name} hangs")

    def _ping(self, row: Any, now: int) -> int:
        if 0 <= now - self._pinged.get(row.name, 0) < PING_SECONDS:
            return 0
        if self._say(row, ChannelMessage("all is well", "all is well\n", False, {}), now):
            self._pinged[row.name] = now
            return 1
        self._pinged[row.name] = now - PING_SECONDS + BACKOFF[0]  # one hiccup outside is no reason for an alarm there
        return 0

    def _ping_runs(self, row: Any, now: int) -> int:
        with self._state.database.read() as connection:
            waiting = run_pings.waiting_runs(connection, row, now)
        return self._say_all(row, [(run_pings.run_message(one, now), [one]) for one in waiting], now)

    def _carry(self, row: Any, now: int) -> int:
        return self._deliver(row, now) + self._week(row, now)

    def _deliver(self, row: Any, now: int) -> int:
        table = schema.delivery
        with self._state.database.read() as connection:
            mine = table.c.channel == row.name
            lately = table.c.done.between(now - WINDOW + 1, now)
            is_due = sa.or_(table.c.due <= now, table.c.due > now + LONGEST_WAIT)
            recent = sa.select(sa.func.count(), sa.func.max(table.c.done)).where(mine, lately, table.c.attempts >= 0)
            due = sa.select(table).where(mine, table.c.done.is_(None), is_due).order_by(table.c.number)
            waiting = connection.execute(due.limit(5000)).all()
            sent_lately, last = connection.execute(recent).one()
        single, summary = in_messages(waiting, sent_lately, now - (last or 0))
        return self._say_all(row, (*single, *summary), now)

    def _say_all(self, row: Any, messages: Sequence[tuple[ChannelMessage, Sequence[Any]]], now: int) -> int:
        """Say one after the other until one fails; how many went out."""
        for sent, (message, rows) in enumerate(messages):
            if not self._say(row, message, now, rows):
                return sent
        return len(messages)

    def _week(self, row: Any, now: int) -> int:
        """Hand on the numbers of a week, once each Monday: their absence is an alarm as well. 1 when they went out."""
        begins = row.proven if row.weekly is None or row.weekly > now else row.weekly
        settings = json.loads(row.settings)
        if not carries_weeks(row.kind, settings) or now < weekly_after(begins, terms_of(settings).zone):
            return 0
        if 0 <= now - self._tried.get(row.name, 0) < BACKOFF[0]:
            return 0
        self._tried[row.name] = now
        if not self._say(row, week_message(self._state, row.name, now), now):
            return 0
        with self._state.database.write() as connection:
            connection.execute(schema.channel.update().where(schema.channel.c.name == row.name).values(weekly=now))
        return 1

    def _say(self, row: Any, message: ChannelMessage, now: int, about: Sequence[Any] = ()) -> bool:
        """Whether it went out; written down either way."""
        table, trouble = schema.delivery, ""
        try:
            send(row.kind, json.loads(row.settings), message, now)
        except StrongroomError as error:
            trouble = f"{now} {error.what}"
            LOG.warning(f"the channel {row.name} failed: {error.what}")
        with self._state.database.write() as connection:
            for position, one in enumerate(about):
                where = table.c.channel == row.name, table.c.number == one.number
                if trouble:
                    pause = BACKOFF[min(one.attempts, len(BACKOFF) - 1)]
                    values: dict[str, Any] = {"attempts": one.attempts + 1, "due": now + pause}
                else:  # of a summary one row counts as the message
                    values = {"done": now} | ({"attempts": -1} if position else {})
                connection.execute(table.update().where(*where).values(**values))
            before = str(row.trouble)
            kept = before if trouble and before else trouble
            connection.execute(schema.channel.update().where(schema.channel.c.name == row.name).values(trouble=kept))
        return not trouble

    def start(self) -> None:
        """Turn in a thread of its own until ``close``."""
        self._thread = threading.Thread(target=self._run, name="deliverer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(TURN_SECONDS):
            try:
                self._begin_pings(self._begin())
            except Exception as error:  # a fault must not end the messages: the next turn is tried
                LOG.error(f"nothing was sent: {error!r}")

    def close(self) -> None:
        """End after the messages that are on their way; those that hang are not waited for. Idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for lane in self._working.values():
            lane.thread.join(_ENDING_SECONDS)
