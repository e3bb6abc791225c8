"""What a scheduled run keeps of its child's words."""

from __future__ import annotations

from strongroom.cli.schedule.attempt import MOST_LOG, AttemptRecord


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
