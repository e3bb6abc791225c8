"""What a server says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from strongroom.base.server_log import LOG, configure


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """As it was, after each test."""
    yield
    configure()


def test_lines_for_people_begin_with_their_level(capsys: pytest.CaptureFixture[str]) -> None:
    """What is merely told has no word before it; warnings, errors and alarms have."""
    configure()
    LOG.info("start server on %s", ":8000")
    LOG.warning("100% full")
    LOG.error("it broke")
    LOG.critical("look at this")
    said = capsys.readouterr()
    lines = ["start server on :8000", "warning: 100% full", "error: it broke", "alarm: look at this"]
    assert (said.out, said.err.splitlines()) == ("", lines)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each message is one line and one object, whatever is in it; a level holds back what is below it."""
    configure("json", "warning")
    LOG.info("nobody needs this")
    LOG.critical("two\nlines")
    (line,) = capsys.readouterr().err.splitlines()
    row = json.loads(line)
    assert (row["level"], row["message"]) == ("alarm", "two\nlines")
    assert set(row) == {"time", "level", "message", "process"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_taken_out(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A token, a request's credentials and a URL's password appear in no message, nor in its arguments."""
    configure(form)
    token = "srg1_0123456789abcdef_" + "A-_z" * 10 + "abc"
    LOG.error("from %s: %s", "https://me:geheim@host/", token)
    LOG.error("Authorization: Basic Z2VoZWlt")
    said = capsys.readouterr().err
    assert "geheim" not in said
    assert "Z2VoZWlt" not in said
    assert "A-_z" not in said
    assert "srg1_0123456789abcdef_***" in said


def test_a_broken_standard_error_costs_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody reads any more the message is dropped, and the server goes on."""

    class Closed:
        def write(self, text: str) -> None:
            raise BrokenPipeError(text)

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    LOG.error("nobody reads this")
