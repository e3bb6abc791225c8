"""Manual pages in roff, made from the same parsers that read the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.arguments.argparse_inside import actions_of, groups_of
from strongroom.cli.arguments.parser import operand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SEE = "The README and docs/ of Strongroom have more: the design with its reasons, gateways, and stores."


def page(name: str, summary: str, parser: argparse.ArgumentParser, version: str) -> str:
    """The page of one verb; ``name`` is as it is typed, such as ``config show``."""
    shown = [action for action in actions_of(parser) if action.help is not argparse.SUPPRESS]
    positionals = [action for action in shown if not action.option_strings]
    synopsis = " ".join([f"\\fBstrongroom {_escaped(name)}\\fR [\\fIoptions\\fR]", *map(_operand, positionals)])
    lines = [*_head(f"strongroom {name}", summary, version), ".SH SYNOPSIS", synopsis, ".SH DESCRIPTION"]
    lines += _text(parser.description or summary)
    for heading, declared in groups_of(parser):
        actions = [action for action in declared if action.help is not argparse.SUPPRESS]
        if actions:
            lines += [f".SH {_escaped(heading.upper())}", *_options(parser, actions)]
    return "\n".join([*lines, *_exit_status(name), ".SH SEE ALSO", _SEE, ""])


def overview_page(verbs: Mapping[str, str], version: str) -> str:
    """``strongroom(1)``: all verbs with what they do."""
    lines = _head("strongroom", "encrypted backups to several repositories at once", version)
    lines += [".SH SYNOPSIS", "\\fBstrongroom\\fR \\fIcommand\\fR [\\fIoptions\\fR]", ".SH COMMANDS"]
    for name, summary in verbs.items():
        lines += [".TP", f"\\fBstrongroom-{_escaped(name.replace(' ', '-'))}\\fR(1)", *_text(summary)]
    return "\n".join([*lines, *_exit_status(), ".SH SEE ALSO", _SEE, ""])


def _exit_status(verb: str = "") -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, text in exit_codes.of_verb(verb).items():
        yield from (".TP", f"\\fB{code}\\fR", *_text(text))


def file_name(verb: str) -> str:
    """The file of a verb's page; empty for the overview."""
    return "-".join(["strongroom", *verb.split()]) + ".1"


def _head(name: str, summary: str, version: str) -> list[str]:
    title = name.replace(" ", "-")
    return [
        f'.TH "{_escaped(title.upper())}" "1" "" "Strongroom {_escaped(version)}" "Strongroom"',
        ".SH NAME",
        f"{_escaped(title)} \\- {_escaped(summary)}",
    ]


def _operand(action: argparse.Action) -> str:
    text = f"\\fI{_escaped(operand(action))}\\fR"
    return f"[{text}]" if action.nargs in ("*", "?") else text


def _options(parser: argparse.ArgumentParser, actions: Iterable[argparse.Action]) -> Iterator[str]:
    for action in actions:
        yield ".TP"
        value = "" if action.nargs == 0 else f" {_operand_of(action)}"
        names = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in action.option_strings)
        yield names + value if names else _operand(action)
        text = (action.help or "") % (vars(action) | {"prog": parser.prog})
        yield from _text(text)


def _operand_of(action: argparse.Action) -> str:
    return f"\\fI{_escaped(str(action.metavar or action.dest.upper()))}\\fR"


def _text(text: str) -> Iterator[str]:
    """Paragraphs; indented lines, which are examples, stay as they are."""
    as_is = False
    for line in text.splitlines():
        if line.startswith("  ") != as_is:
            as_is = not as_is
            yield ".nf" if as_is else ".fi"
        escaped = _escaped(line)
        yield (escaped or ".sp") if not escaped.startswith((".", "'")) else "\\&" + escaped
    if as_is:
        yield ".fi"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
