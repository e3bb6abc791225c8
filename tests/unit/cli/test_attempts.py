"""What a scheduled run keeps of its child's words."""

from __future__ import annotations

from strongroom.cli.schedule.attempt import MOST_LOG, AttemptRecord, without_names


def test_the_log_of_an_attempt_is_bounded_and_has_its_end() -> None:
    """A line for each of a million files that cannot be read would be hundreds of megabytes."""
    record = AttemptRecord("web")
    for number in range(20_000):
        record.keep(f"error: /srv/{number}: permission denied")
    record.keep("x" * 10 * MOST_LOG)
    record.keep("ended with exit code 3")
    assert record.size == sum(map(len, record.lines)) <= 4 * MOST_LOG
    assert len("\n".join(record.lines)) >= MOST_LOG
    assert record.lines[-1] == "ended with exit code 3"


def test_a_text_ends_where_a_name_of_a_file_begins() -> None:
    """Nobody knows where a path with spaces ends; URLs, reasons before it and other lines stay."""
    assert without_names("Fatal: /home/a b/c d does not exist, skipping") == "Fatal: …"
    assert without_names("before: `sh` ended with 1; it said:\nrm: '/x/y z': gone\nfree") == (
        "before: `sh` ended with 1; it said:\nrm: '…\nfree"
    )
    for kept in ("https://backup:8000/hosts/web01/ refuses: 403", "10 / 12 files", "3.5 MiB/s and/or more"):
        assert without_names(kept) == kept
    assert without_names("open ~/secret: no") == "open …"
