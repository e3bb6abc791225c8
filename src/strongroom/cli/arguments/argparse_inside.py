"""What argparse has no public name for: the one place that touches its private attributes, should a Python move them.

Its private classes are named elsewhere for their types alone, and in ``isinstance``.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

vars(argparse)["_"] = (
    str  # its words are ours and not translated; looking for a translation loads locales at each start
)


def actions_of(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """Options and positionals in the order in which they were declared."""
    return parser._actions


def options_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.Action]:
    """Options by each of their spellings."""
    return parser._option_string_actions


def groups_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[argparse.Action]]]:
    """The headings of the help, each with what stands under it."""
    for group in parser._action_groups:
        yield group.title or "options", list(group._group_actions)
