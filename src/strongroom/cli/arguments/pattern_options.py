"""``--include``, ``--exclude`` and their like, as the verbs that look at snapshots have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.arguments.path_lists import patterns_from
from strongroom.maintenance.rewrite import Patterns

if TYPE_CHECKING:
    import argparse

_OPTIONS = (
    (("-e", "--exclude"), "PATTERN", "leave out what this matches"),
    (("--iexclude",), "PATTERN", "the same, without regard to case"),
    (("--exclude-file",), "FILE", "read such patterns from a file"),
    (("--iexclude-file",), "FILE", "the same, without regard to case"),
    (("-i", "--include"), "PATTERN", "keep only what this matches"),
    (("--iinclude",), "PATTERN", "the same, without regard to case"),
    (("--include-file",), "FILE", "read such patterns from a file"),
    (("--iinclude-file",), "FILE", "the same, without regard to case"),
)


def add_pattern_options(parser: argparse.ArgumentParser, heading: str) -> None:
    """restic's options, each as often as one likes."""
    group = parser.add_argument_group(heading)
    for flags, metavar, text in _OPTIONS:
        group.add_argument(*flags, action="append", default=[], metavar=metavar, help=text + " (repeatable)")


def patterns_of(arguments: argparse.Namespace) -> Patterns:
    """Those that were given, and those of the files that were. Raises ``UsageError``."""
    return Patterns(
        (*arguments.exclude, *patterns_from(arguments.exclude_file)),
        (*arguments.iexclude, *patterns_from(arguments.iexclude_file)),
        (*arguments.include, *patterns_from(arguments.include_file)),
        (*arguments.iinclude, *patterns_from(arguments.iinclude_file)),
    )
