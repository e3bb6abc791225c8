"""The guarded rule, written again from its sentences (docs/concepts/custodian.md), with sets and datetimes, slowly."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from strongroom.retention.guarded import Arrived, GuardedPolicy

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
FORMS = {"hourly": "%Y %m %d %H", "daily": "%Y %m %d", "weekly": "%G %V", "monthly": "%Y %m", "yearly": "%Y"}


def _moment(ns: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=ns // 1000)


def kept(snapshots: Iterable[Arrived], policy: GuardedPolicy, now_ns: int) -> set[str]:
    """The IDs of the snapshots that stay."""
    everything = list(snapshots)
    stay = {one.id for one in everything if one.pinned}
    stay |= {one.id for one in everything if one.verdict != "good" and not one.condemned}
    good = [one for one in everything if one.verdict == "good" and not one.condemned]
    old = []
    for one in good:
        age = min(now_ns - one.arrival_ns, now_ns - one.judged_ns)
        if age < policy.detection_ns or age < policy.within_ns:
            stay.add(one.id)
        if age >= policy.detection_ns:
            old.append(one)
    old.sort(key=lambda one: (one.arrival_ns, one.id))
    for name, form in FORMS.items():
        windows: list[str] = []
        for one in old:
            label = _moment(one.arrival_ns).strftime(form)
            if label not in windows:
                windows.append(label)
        wanted = windows[len(windows) - getattr(policy, name) :] if getattr(policy, name) < len(windows) else windows
        for label in wanted:
            here = [one for one in old if _moment(one.arrival_ns).strftime(form) == label]
            stay.add(here[0].id)
            stay |= set([one.id for one in here if one.claimed][-1:])
    while len(old) > policy.floor:
        old.pop(0)
    return stay | {one.id for one in old}
