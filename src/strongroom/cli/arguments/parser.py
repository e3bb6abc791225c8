"""From the words of a command line to the options of one verb.

Global options may stand before the verb. They are carried behind it, and only the parser of that one verb is built,
which keeps the start quick and the order of repeated options as the user typed it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments import options
from strongroom.cli.arguments.argparse_inside import actions_of, options_of
from strongroom.cli.arguments.go_flags import go_style
from strongroom.cli.verbs import ALIASES, RESTICS, VERBS, Verb, group_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def _columns() -> int:
    """As ``shutil.get_terminal_size`` has it, which brings three compressors along: argparse asks at each option."""
    try:
        return int(os.environ["COLUMNS"]) or _columns_of_terminal()
    except (KeyError, ValueError):
        return _columns_of_terminal()


def _columns_of_terminal() -> int:
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 100  # type: ignore[union-attr] # None is caught
    except (AttributeError, ValueError, OSError):
        return 100


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wide enough that most options take a line, and a usage line that does not repeat them all."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=max(60, min(120, _columns()) - 2))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Paragraphs are filled; examples and tables, which are indented, stay as they are."""
        import textwrap

        filled: list[str] = []
        for block in text.split("\n\n"):
            as_is = any(line.startswith(" ") for line in block.splitlines())
            filled.append(block if as_is else textwrap.fill(block, width, initial_indent=indent))
        return "\n\n".join(filled)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        operands = [action for action in actions if not action.option_strings]
        positionals = [action for action in operands if action.help != argparse.SUPPRESS]
        super().add_usage(usage or "%(prog)s [options]" + _positionals(positionals), positionals, groups, prefix)


def _positionals(actions: Sequence[argparse.Action]) -> str:
    text = ""
    for action in actions:
        name = operand(action)
        name += "…" if action.nargs in ("*", "+") else ""
        text += f" [{name}]" if action.nargs in ("*", "?") else f" {name}"
    return text


def operand(action: argparse.Action) -> str:
    """What stands for a positional, in usage lines and manual pages."""
    return str(action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest))


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours, with the nearest option when one is misspelt."""

    def error(self, message: str) -> NoReturn:
        hint = f"`{self.prog} --help` lists the options."
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        if unknown:
            name = unknown[1].partition("=")[0]
            message = f"unknown option {name}"
            near = nearest(name, list(options_of(self)))
            if near:
                hint = f"Did you mean {near}? " + hint
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message:  # argparse names those that may be left out, too
            optional = {action.metavar for action in actions_of(self) if action.nargs in ("*", "?")}
            message = " and ".join(name for name in missing.split(", ") if name not in optional) + " must be given"
        raise UsageError(message, hint=hint)


def nearest(name: str, candidates: Sequence[str]) -> str | None:
    """The candidate most like a misspelt name, if one is like it at all."""
    import difflib

    found = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def split_verb(words: Sequence[str]) -> tuple[Verb | None, list[str]]:
    """The verb that is asked for, and all other words in their order, fit for that verb's parser.

    An option of the verb may stand before it where its value cannot be taken for a verb: as in restic, the word behind
    one that is not known yet is its value. Raises ``UsageError`` for an unknown verb, or none behind such an option.
    """
    with_value, alone = options.value_flags(), options.plain_flags() | {"-h", "--help", "--version"}
    before: list[str] = []
    group = foreign = None
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--" or not word.startswith("-") or word == "-":
            if word == "help" and group is None:
                return split_verb([*words[position:], "--help"])
            if group is None and group_of(word):
                group = word
                continue
            return _verb(word, group), before + list(words[position:])
        before.append(word)
        follows = _value_is_next(word, with_value, alone)
        if follows is None:
            foreign = word.partition("=")[0]
            follows = "=" not in word and (word.startswith("--") or len(word) == 2)
            if follows and position + 1 >= len(words):
                break
        elif follows and position == len(words):
            raise UsageError(f"option {word} needs a value", hint="`strongroom --help` shows how options are written.")
        if follows:
            before.append(words[position])
            position += 1
    if foreign is not None:
        hint = "Only global options may: put it behind."
        raise UsageError(f"option {foreign} stands before the command", hint=hint)
    return None, [group, *before] if group else before


def _verb(word: str, group: str | None) -> Verb:
    name = f"{group} {word}" if group else ALIASES.get(word, word)
    for verb in VERBS:
        if verb.name == name:
            return verb
    if group is None and word in RESTICS:
        raise UsageError(f"there is no `{word}` here yet", hint=RESTICS[word])
    near = nearest(name, [verb.name for verb in VERBS])
    hint = f"Did you mean `{near}`? " if near else ""
    raise UsageError(f"unknown command `{name}`", hint=hint + "`strongroom --help` lists all commands.")


def _value_is_next(word: str, with_value: frozenset[str], alone: frozenset[str]) -> bool | None:
    """Whether the value of this global option is the next word; None when it is no global option."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        return not equals if name in with_value else False if name in alone else None
    for index, letter in enumerate(word[1:], 1):  # -qvr PLACE
        if letter == "=" and index > 1:  # -v=2
            return False
        flag = "-" + letter
        if flag in with_value:
            return index == len(word) - 1
        if flag not in alone:
            return None
    return False


def load(verb: Verb, what: str) -> Callable[..., Any]:
    """A function of the verb's module, which is imported now: ``arguments`` or ``run``."""
    module = importlib.import_module(f"strongroom.cli.{verb.module}")
    function: Callable[..., Any] = getattr(module, what + verb.suffix)
    return function


def exit_status(verb: str) -> str:
    """What the exit codes of a verb say, as its help shows it."""
    return "\n".join(["exit status:", *(f"  {code:<4}{text}" for code, text in exit_codes.of_verb(verb).items())])


def build_parser(verb: Verb) -> Parser:
    """The parser of one verb, with the global options behind its own."""
    parser = Parser(
        prog=f"strongroom {verb.name}",
        description=verb.summary + ".",
        epilog=exit_status(verb.name),
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )
    load(verb, "arguments")(parser)
    options.add_global_options(parser)
    return parser


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The options and positionals of a verb. Options and positionals may be mixed. Raises ``UsageError``."""
    parser = build_parser(verb)
    arguments = parser.parse_intermixed_args(go_style(words, parser, _LITERAL))
    for name, value in vars(arguments).items():
        if isinstance(value, list):
            setattr(arguments, name, [_bare(item) for item in value])
        else:
            setattr(arguments, name, _bare(value))
    return arguments


_LITERAL = "\0"
"""Before a word that stood behind ``--``: argparse loses the mark when options and positionals are mixed. No word of a
command line can hold this character."""


def _bare(value: Any) -> Any:
    return value.removeprefix(_LITERAL) if isinstance(value, str) else value
