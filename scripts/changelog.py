"""Writes CHANGELOG.md from the fragments in changelog/; what form they have is in changelog/README.md."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("Security", "Bugfix", "Change", "Enhancement")
UNRELEASED = "unreleased"


def fragments(folder: Path) -> list[tuple[str, str, str]]:
    """The fragments of a release as kind, sentence and text, in the order of their kinds and names.

    Raises ``ValueError`` for a file that has not the form.
    """
    found = []
    for path in sorted(folder.glob("*.md")):
        first, _, text = path.read_text(encoding="utf-8").partition("\n")
        kind, colon, sentence = first.partition(": ")
        if kind not in KINDS or not colon or sentence.endswith(".") or len(first) > 100:
            kinds = ", ".join(KINDS)
            raise ValueError(f"{path.name}: the first line is one of {kinds}, a colon, and one sentence")
        if not text.startswith("\n") or not text.strip():
            raise ValueError(f"{path.name}: an empty line and the text follow the first line")
        found.append((kind, sentence, text.strip()))
    return sorted(found, key=lambda one: KINDS.index(one[0]))


def render() -> str:
    """The whole changelog."""
    lines = ["# Changelog", "", "Written by `make changelog` from `changelog/`.", ""]
    releases = sorted((path for path in (ROOT / "changelog").iterdir() if path.is_dir()), key=_age, reverse=True)
    for release in releases:
        version, _, date = release.name.partition("_")
        lines += [f"## {version}{f' ({date})' if date else ''}", ""]
        for kind, sentence, text in fragments(release):
            lines += [f"### {kind}: {sentence}", "", text, ""]
    return "\n".join(lines).rstrip() + "\n"


def _age(folder: Path) -> tuple[bool, tuple[int, ...]]:
    version = folder.name.partition("_")[0]
    return version == UNRELEASED, tuple(int(part) for part in version.split(".") if part.isdigit())


if __name__ == "__main__":
    try:
        (ROOT / "CHANGELOG.md").write_text(render(), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"error: {error}")
