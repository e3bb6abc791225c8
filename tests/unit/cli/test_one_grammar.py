"""Sizes, durations and spans have one grammar each, whatever verb takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.cli.arguments.argparse_inside import actions_of
from strongroom.cli.arguments.parser import build_parser
from strongroom.cli.verbs import VERBS
from strongroom.retention.calendar import Span

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

READ: dict[str, tuple[str, set[object], str]] = {
    "SIZE": ("500M", {500 << 20}, "500X"),
    "DURATION": ("1h30m", {5400.0}, "1h30"),
    "SPAN": ("1y5m7d2h", {Span(1, 5, 7, 2), "1y5m7d2h"}, "5w"),
}
"""By the word in the help: a text, what it means (a policy has spans as texts), and one that is refused."""


def options(*words: str) -> Iterator[tuple[str, argparse.Action]]:
    """The options of all verbs whose value is called so, each with its verb's name."""
    for verb in VERBS:
        for action in actions_of(build_parser(verb)):
            if action.option_strings and action.metavar in words:
                yield f"{verb.name} {action.option_strings[-1]}", action


@pytest.mark.parametrize("word", READ)
def test_an_option_takes_the_one_grammar(word: str) -> None:
    """Each option that calls its value so reads it so, or leaves it as a text to whoever reads the file's, too."""
    text, meaning, wrong = READ[word]
    parsed = [(name, action.type) for name, action in options(word) if callable(action.type)]
    assert len(parsed) > 3
    for name, parse in parsed:
        assert parse(text) in meaning, name
        with pytest.raises(Exception, match=wrong):  # argparse's own class, or ValueError
            parse(wrong)


def test_no_option_takes_bytes_alone() -> None:
    """No option has a grammar of its own for bytes or seconds: those are sizes and durations."""
    assert [name for name, _ in options("BYTES", "SECONDS", "MINUTES")] == []
