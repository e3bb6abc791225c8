"""Schedules as systemd's units: the same dates as ours, by systemd's own word, or a refusal."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.base.errors import ConfigurationError, StrongroomError, UsageError
from strongroom.cli.exit_codes import REPORTS_WAIT
from strongroom.fleet.host.schedule.installing import UnitFolder
from strongroom.fleet.host.schedule.terms import schedule_of, split_words
from strongroom.fleet.host.schedule.units import (
    HEAD,
    REPORT_SERVICE,
    SERVICE,
    from_cron,
    report_units,
    service,
    timer,
    timer_name,
)
from strongroom.fleet.protocol.fields import Fields
from strongroom.fleet.protocol.schedule_terms import parse_schedule
from tests.support import peers

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.fleet.host.schedule.terms import SourceSchedule

SPRING = datetime(2027, 3, 26, 12, tzinfo=UTC)
"""Two days before Europe's clocks go forward."""


def schedule(words: str, **more: Any) -> SourceSchedule:
    """The schedule of a source ``web``, in Berlin."""
    found = schedule_of("F", "web", {"schedule": words, "zone": "Europe/Berlin", **more}, ("local",), "UTC")
    assert found is not None
    return found


def by_systemd(line: str, count: int) -> list[int]:
    """The next dates of an OnCalendar line after ``SPRING``, in seconds since 1970."""
    program, base = str(peers.require("systemd-analyze")), "--base-time=2027-03-26 12:00:00 UTC"
    words = [program, "calendar", f"--iterations={count}", base, line]
    ended = subprocess.run(words, capture_output=True, check=True, env={**os.environ, "TZ": "UTC"})
    found = re.findall(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w{3} (\S+ \S+) UTC", ended.stdout.decode())
    return sorted({int(datetime.fromisoformat(f"{text}+00:00").timestamp()) for text in found})


@pytest.mark.peer("systemd-analyze")
@pytest.mark.parametrize(
    "words",
    ["0 4 * * *", "30 1 * * *", "*/20 4-6 * * 1-5", "15 3 1 * 1", "0 0 L * *", "0 3 */2 * 1", "5 4 * 4,6 0",
     "0 5 13 * 5", "*-*-* 02:30", "Mon..Fri *-*-* 03:30", "hourly", "*-*-1,15 12:00"],
)  # fmt: skip
def test_a_timer_has_our_dates(words: str) -> None:
    """systemd's next dates of the timer's lines are those that the preview shows, over a change of the clock."""
    one = schedule(words, jitter="0s")
    lines = re.findall("OnCalendar=(.*)", timer(one))
    theirs = sorted({date for line in lines for date in by_systemd(line, 12)})[:12]
    ours, moment = [], int(SPRING.timestamp())
    for _ in range(12):
        following = one.dates().next_after(moment)
        assert following is not None
        moment = following
        ours.append(moment)
    assert ours == theirs


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    """cron makes up for two o'clock on the last Sunday of March, and a timer does not: the message names the day."""
    with pytest.raises(UsageError, match=r"on \d{4}-03-\d\d the clocks of Europe/Berlin change") as caught:
        timer(schedule("0 2 * * *"))
    assert "4 o'clock" in caught.value.hint
    assert "OnCalendar=*-*-* 02:00:00 UTC" in timer(schedule("0 2 * * *", zone="UTC"))


@pytest.mark.parametrize("words", ["0 2 * * 5#3", "0 2 * * 5L"])
def test_what_no_timer_says_is_refused(words: str) -> None:
    """The third Friday and the last are said otherwise, and the hint says how."""
    with pytest.raises(UsageError, match="no systemd timer") as caught:
        from_cron(words)
    assert "Fri *-*-15..21" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("every 1m", "between 5 minutes"),
        ("every often", "not a schedule"),
        ("* * * * *", "more often"),
        ("61 * * * *", "no schedule"),
        ("sometimes", "no schedule"),
        ("2020-01-01 02:00", "once at most"),
    ],
)
def test_words_without_sense_are_refused(words: str, what: str) -> None:
    """With the key and an example."""
    with pytest.raises(ConfigurationError, match=what) as caught:
        schedule(words)
    assert caught.value.subject == "F: source.web.schedule"


def test_grammars_are_told_apart() -> None:
    """`every` and five fields are themselves, all else is OnCalendar."""
    assert split_words("every  24h") == ("every", "24h")
    assert split_words("0 2 * * 1-5") == ("cron", "0 2 * * 1-5")
    assert split_words("Mon *-*-* 02:00 Europe/Berlin") == ("oncalendar", "Mon *-*-* 02:00 Europe/Berlin")


def test_usual_times() -> None:
    """Jitter is 30 minutes, 5 for hourly ones, none by age; late is 1.5 intervals, the jitter and an hour."""
    assert (schedule("daily").jitter, schedule("hourly").jitter, schedule("every 24h").jitter) == (1800, 300, 0)
    assert schedule("0 4 * * *", zone="UTC").late_after == 36 * 3600 + 1800 + 3600
    assert schedule("every 24h").late_after == 37 * 3600
    delays = {schedule("daily").delay(f"machine {number}") for number in range(50)}
    assert len(delays) > 40
    assert max(delays) < 1800
    with pytest.raises(ConfigurationError, match="as long as the time between"):
        schedule("hourly", jitter="1h")


@pytest.mark.peer("systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing, and `security` says 2.5 at most."""
    folder = UnitFolder(str(tmp_path))
    program = ["/bin/true", "--config", "/etc/a b/100%.toml", "schedule", "run"]
    folder.write({timer_name("web"): timer(schedule("0 2 1 * 1")), SERVICE: service(program, ["/backup/a b"])})
    analyze = str(peers.require("systemd-analyze"))

    def ask(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([analyze, *words], cwd=folder.folder, capture_output=True, check=False)

    verified = ask("verify", "--man=no", timer_name("web"))
    assert (verified.returncode, verified.stderr) == (0, b"")
    reporting = report_units(["/bin/true", "--config", "/etc/c.toml", "host", "report"])
    folder.write(reporting)
    for name in reporting:
        verified = ask("verify", "--man=no", name)
        assert (verified.returncode, verified.stderr) == (0, b"")
    assert b"report\nTimeout" in reporting[REPORT_SERVICE].encode()
    instance = tmp_path / PLACE / "strongroom-run@web.service"
    instance.write_text((tmp_path / PLACE / SERVICE).read_text())
    judged = ask("security", "--offline=true", "--threshold=25", instance.name)
    assert judged.returncode == 0, judged.stdout


PLACE = "etc/systemd/system"


def test_a_server_that_is_away_fails_no_report_unit() -> None:
    """Reports that wait for the server end the unit well; a refusal, and what is no answer of its own, do not."""
    lines = report_units(["/bin/true"])[REPORT_SERVICE].splitlines()
    assert [one for one in lines if one.startswith("SuccessExitStatus")] == [f"SuccessExitStatus={REPORTS_WAIT}"]


def test_units_of_others_are_left_alone(tmp_path: Path) -> None:
    """A file of that name that we did not write is neither replaced nor removed; unchanged ones are not written."""
    folder = UnitFolder(str(tmp_path))
    assert folder.write({"strongroom-a.timer": HEAD + "a"}) == ["strongroom-a.timer"]
    assert folder.write({"strongroom-a.timer": HEAD + "a"}) == []
    foreign = tmp_path / PLACE / "strongroom-b.timer"
    foreign.write_text("[Timer]\n")
    with pytest.raises(StrongroomError, match="not written by this command"):
        folder.write({"strongroom-a.timer": HEAD + "new", "strongroom-b.timer": HEAD})
    assert folder.ours() == ["strongroom-a.timer"]
    folder.remove(folder.ours())
    assert [path.name for path in foreign.parent.iterdir()] == ["strongroom-b.timer"]


@pytest.mark.parametrize("words", ["*-01-01 04:00:00", "0 4 29 2 *", "every 7200h"])
def test_a_rare_schedule_is_one_that_the_server_reads(words: str) -> None:
    """One source that is backed up each year must not make all reports of its host unreadable."""
    terms = schedule(words).terms()
    assert parse_schedule(Fields(terms.to_document(), "the schedule")) == terms
