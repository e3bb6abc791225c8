"""M-5: do as few messages as possible tell everything, and does no noise hide a suspicion?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.fleet.server.alerting.machine import DAY, HOUR, OUTAGE, Alerts, Said, Wrong, step

Heard = list[tuple[int, str, str, str]]
"""When, what about, kind, subject."""


def late(host: str, critical: bool = False) -> Wrong:
    """A host that is late."""
    return Wrong(f"{host}/home/offsite", "late", host, critical, "late")


def play(turns: list[tuple[int, list[Wrong]]], hosts: int = 100) -> Heard:
    """What is said when this is wrong at these times, in seconds."""
    alerts, heard = Alerts(), []
    for now, wrong in turns:
        alerts, notices = step(alerts, wrong, hosts, now)
        heard += [(now, one.said.value, one.alert.kind, one.alert.subject) for one in notices]
        again, more = step(alerts, wrong, hosts, now)
        assert again == alerts and more == []  # the same turn again says nothing
    return heard


def test_opened_worse_and_resolved_once() -> None:
    """Whatever is the same is said once."""
    one = "web01/home/offsite"
    heard = play([(0, [late("web01")]), (60, [late("web01")]), (120, [late("web01", True)]), (180, []), (240, [])])
    assert heard == [(0, "opened", "late", one), (120, "worse", "late", one), (180, "resolved", "late", one)]


def test_reminders_daily_or_weekly() -> None:
    """Critical ones each day, warnings each week."""
    for critical, pause in ((True, DAY), (False, 7 * DAY)):
        heard = play([(at, [late("web01", critical)]) for at in range(0, 15 * DAY, HOUR)])
        assert [at for at, said, _, _ in heard if said == "reminder"] == list(range(pause, 15 * DAY, pause))


def test_an_outage_is_one_message_and_one_when_it_is_over() -> None:
    """300 hosts of 1,000 within an hour: one word, and one when the last of them is back."""
    down = [late(f"host{number}") for number in range(300)]
    turns = [(0, []), (60, down), (3 * HOUR, down), (4 * HOUR, down[:1]), (5 * HOUR, [])]
    assert play(turns, 1000) == [(60, "opened", OUTAGE, OUTAGE), (5 * HOUR, "resolved", OUTAGE, OUTAGE)]


def test_whoever_is_left_of_an_outage_after_a_day_is_said_for_itself() -> None:
    """Of an outage that was seen nobody is reminded: the one host that stayed dead would never be heard of."""
    down = [late(f"host{number}") for number in range(300)]
    alerts, heard = Alerts(), []
    for now, wrong in ((60, down), (4 * HOUR, down), (5 * HOUR, down[:3]), (29 * HOUR, down[:3]), (9 * DAY, down[1:2])):
        alerts, notices = step(alerts, wrong, 1000, now)
        seen = {key: replace(one, acknowledged=one.kind == OUTAGE) for key, one in alerts.open.items()}
        alerts = replace(alerts, open=seen)
        heard += [(now, one.said.value, one.alert.subject) for one in notices if one.said is not Said.ESCALATED]
    names = [f"host{number}/home/offsite" for number in range(3)]
    assert heard[:1] == [(60, "opened", OUTAGE)]
    assert sorted(heard[1:5]) == sorted(
        [(29 * HOUR, "resolved", OUTAGE), *((29 * HOUR, "opened", name) for name in names)]
    )
    assert (9 * DAY, "reminder", names[1]) in heard
    assert {(9 * DAY, "resolved", names[0]), (9 * DAY, "resolved", names[2])} <= set(heard)


def test_an_outage_of_days_that_ends_host_by_host_is_two_messages() -> None:
    """While they come back few are left for a while, and none of them is said."""
    down = [late(f"host{number}") for number in range(300)]
    turns = [(at, down) for at in range(60, 3 * DAY, HOUR)] + [(3 * DAY + at, down[at:]) for at in range(0, 301, 10)]
    news = [(said, subject) for _, said, _, subject in play(turns, 1000) if said in ("opened", "resolved")]
    assert news == [("opened", OUTAGE), ("resolved", OUTAGE)]


def test_a_few_hosts_are_no_outage() -> None:
    """Four of ten are four messages, and four more."""
    down = [late(f"host{number}") for number in range(4)]
    heard = play([(0, down), (60, [])], 10)
    assert [said for _, said, _, _ in heard] == ["opened"] * 4 + ["resolved"] * 4


def test_no_outage_hides_a_suspicion() -> None:
    """M-5: who takes the network down to hide a clone is told of all the same, before, in and after the outage."""
    down = [late(f"host{number}") for number in range(300)]
    cloned = Wrong("web01", "cloned", "web01", True, "two machines")
    for turns in ([(0, [*down, cloned])], [(0, down), (600, [*down, cloned])], [(0, [cloned]), (60, [*down, cloned])]):
        assert [subject for _, said, kind, subject in play(turns, 300) if kind == "cloned" and said == "opened"] == [
            "web01"
        ]


def test_what_flaps_is_said_thrice_a_day_at_most() -> None:
    """Then it stays open until it was quiet for a day."""
    turns = [(at, [late("web01")] if at // 600 % 2 == 0 else []) for at in range(0, 6 * HOUR, 600)]
    heard = play([*turns, (6 * HOUR, []), (31 * HOUR, [])])
    assert [said for _, said, _, _ in heard].count("opened") == 3
    assert heard[-1][:2] == (31 * HOUR, "resolved")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(60, 2 * DAY), st.sets(st.integers(0, 8)), st.booleans()), max_size=12))
def test_whatever_happens_each_thing_is_opened_and_resolved_in_turn(
    turns: list[tuple[int, set[int], bool]],
) -> None:
    """For each subject messages alternate: no second opening without an end, no end without a beginning."""
    now, played = 0, []
    for pause, numbers, critical in turns:
        now += pause
        played.append((now, [late(f"host{number}", critical) for number in sorted(numbers)]))
    is_open: dict[str, bool] = {}
    for _, said, _, subject in play(played, 9):
        if said == Said.OPENED.value:
            assert not is_open.get(subject)
            is_open[subject] = True
        elif said == Said.RESOLVED.value:
            assert is_open.get(subject)
            is_open[subject] = False
        else:
            assert is_open.get(subject)
