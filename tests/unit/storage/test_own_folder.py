"""Small files of ours in a folder into which others write as well."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.base.errors import Exists, LimitExceeded, Missing
from strongroom.storage.names import OWN_LARGEST
from strongroom.storage.own.folder import FolderFiles


@pytest.mark.parametrize("what", ["pipe", "endless", "folder", "nowhere"])
def test_what_is_no_regular_file_counts_as_missing(tmp_path: Path, what: str) -> None:
    """A pipe, a link to what has no end, a folder, a link to nowhere: nobody waits for it, and nothing takes its
    place."""
    place = tmp_path / "custody" / "good"
    place.mkdir(parents=True)
    if what == "pipe":
        os.mkfifo(place / "1")
    elif what == "folder":
        (place / "1").mkdir()
    else:
        (place / "1").symlink_to("/dev/zero" if what == "endless" else "/nowhere")
    files = FolderFiles(str(tmp_path))
    with pytest.raises(Missing):
        files.read("custody/good/1")
    with pytest.raises(Exists):
        files.write_once("custody/good/1", b"ours")


def test_what_is_larger_than_any_file_of_ours_is_refused(tmp_path: Path) -> None:
    """It is read no further than the largest may be."""
    (tmp_path / "custody").mkdir()
    with (tmp_path / "custody" / "1").open("wb") as file:
        file.truncate(OWN_LARGEST + 1)
    with pytest.raises(LimitExceeded):
        FolderFiles(str(tmp_path)).read("custody/1")
