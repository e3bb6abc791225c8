"""Options as restic's flag library reads them, said again in the one way that argparse reads alike.

``-v=2``, ``--verbose=2``, ``--flag=false``, ``-qr PLACE``, ``-r=PLACE``; a value may begin with a dash; the last word
on a flag counts. Source: github.com/spf13/pflag, whose behaviour restic's command line has.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments.argparse_inside import options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def go_style(words: Sequence[str], parser: argparse.ArgumentParser, literal: str) -> list[str]:
    """The same options and positionals, each option with its long name and its value behind ``=``.

    What stands behind ``--`` gets ``literal`` before it. Words that are no option of the parser stay as they are.
    Raises ``UsageError`` for a value that is missing, or that no flag or level can have.
    """
    reading = _Reading(parser)
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            return [*reading.ended(), *(literal + other for other in queue)]
        if word.startswith("--"):
            reading.long(word, queue)
        elif word.startswith("-") and word != "-":
            reading.short(word, queue)
        else:
            reading.said.append(word)
    return reading.ended()


class _Reading:
    """What was read so far. Flags and levels are said at the end, since their last word counts."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._actions = options_of(parser)
        self._flags: dict[str, bool] = {}
        self._levels: dict[str, int] = {}
        self.said: list[str] = []

    def long(self, word: str, queue: list[str]) -> None:
        """``--name``, ``--name=value`` or ``--name value``."""
        name, equals, value = word.partition("=")
        action = self._actions.get(name)
        if action is None:
            self.said.append(word)
        else:
            self._option(action, name, value if equals else None, queue)

    def short(self, word: str, queue: list[str]) -> None:
        """Letters in one word; the value of the last one may follow it, with or without ``=``, or be the next word."""
        rest = word[1:]
        while rest:
            name, rest = "-" + rest[0], rest[1:]
            action = self._actions.get(name)
            if action is None:
                self.said.append(name)
                return
            if action.nargs == 0 and not rest.startswith("="):
                self._option(action, name, None, queue)
                continue
            self._option(action, name, rest.removeprefix("=") if rest else None, queue)
            return

    def _option(self, action: argparse.Action, name: str, value: str | None, queue: list[str]) -> None:
        known = action.option_strings[-1]
        if action.nargs != 0:
            if value is None:
                if not queue:
                    raise UsageError(f"option {name} needs a value", hint="Write it behind the option.")
                value = queue.pop(0)
            self.said.append(f"{known}={value}")
        elif isinstance(action, argparse._CountAction):
            self._levels[known] = self._levels.get(known, 0) + 1 if value is None else _level(name, value)
        elif isinstance(action, argparse._StoreTrueAction):
            self._flags[known] = value is None or _truth(name, value)
        elif value is None or _truth(name, value):  # help, or a flag whose place in the order counts
            self.said.append(known)

    def ended(self) -> list[str]:
        """All of it."""
        flags = [name for name, on in self._flags.items() if on]
        return [*self.said, *flags, *(name for name, level in self._levels.items() for _ in range(min(level, 9)))]


def _truth(name: str, value: str) -> bool:
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise UsageError(f"{value!r} is neither true nor false", subject=name, hint="The option alone means true.")


def _level(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"{value!r} is not a number", subject=name, hint=f"Write {name}, or {name}=2.") from None
