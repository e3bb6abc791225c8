"""The changelog is written from fragments that have one form."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import changelog


def test_the_changelog_is_written_from_its_fragments() -> None:
    """CHANGELOG.md is what `make changelog` makes of the fragments."""
    assert (changelog.ROOT / "CHANGELOG.md").read_text(encoding="utf-8") == changelog.render()


@pytest.mark.parametrize(
    "text", ["Fix: a thing\n\nWords.\n", "Bugfix: a thing.\n\nWords.\n", "Bugfix: a thing\nWords.\n", "Bugfix: x\n\n\n"]
)
def test_fragments_without_the_form_are_refused(tmp_path: Path, text: str) -> None:
    """An unknown kind, a full stop, and a missing text are refused, with the file's name."""
    (tmp_path / "some.md").write_text(text)
    with pytest.raises(ValueError, match=r"some\.md"):
        changelog.fragments(tmp_path)
