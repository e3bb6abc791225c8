"""R-13: of 1,000 hosts over both changes of the clock, is each missed backup alarmed once, and no honest host ever?"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from strongroom.fleet.protocol.calendars import Calendar
from strongroom.fleet.server.alerting.machine import Alerts, Said, Wrong, step
from strongroom.fleet.server.judging.deadlines import answered_by, deadlines_after
from strongroom.fleet.server.judging.states import Suspicion, WatchFacts, judge
from tests.support.fleet.server import moment

HOUR, DAY = 3600, 86400
TURN = 2 * HOUR
"""Between two turns of the evaluator here; the real one turns every ten seconds."""
HOSTS = 1000
DAYS = 16
SCHEDULES = [
    ("oncalendar", "*-*-* 02:30:00"),
    ("cron", "15 2 * * *"),
    ("oncalendar", "Mon..Fri 22:00"),
    ("every", "24h"),
]
JITTER = 1800


@dataclass
class SimulatedHost:
    """A host's schedule, when it is off (first and last second), and when its key shows up on a second machine."""

    name: str
    calendar: Calendar
    delay: int
    off: tuple[int, int] = (0, 0)
    cloned: int | None = None
    good: int | None = None
    answered: int = 0
    facts: WatchFacts = field(init=False)
    run_at: int | None = None

    def plan(self) -> None:
        """When it runs next: at its due date with its own delay, or when it is on again."""
        due = self.calendar.next_after(self.answered)
        assert due is not None
        at = due + self.delay
        self.run_at = self.off[1] + 600 if self.off[0] <= at < self.off[1] else at

    def judge_anew(self, since: int) -> None:
        """What the server knows after a backup."""
        found = deadlines_after(self.calendar, self.answered, JITTER)
        self.facts = WatchFacts(since, found, self.good)


def simulate(begins: int, seed: int) -> tuple[list[SimulatedHost], dict[str, list[tuple[int, Said, str, bool]]]]:
    """Hosts, and what was said of each: when, what about, which kind, whether critical."""
    chance = random.Random(seed)
    calendars = [Calendar(grammar, words, "Europe/Berlin") for grammar, words in SCHEDULES]
    hosts = []
    for number in range(HOSTS):
        host = SimulatedHost(f"host{number:04}", calendars[number % len(calendars)], chance.randrange(JITTER))
        host.answered = begins
        if chance.random() < 0.08:  # an outage, or a timer that died: hours to days, at any time
            first = begins + DAY + chance.randrange(9 * DAY)
            host.off = first, first + chance.choice((2 * HOUR, DAY, 3 * DAY, 5 * DAY))
        elif chance.random() < 0.01:
            host.cloned = begins + chance.randrange(DAYS * DAY)
        host.plan()
        host.judge_anew(begins)
        hosts.append(host)
    alerts, heard = Alerts(), dict[str, list[tuple[int, Said, str, bool]]]()
    for now in range(begins, begins + DAYS * DAY, TURN):
        wrong = []
        for host in hosts:
            while host.run_at is not None and host.run_at <= now:
                host.good = host.run_at + 300
                host.answered = max(host.answered, answered_by(host.calendar, host.good, begins))
                host.plan()
                host.judge_anew(begins)
            facts = host.facts
            if host.cloned is not None and host.cloned <= now:
                suspicion = Suspicion("cloned", host.cloned, "two machines")
                facts = WatchFacts(facts.since, facts.deadlines, facts.last_good, suspicions=(suspicion,))
            wrong += [
                Wrong(host.name, one.kind, host.name, one.critical, one.words) for one in judge(facts, now).conditions
            ]
        alerts, notices = step(alerts, wrong, HOSTS, now)
        for one in notices:
            heard.setdefault(one.alert.subject, []).append((now, one.said, one.alert.kind, one.alert.critical))
    return hosts, heard


def is_late(host: SimulatedHost, begins: int) -> bool:
    """By the plain words of the rule: whether from one backup to the next it took longer than it may."""
    first, last = host.off
    if not last:
        return False
    before = answered_by(host.calendar, first, begins) if host.calendar.every is None else _last_every(host, begins)
    run = host.calendar.next_after(before)
    assert run is not None
    if run + host.delay < first:  # it had answered that date already
        before = run
    found = deadlines_after(host.calendar, before, JITTER)
    due = found.due
    assert due is not None and found.late is not None
    at = last + 600 + 300 if first <= due + host.delay < last else due + host.delay + 300
    return -(-(found.late + 1 - begins) // TURN) * TURN + begins < at


def _last_every(host: SimulatedHost, begins: int) -> int:
    moment_of, answered = begins, begins
    while moment_of + DAY + host.delay < host.off[0]:
        answered = moment_of + DAY + host.delay + 300
        moment_of = answered
    return answered


def test_each_missed_backup_is_alarmed_once_and_no_honest_host_ever() -> None:
    """R-13: in spring and in autumn; critical is a clone or late twice over, and each ends when it is over."""
    for begins, seed in ((moment("2027-03-20T12:00"), 1), (moment("2027-10-23T12:00"), 2)):
        hosts, heard = simulate(begins, seed)
        late_hosts = [host for host in hosts if is_late(host, begins)]
        assert len(late_hosts) > 20
        for host in hosts:
            said = [(about, kind) for _, about, kind, _ in heard.get(host.name, []) if about is not Said.REMINDER]
            openings = said.count((Said.OPENED, "late"))
            assert openings == (1 if host in late_hosts else 0), (seed, host, said)
            assert said.count((Said.RESOLVED, "late")) == openings
            assert said.count((Said.OPENED, "cloned")) == (1 if host.cloned is not None else 0)
            if any(critical for *_, critical in heard.get(host.name, [])):
                assert host.cloned is not None or host.off[1] - host.off[0] >= 2 * DAY, host
