"""What pages name is there: options, settings, variables, folders of ours, and the parts of files."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from strongroom.base.configuration import client, custody, fleet
from strongroom.base.configuration.document import parse
from strongroom.base.errors import ConfigurationError
from strongroom.cli.arguments.argparse_inside import options_of
from strongroom.cli.arguments.parser import build_parser
from strongroom.cli.verbs import VERBS
from strongroom.gateway.access import policy_form

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OTHERS = {
    "--all-databases",
    "--version",
    "--fd",
    "--purge",
    "--powershell-completion",
    "--output",
    "--init",
    "--baseurl",
}
"""Options of other programs that our pages name."""
THEIRS = {"reverse_proxy", "max_output_size", "min_packsize_tolerate_percent", "max_packsize_tolerate_percent"}
"""Names of other programs."""
COMPOSED = {"STRONGROOM_REPLICA_AWS_SECRET_ACCESS_KEY", "strongroom_lost_objects", "strongroom_unlogged_objects"}
"""Names that the code puts together."""
CODE = {".py", ".pyi", ".rs", ".toml", ".service", ".timer", ".sh", ".json", ".yml", ""}
PLACES = ("", "src/strongroom/", "crates/", "crates/kernel/src/", "tests/")
FORMS = (client.FORM, custody.FORM, fleet.FORM, policy_form.FORM)
SERVER = '[server]\nurl = "https://fleet.example.org:8040"\n'
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


@functools.cache
def options() -> frozenset[str]:
    """The options of all verbs."""
    return frozenset(option for verb in VERBS for option in options_of(build_parser(verb)))


@functools.cache
def code() -> str:
    """All that is no page."""
    folders = [ROOT / name for name in ("src", "crates", "deploy", "scripts", "tests", "benchmarks")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in CODE and path.is_file()]
    files.remove(Path(__file__))
    return "\n".join(path.read_text(errors="replace") for path in [*files, ROOT / "pyproject.toml", ROOT / "Makefile"])


def quoted(text: str) -> list[str]:
    """What stands in backquotes, outside blocks."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose)


def absent(text: str) -> list[str]:
    """The options, variables and names with an underscore that a text names and nobody has."""
    words = quoted(text)
    named = {word.split("=")[0].split(" ")[0] for word in words if re.match(r"--[a-z][a-z-]*[a-z](?=[ =]|$)", word)}
    missing = named - options() - OTHERS
    missing |= {one for one in re.findall(r"\bSTRONGROOM_[A-Z_]*[A-Z]\b", text) if one not in code()}
    joined = {word for word in words if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", word)}
    missing |= {word for word in joined if word not in code() and not (ROOT / "tests" / word).is_dir()} - THEIRS
    return sorted(missing - COMPOSED)


def parts_absent(text: str, page: Path) -> list[str]:
    """Parts of files, as in "`Lock._run` in `repository/locks/lock.py`", that these files do not define."""
    missing = []
    for part, file in re.findall(r"`([A-Za-z_.]+)` in\s+`([\w/]+\.(?:py|rs))`", text):
        found = [path for path in (page.parent / file, *(ROOT / place / file for place in PLACES)) if path.is_file()]
        defined = found[0].read_text() if found else ""
        forms = [rf"\b(class|def|fn|struct|enum) {name}\b|^{name} ?[:=]" for name in part.split(".")]
        if not all(re.search(form, defined, re.MULTILINE) for form in forms):
            missing.append(f"{part} in {file}")
    return missing


def unreadable(text: str) -> list[str]:
    """The parts of files of configuration that a page shows and no reader of ours takes."""
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for block in blocks if not is_taken(block)]


def is_taken(block: str) -> bool:
    """Whether one of our files may hold this, with the lines that a part of one need not repeat."""
    whole = block if re.search(r"^version = ", block, re.MULTILINE) else f"version = 1\n{block}"
    for form in FORMS:
        rest = SERVER if form is fleet.FORM and "[server]" not in block else ""
        try:
            parse(form, whole + rest, "page")
        except ConfigurationError:
            continue
        return True
    return False


@pytest.mark.parametrize("name", NAMES)
def test_what_a_page_names_is_there(name: str) -> None:
    """Each option, variable and setting in backquotes is there, and each part is in the file that is named."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert absent(text) == []
    assert parts_absent(text, ROOT / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_files_of_configuration_that_a_page_shows_are_taken(name: str) -> None:
    """Each block of TOML is read by one of our own readers, key by key."""
    assert unreadable((ROOT / name).read_text(encoding="utf-8")) == []


def test_what_is_not_there_is_found() -> None:
    """A stale option, variable, setting, part or key is seen."""
    assert absent("`--no-such` and `no_such_setting`, STRONGROOM_NO_SUCH") == [
        "--no-such", "STRONGROOM_NO_SUCH", "no_such_setting",
    ]  # fmt: skip
    assert parts_absent("`Lock._gone` in `repository/locks/lock.py`", ROOT / "README.md") != []
    assert unreadable("```toml\n[server]\nno_such = 5\n```\n") != []
