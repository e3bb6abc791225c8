"""The form of the pages: short paragraphs, and decisions that say what, why, what else was tried, and figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LONGEST_PARAGRAPH = 6
ONE_WORD = {
    r"white-?list": "allowlist",
    r"black-?list": "denylist",
    r"file-?system": "file system",
    r"pass-?phrase": "password",
    r"e-?mail": "mail",
    r"quarantin\w+": "set aside",
    r"director(?:y|ies)": "folder",
    r"daemon": "server, or service",
    r"time-?stamp(?:s|ed)?": "stamp, or time",
    r"data-?base file": "database",
    r"back-ups?": "backup",
    r"object stores?": "bucket, or store",
    r"in order to": "to",
    r"utili[sz]e\w*": "use",
    r"(?:there|where)(?:by|of|in|upon)": "words of today",
}
"""Words that the glossary or plain English has another word for."""
OTHERS = {"tried.md", "CHANGELOG.md", "migrate-from-restic.md", "format.md", "rest-protocol.md"}
"""Pages that tell of other programs in their words."""
DECISION = ["What", "Why", "What else was tried", "Figures"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs/decisions").glob("0*.md"))


def paragraphs(text: str) -> list[list[str]]:
    """The paragraphs and the items of lists, as lines; no code, tables or headings."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if not line.strip() or re.match(r"    |[#|>]", line):
            found.append([])
        elif re.match(r"\s*([*-]|\d+\.) ", line):
            found.append([line])
        else:
            found[-1].append(line)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paragraphs_are_short(page: Path) -> None:
    """No paragraph and no item of a list has more than six lines."""
    long = [one[0] for one in paragraphs(page.read_text(encoding="utf-8")) if len(one) > LONGEST_PARAGRAPH]
    assert long == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_says_what_and_why(page: Path) -> None:
    """Each has the four headings in their order, with something below each, and its line in the list."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == DECISION
    assert all(part.strip() for part in re.split(r"^##? .*$", text, flags=re.MULTILINE)[2:])
    number, title = re.match(r"# (\d+)\. (.+)", text).groups()  # type: ignore[union-attr]
    assert int(page.name[:4]) == int(number)
    assert f"[{number}. {title}]({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


def said(text: str) -> str:
    """A page without its code, links and headings of others."""
    text = re.sub(r"^```.*?^```|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OTHERS], ids=lambda page: page.name)
def test_one_thing_has_one_word(page: Path) -> None:
    """No page has another word for a thing that the glossary names, nor one that plain English has not."""
    words = said(page.read_text(encoding="utf-8"))
    found = {m[0]: better for drifted, better in ONE_WORD.items() if (m := re.search(rf"(?i)\b{drifted}\b", words))}
    assert found == {}


def test_the_glossary_is_sorted_and_says_each_word_once() -> None:
    """Each word of the glossary stands there once, in the order of the alphabet, so that it is found."""
    words = re.findall(r"^\* \*\*(.+?)\*\*:", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert words == sorted(set(words))


def test_what_is_not_built_is_said_at_the_end_of_a_page_and_named_by_the_readme() -> None:
    """A list of what is not built yet is the last section of its page, and the README leads to each such list."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        if "What is not built yet" in headings:
            assert headings[-1] == "What is not built yet", page.name
            assert f"]({page.relative_to(ROOT)}#what-is-not-built-yet)" in readme, page.name


def test_the_map_has_each_room() -> None:
    """The tree in the architecture page names each folder of the program, two floors down."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    top = ROOT / "src/strongroom"
    rooms = [path.parent.relative_to(top) for pattern in ("*", "*/*") for path in top.glob(f"{pattern}/__init__.py")]
    assert len(rooms) > 50
    assert [str(room) for room in rooms if not re.search(rf"\b{room.name}/", text)] == []
