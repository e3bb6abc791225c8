"""Commands that pages, help and messages show are commands: their verbs and options are there."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import UsageError
from strongroom.cli.arguments.argparse_inside import options_of
from strongroom.cli.arguments.parser import Parser, build_parser, parse, split_verb
from strongroom.cli.verbs import VERBS, Verb, group_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
SOURCES = sorted((ROOT / "src/strongroom").rglob("*.py"))
VERB_NAMES = {verb.name for verb in VERBS}
SHELL = re.compile(r"[|;&]|\s#|(?<!\S)[<>]|\d?>|\$\(|\)\s|`")
NUMBERS = {"PLAN": "1", "NUMBER": "1", "N": "1", "DAYS": "1", "P": "1", "SECONDS": "1"}


@functools.cache
def parser_of(verb: Verb) -> Parser:
    """The parser of a verb."""
    return build_parser(verb)


def commands(text: str) -> Iterator[str]:
    """The lines in blocks of code that call the program, each from its name to where the shell takes over."""
    blocks = re.findall(r"^```(?:sh|console|systemd|cron)?[ \w]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    for block in (one for one in blocks if "├" not in one):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            for found in re.finditer(r"(?:^|[\s(])(?:/\S*/)?(?<!-[ugo] )strongroom ([a-z].*|-\S.*)", line):
                end = SHELL.search(found[1])
                yield re.sub(r"[][]", "", found[1][: end.start()] if end else found[1]).strip()


def quoted(text: str) -> Iterator[str]:
    """What stands between backquotes and begins with the program's name, or with a verb and more."""
    for words in re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)):
        named = re.sub(r"\s+", " ", words)
        rest = named.removeprefix("strongroom ")
        first = rest.split(" ")[0]
        here = first in VERB_NAMES or (group_of(first) and first not in {"host", "key", "log"})
        if rest != named or (" " in rest and here):
            yield rest


def fault(command: str) -> str | None:
    """What is wrong with a whole command, placeholders taken for what they stand for."""
    try:
        words = [NUMBERS.get(word, word) for word in shlex.split(command) if word not in {"…", "..."}]
        verb, rest = split_verb(words)
        if verb is not None and "--help" not in rest:
            parse(verb, rest)
    except (UsageError, ValueError) as problem:
        return f"{command}: {problem}"
    return None


def mention_fault(words: str) -> str | None:
    """What is wrong with a verb and options that a sentence names: positionals may be left out."""
    if words.startswith(("VERB", "COMMAND", "X", "-")) or " or " in words:
        return None
    plain = [word for word in re.split(r"[ =|]", words) if word]
    group = group_of(plain[0])
    name = " ".join(plain[:2]) if group else plain[0]
    verbs = [verb for verb in VERBS if verb.name == name]
    if group and (len(plain) == 1 or not re.fullmatch(r"[a-z-]+", plain[1]) or plain[1].startswith("-")):
        return None
    if not verbs:
        return None if name in {"help", "rebuild-index"} else f"{words}: there is no such verb"
    known = options_of(parser_of(verbs[0]))
    absent = [word for word in plain if re.fullmatch(r"--[a-z-]+", word) and word not in known and word != "--help"]
    return f"{words}: no {absent}" if absent else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_pages_are_commands(page: Path) -> None:
    """Each command in a block parses, and each that a sentence names has its verb and its options."""
    text = page.read_text(encoding="utf-8")
    found = [*map(fault, commands(text)), *map(mention_fault, quoted(text))]
    assert [one for one in found if one] == []


def literals(source: Path) -> Iterator[str]:
    """The strings of a file, with a mark for what is filled in, docstrings apart."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (inner | documented):
            yield node.value


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_commands_of_messages_are_commands(source: Path) -> None:
    """What a message or a help text tells a user to type has a verb and options that are there."""
    found = [mention_fault(words) for text in literals(source) for words in quoted(text)]
    assert [one for one in found if one] == []


@pytest.mark.parametrize(
    "text",
    ["```sh\nsudo strongroom backup --no-such-option /\n```\n", "\n    strongroom prnue\n", "type `custody unadopt`"],
)
def test_what_is_no_command_is_found(text: str) -> None:
    """A verb or an option that is not there is found, in blocks and in sentences."""
    assert any([*map(fault, commands(text)), *map(mention_fault, quoted(text))])
