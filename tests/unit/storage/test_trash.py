"""Finding what lies in the trash of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.local.trash import dated_files, find_in_trash

if TYPE_CHECKING:
    from pathlib import Path

NAME = ObjectName(Kind.INDEX, "ab" * 32)


def test_the_newest_copy_comes_first_beyond_ten_of_a_day(tmp_path: Path) -> None:
    """Copies of one day are in the order of their numbers, and those of a later day come before."""
    for date, count in (("2027-03-01", 12), ("2027-03-02", 1)):
        folder = tmp_path / ".strongroom" / "trash" / date / "index"
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{NAME.name}.{number}").write_bytes(b"")
    found = [(one.date[-2:], one.generation) for one in find_in_trash(str(tmp_path), NAME)]
    assert found == [("02", 0), *(("01", number) for number in reversed(range(12)))]


def test_only_what_a_trash_may_hold_is_found(tmp_path: Path) -> None:
    """Other names, other dates and a file in a folder's place are passed over; a trash that is not there is empty."""
    trash = tmp_path / "trash"
    assert list(dated_files(str(trash), Kind)) == []
    (trash / "2027-03-01" / "index").mkdir(parents=True)
    (trash / "2027-03-01" / "keys").write_bytes(b"")
    (trash / "20270301T101010.000000001Z-prune" / "index").mkdir(parents=True)
    for name in (NAME.name, f"{NAME.name}.1x", f"{NAME.name}.3", "notes.txt"):
        (trash / "2027-03-01" / "index" / name).write_bytes(b"")
    assert [(one.name, one.generation) for one in dated_files(str(trash), Kind)] == [(NAME, 3)]
