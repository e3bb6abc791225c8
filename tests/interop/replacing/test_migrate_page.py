"""docs/migrate-from-restic.md against restic's own help, and against our parsers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from strongroom.cli.arguments.parser import build_parser
from strongroom.cli.verbs import ALIASES, VERBS, group_of
from tests.support import command, peers

PAGE = Path(__file__).parents[3] / "docs" / "migrate-from-restic.md"
VERDICTS = ("same", "better", "different", "not there")
OURS = {verb.name: verb for verb in VERBS}
OURS |= {old: OURS[new] for old, new in ALIASES.items()}


@cache
def _page() -> dict[str, dict[str, str]]:
    """For each verb of the page the verdict on each flag, and on itself under the empty name. "" is for every verb."""
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"^###? ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        name = heading.strip().strip("`")
        if not heading.startswith("`") and name != "For every verb":
            continue
        verb = found.setdefault("" if name == "For every verb" else name, {})
        for line in re.findall(r"^\* (.*(?:\n  .*)*)", text, re.MULTILINE):
            flags, colon, verdict = line.rpartition("`:") if line.startswith("`--") else ("", "", line)
            word = next((one for one in VERDICTS if verdict.strip().startswith(one)), "")
            assert word, f"{name}: no verdict in {line!r}"
            assert not colon or flags
            for flag in re.findall(r"--[\w-]+", flags) if colon else [""]:
                assert flag not in verb, f"{name} {flag} stands there twice"
                verb[flag] = word
    return found


@cache
def _help(peer: str, *words: str) -> str:
    return command.run([peers.require(peer), "help", *words], env=command.environment(Path("/nonexistent"))).out


def _verbs(peer: str, *above: str) -> list[str]:
    """restic's verbs, those of groups with both words."""
    found: list[str] = []
    listing = False
    for line in _help(peer, *above).splitlines():
        if re.match(r"[A-Z][A-Za-z ]*(Commands|Options):$", line):
            listing = True
        elif listing and line.startswith("  "):
            name = " ".join([*above, line.split()[0]])
            found += (_verbs(peer, name) or [name]) if not above else [name]
        else:
            listing = False
    return found


def _flags(peer: str, verb: str) -> tuple[set[str], set[str]]:
    """The flags of a verb, and those of every verb."""
    own, _, shared = _help(peer, *verb.split()).partition("Global Flags:")
    one, other = (set(re.findall(r"^\s+(?:-\w, )?\s*(--[\w-]+)", text, re.MULTILINE)) for text in (own, shared))
    return one - {"--help"}, other


def _known(verb: str) -> set[str]:
    """The flags that our parser of this verb takes; of a group, those of all its verbs."""
    verbs = [OURS[verb]] if verb in OURS else group_of(verb)
    return {flag for one in verbs for flag in build_parser(one)._option_string_actions}


@pytest.mark.parametrize("peer", ["restic", "restic-debian"])
def test_every_verb_and_flag_of_restics_is_on_the_page(peer: str) -> None:
    """Whatever restic's help lists has a line, and is in our parser unless the line says that it is not there."""
    page, verbs = _page(), _verbs(peer)
    assert len(verbs) > 20
    assert [verb for verb in verbs if verb not in page] == []
    missing = []
    for verb in verbs:
        own, shared = _flags(peer, verb)
        missing += [f"{verb} {flag}" for flag in own if flag not in page[verb]]
        missing += [flag for flag in shared if flag not in page[""]]
    assert sorted(set(missing)) == []


def test_the_verdicts_are_true() -> None:
    """What is the same or better is in our parsers, and what is not there is not."""
    wrong = []
    for verb, flags in _page().items():
        there = not verb or verb in OURS or bool(group_of(verb)) or verb == "help"
        known = _known(verb or "ls") if verb != "help" and there else set()
        for flag, verdict in flags.items():
            found = flag in known if flag else there
            if found != (verdict != "not there"):
                wrong.append(f"{verb} {flag}: {verdict}")
    assert wrong == []
