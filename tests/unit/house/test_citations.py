"""No citation leads nowhere: pages, sections, files and threats that code, tests and pages name are there."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLACES = ("", "docs/", "src/strongroom/", "tests/", "crates/", "crates/kernel/src/", "benchmarks/")
"""Where a path may begin that a page or a comment names."""
THREAT = re.compile(r"(?<![A-Za-z0-9-])[RAPKBSTMWEXGQ]-[0-9]{1,2}\b(?!-)")
WIDEST = 100


def tracked(*endings: str) -> list[Path]:
    """The files of the project that end so, without reference texts of tests."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if name.endswith(endings) and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """A file's text."""
    return path.read_text(encoding="utf-8")


def exists(name: str, beside: Path) -> bool:
    """Whether a path is there, seen from the file that names it or from one of the usual beginnings."""
    return (beside.parent / name).exists() or any((ROOT / place / name).exists() for place in PLACES)


@pytest.mark.parametrize("path", tracked(".py", ".pyi", ".rs", ".toml", ".md"), ids=lambda path: path.name)
def test_pages_that_are_cited_are_there(path: Path) -> None:
    """Every page that a file names is there, and has the section that is named behind it."""
    missing = []
    for name, section in re.findall(r"([\w./-]*[\w-]\.md)(?:`+)?(?:,)?\s+([0-9]+\.[0-9]+)?", text_of(path) + " "):
        found = next((ROOT / p / name for p in PLACES if (ROOT / p / name).is_file()), path.parent / name)
        if not found.is_file():
            missing.append(name)
        elif section and not re.search(rf"^#+ {re.escape(section)}\b", text_of(found), re.MULTILINE):
            missing.append(f"{name} {section}")
    assert missing == []


@pytest.mark.parametrize("path", tracked(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_files_of_a_page_are_there(path: Path) -> None:
    """Every link of a page leads somewhere, to its heading too, and every file of ours in backquotes is there."""
    text = re.sub(r"```.*?```", "", text_of(path), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    files = re.findall(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|rs|pyi|toml|md))`", text)
    bare = re.findall(r"`([\w-]+\.(?:py|rs|pyi))`", text)
    assert [link for link in links if not leads_somewhere(link, path)] == []
    assert [name for name in files if not exists(name, path)] == []
    assert [name for name in bare if name not in names()] == []


def leads_somewhere(link: str, page: Path) -> bool:
    """Whether a link's page is there, and the heading that it names, if it names one."""
    name, mark, heading = link.partition("#")
    place = page.parent / name if name else page
    if not place.exists() or not mark:
        return place.exists()
    headings = re.findall(r"^#+ +(.*)$", text_of(place), re.MULTILINE)
    return heading in {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for words in headings}


@functools.cache
def names() -> frozenset[str]:
    """How the files of code are called."""
    return frozenset(path.name for ending in (".py", ".rs", ".pyi") for path in tracked(ending))


@pytest.mark.parametrize("path", tracked(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_of_pages_are_short(path: Path) -> None:
    """No line of a page is wider than a hundred columns."""
    long = [number for number, line in enumerate(text_of(path).splitlines(), 1) if len(line) > WIDEST]
    assert long == []


def rows() -> dict[str, list[str]]:
    """Each threat's ID with the test files that its row names."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", text_of(ROOT / "docs/threat-model.md"), flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        tests = re.findall(r"`([\w/]+\.py)`", body.partition("Tests:")[2])
        found |= dict.fromkeys(THREAT.findall(head.partition(":")[0]), tests)
    return found


def test_every_threat_that_is_named_has_its_row() -> None:
    """Each ID in code, tests and pages is a row of the threat model."""
    files = tracked(".py", ".pyi", ".rs", ".md")
    named = {one: str(path.relative_to(ROOT)) for path in files for one in THREAT.findall(text_of(path))}
    assert {one: where for one, where in named.items() if one not in rows()} == {}


@pytest.mark.parametrize(("threat", "file"), [(one, file) for one, files in rows().items() for file in files])
def test_each_row_has_its_test(threat: str, file: str) -> None:
    """The file that a row names has a test whose docstring begins with the threat's ID, among others perhaps."""
    docstrings = re.findall(r'def test_\w+\([^)]*\)[^:]*:\s+(?:r?""")([^"]*?):', text_of(ROOT / "tests" / file))
    assert any(re.search(rf"\b{threat}\b", words) for words in docstrings)
