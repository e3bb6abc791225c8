"""From the words of a command line to the options of one verb.

Global options may stand before the verb. They are carried behind it, and only the parser of that one verb is built,
which keeps the start quick and the order of repeated options as the user typed it.
"""

from __future__ import annotations

import argparse
import importlib
import re
from typing import TYPE_CHECKING, Any, NoReturn

from strongroom.base.errors import UsageError
from strongroom.cli.shared import options
from strongroom.cli.verbs import VERBS, Verb, group_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_VERBOSE_LEVEL = re.compile(r"--verbose=(\d)\Z")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wide enough that most options take a line, and a usage line that does not repeat them all."""

    def __init__(self, prog: str) -> None:
        import shutil  # only help needs it, and it brings three compressors along

        columns = shutil.get_terminal_size((100, 24)).columns
        super().__init__(prog, max_help_position=34, width=max(60, min(120, columns) - 2))

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        positionals = [action for action in actions if not action.option_strings]
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
            near = nearest(name, list(self._option_string_actions))
            if near:
                hint = f"Did you mean {near}? " + hint
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message:  # argparse names those that may be left out, too
            optional = {action.metavar for action in self._actions if action.nargs in ("*", "?")}
            message = " and ".join(name for name in missing.split(", ") if name not in optional) + " must be given"
        raise UsageError(message, hint=hint)


def nearest(name: str, candidates: Sequence[str]) -> str | None:
    """The candidate most like a misspelt name, if one is like it at all."""
    import difflib

    found = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def split_verb(words: Sequence[str]) -> tuple[Verb | None, list[str]]:
    """The verb that is asked for, and all other words in their order, fit for that verb's parser.

    Raises ``UsageError`` for an unknown verb, or an option before the verb that is not a global one.
    """
    with_value, alone = options.value_flags(), options.plain_flags() | {"-h", "--help", "--version"}
    before: list[str] = []
    group: str | None = None
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--" or not word.startswith("-") or word == "-":
            if group is None and group_of(word):
                group = word
                continue
            return _verb(word, group), before + list(words[position:])
        before.append(word)
        if _value_is_next(word, with_value, alone):
            if position == len(words):
                raise UsageError(
                    f"option {word} needs a value", hint="`strongroom --help` shows how options are written."
                )
            before.append(words[position])
            position += 1
    if group is not None and not {"-h", "--help"} & set(before):
        names = ", ".join(verb.name.split()[1] for verb in group_of(group))
        raise UsageError(f"`{group}` needs to know what to do", hint=f"Say one of: {names}.")
    return None, [group, *before] if group else before


def _verb(word: str, group: str | None) -> Verb:
    name = f"{group} {word}" if group else word
    for verb in VERBS:
        if verb.name == name:
            return verb
    near = nearest(name, [verb.name for verb in VERBS])
    hint = f"Did you mean `{near}`? " if near else ""
    raise UsageError(f"unknown command `{name}`", hint=hint + "`strongroom --help` lists all commands.")


def _value_is_next(word: str, with_value: frozenset[str], alone: frozenset[str]) -> bool:
    """Whether the value of this global option is the next word. Raises ``UsageError`` when it is no global option."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        if name in with_value:
            return not equals
        if name in alone:
            return False
        raise UsageError(f"option {name} stands before the command", hint="Only global options may: put it behind.")
    for index, letter in enumerate(word[1:], 1):  # -qvr PLACE
        flag = "-" + letter
        if flag in with_value:
            return index == len(word) - 1
        if flag not in alone:
            raise UsageError(f"option {flag} stands before the command", hint="Only global options may: put it behind.")
    return False


def load(verb: Verb, what: str) -> Callable[..., Any]:
    """A function of the verb's module, which is imported now: ``arguments`` or ``run``."""
    module = importlib.import_module(f"strongroom.cli.{verb.module}")
    function: Callable[..., Any] = getattr(module, what + verb.suffix)
    return function


def build_parser(verb: Verb) -> Parser:
    """The parser of one verb, with the global options behind its own."""
    parser = Parser(
        prog=f"strongroom {verb.name}",
        description=verb.summary + ".",
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )
    load(verb, "arguments")(parser)
    options.add_global_options(parser)
    return parser


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The options and positionals of a verb. Options and positionals may be mixed. Raises ``UsageError``."""
    parser = build_parser(verb)
    arguments = parser.parse_intermixed_args(_go_style(words, parser))
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


def _go_style(words: Sequence[str], parser: Parser) -> list[str]:
    """restic's flag library takes ``--verbose=2`` and ``--flag=true``; argparse does not."""
    plain: list[str] = []
    for position, word in enumerate(words):
        if word == "--":
            return plain + [_LITERAL + literal for literal in words[position + 1 :]]
        level = _VERBOSE_LEVEL.match(word)
        name, _, value = word.partition("=")
        action = parser._option_string_actions.get(name)
        if level:
            plain += ["--verbose"] * int(level[1])
        elif word.startswith("--") and value in {"true", "false"} and action is not None and action.nargs == 0:
            plain += [name] if value == "true" else []
        else:
            plain.append(word)
    return plain
