"""What people and programs see of long work."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.progress import BackupSummary, Change, Status
from strongroom.base.quantities import format_bytes
from strongroom.cli.arguments.times import zone_text
from strongroom.cli.output.events import EventReporter
from strongroom.cli.output.out import Out, as_json
from strongroom.cli.output.rate import Rate
from strongroom.cli.output.table import table
from strongroom.cli.output.terminal import TerminalReporter
from strongroom.cli.output.text import as_text, format_seconds, printable, shorten, width


class Terminal(io.StringIO):
    """A text stream that says that somebody watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def streams() -> tuple[io.StringIO, io.StringIO]:
    """Standard output and standard error."""
    return io.StringIO(), io.StringIO()


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (None, "local time"),
        ("", "UTC"),
        (":UTC", "UTC"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("/etc/localtime", "local time"),
        ("No/Where", "UTC"),
    ],
)
def test_the_zone_of_times_has_restics_name(zone: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of TZ where it names one, else local time."""
    monkeypatch.delenv("TZ", raising=False)
    if zone is not None:
        monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert zone_text() == said
    finally:
        monkeypatch.undo()
        time.tzset()


def test_whole_numbers_are_written_as_go_does() -> None:
    """A reader that wants an integer is not given 100.0; what has a fraction keeps it."""
    assert as_json({"a": 100.0, "b": 0.5, "c": True, "d": 3}) == '{"a":100,"b":0.5,"c":true,"d":3}'


@given(st.binary(max_size=40))
def test_no_name_can_steer_a_terminal(name: bytes) -> None:
    """Whatever bytes a name has, what is printed of it holds no control character and no line end."""
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    as_text(name).encode()


def test_ordinary_names_are_left_alone() -> None:
    """Spaces, quotes and other scripts need no escapes."""
    for name in ("a b", 'say "hello"', "Größe", "日本語", "back\\slash"):
        assert printable(name) == name


def test_escapes_tell_names_apart() -> None:
    """An escaped name is quoted, so that it cannot be taken for one that has a backslash."""
    assert printable(b"a\x1b[2Jb\n\xff") == '"a\\x1b[2Jb\\n\\xff"'


def test_sizes_and_times_look_like_restics() -> None:
    """Numbers have restic's format."""
    assert [format_bytes(n) for n in (0, 1023, 1024, 1334, 5 << 30)] == [
        "0 B",
        "1023 B",
        "1.000 KiB",
        "1.303 KiB",
        "5.000 GiB",
    ]
    assert [format_seconds(n) for n in (0, 59.9, 60, 3661)] == ["0:00", "0:59", "1:00", "1:01:01"]


@given(st.text(max_size=60), st.integers(1, 50))
def test_shortened_text_fits(text: str, columns: int) -> None:
    """A shortened text takes no more columns than it may."""
    assert width(shorten(text, columns)) <= columns


def test_rate_and_time_left() -> None:
    """A steady 100 bytes a second leave nine seconds for 900 bytes."""
    rate = Rate()
    for second in range(11):
        rate.add(float(second), second * 100)
    assert rate.per_second == pytest.approx(100)
    assert rate.seconds_left(1000, 1900) == pytest.approx(9)
    assert rate.seconds_left(1000, 1000) is None


def test_live_status_is_taken_back_before_a_line_is_printed() -> None:
    """On a terminal the status disappears before a line that stays, and a hostile name cannot break out of it."""
    terminal = Terminal()
    reporter = TerminalReporter(Out(terminal, io.StringIO()), frames=1000)
    reporter.status(Status(1, 512, 2, 1024, current_files=(b"/etc/\x1b]0;evil\x07",)))
    reporter.message("a line that stays")
    reporter.close()
    written = terminal.getvalue()
    assert "50.00%  1 files 512 B, total 2 files 1.000 KiB" in written
    assert "\x1b]" not in written
    assert re.search(r"\x1b\[1A\x1b\[Ja line that stays\n\Z", written)


def test_without_a_terminal_there_are_plain_lines(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """Where nobody watches, progress has no escape sequences and comes rarely unless asked for."""
    out, err = streams
    reporter = TerminalReporter(Out(out, err))
    for done in range(100):
        reporter.status(Status(done, done, 100, 100))
    assert out.getvalue() == ""
    reporter.show_now()
    assert out.getvalue().endswith("99.00%  99 files 99 B, total 100 files 100 B\n")


def test_where_we_are_is_in_a_file_at_once(tmp_path: Path) -> None:
    """The line of each minute, and the answer to SIGUSR1, wait in no buffer for the next eight kilobytes."""
    said = tmp_path / "said"
    with said.open("w") as out:
        reporter = TerminalReporter(Out(out, io.StringIO()), frames=1e9)
        reporter.status(Status(1, 1, 2, 2))
        assert said.read_text().count("1 files") == 1
        reporter.show_now()
        assert said.read_text().count("1 files") == 2


def test_quiet_still_says_what_went_wrong(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """-q hides progress and summaries, never errors."""
    out, err = streams
    reporter = TerminalReporter(Out(out, err), verbosity=0)
    reporter.status(Status(1, 1))
    reporter.backup_summary(BackupSummary(snapshot_id="ab" * 32))
    reporter.error(b"/root/x", "permission denied", "archival")
    assert out.getvalue() == ""
    assert "/root/x: permission denied" in err.getvalue()


def test_summary_event_has_restics_names(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """One repository: restic's keys and nothing that says which repository; several: the repository is named."""
    out, err = streams
    reporter = EventReporter(Out(out, err))
    reporter.backup_summary(BackupSummary(repository="main", snapshot_id="ab" * 32, files_new=2))
    reporter.label_repositories = True
    reporter.backup_summary(BackupSummary(repository="main", failure="gone"))
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["message_type"] == "summary"
    assert first["files_new"] == 2
    assert "repository" not in first
    assert (second["repository"], second["failure"]) == ("main", "gone")
    assert "snapshot_id" not in second


def test_error_events_go_to_standard_error(streams: tuple[io.StringIO, io.StringIO]) -> None:
    """Errors are JSON on standard error, with names that are not UTF-8 replaced."""
    out, err = streams
    EventReporter(Out(out, err)).error(b"/a\xff", "lost", "archival")
    assert out.getvalue() == ""
    event = json.loads(err.getvalue())
    assert event == {"message_type": "error", "error": {"message": "lost"}, "during": "archival", "item": "/a\ufffd"}


def test_a_reader_that_left_does_not_end_a_backup() -> None:
    """When the pipe that shows progress breaks, the work goes on."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    for reporter in (
        TerminalReporter(Out(Broken(), io.StringIO()), 3, 1000),
        EventReporter(Out(Broken(), io.StringIO()), 3, 1000),
    ):
        reporter.status(Status(1, 1))
        reporter.changed(Change("new", b"/a"))
        reporter.backup_summary(BackupSummary())


def test_table_as_restic_draws_it() -> None:
    """Columns are two spaces apart, cells may have several lines, and nothing trails."""
    lines = list(table(("ID", "Tags"), [("1", "a\nb"), ("22", "")], "2 things"))
    assert lines == ["ID  Tags", "--------", "1   a", "    b", "22", "--------", "2 things"]


def test_what_is_counted_with_sizes_has_a_rate() -> None:
    """Beside the count stand how fast it goes and how long it will take; the line that stays has the count alone."""
    out = Terminal()
    reporter = TerminalReporter(Out(out, io.StringIO()), frames=60)
    reporter.count("packs copied", 1, 4, (1 << 20, 4 << 20))
    time.sleep(0.3)
    reporter.count("packs copied", 2, 4, (2 << 20, 4 << 20))
    shown = out.getvalue()
    assert re.search(r"50\.00%  2 / 4 packs copied, [\d.]+ MiB/s ETA \d+:\d\d", shown), shown
    reporter.count("packs copied", 4, 4, (4 << 20, 4 << 20))
    assert out.getvalue().endswith("100.00%  4 / 4 packs copied\n")
