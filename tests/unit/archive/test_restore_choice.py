"""Restoring by the names of owners, and only some of the extended attributes."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.archive.restore.run import RestoreOptions
from strongroom.base.errors import Unsupported, UsageError
from tests.support.forge import Forge
from tests.support.restoring import Files, bring_back

if TYPE_CHECKING:
    from pathlib import Path

_ATTRIBUTES = [{"name": "user.one", "value": "MQ=="}, {"name": "user.two", "value": "Mg=="}]


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository to put trees into."""
    return Forge(tmp_path / "repository")


@pytest.mark.root
def test_owners_by_name(forge: Forge, tmp_path: Path) -> None:
    """With --ownership-by-name the names decide where this machine knows them, else the numbers, as without it."""
    files = Files(forge)
    user, group = pwd.getpwuid(1), grp.getgrgid(2)
    root = forge.tree(
        files.node("known", b"1", uid=54321, gid=54322, user=user.pw_name, group=group.gr_name),
        files.node("nameless", b"2", uid=54321, gid=54322, user="", group="no such group"),
    )
    files.pack()
    for by_name, expected in ((True, (user.pw_uid, group.gr_gid)), (False, (54321, 54322))):
        out = tmp_path / str(by_name)
        assert bring_back(forge, root, out, ownership_by_name=by_name).errors == {}
        known, nameless = (out / "known").stat(), (out / "nameless").stat()
        assert (known.st_uid, known.st_gid) == expected
        assert (nameless.st_uid, nameless.st_gid) == (54321, 54322)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"include_xattrs": ("user.t*",)}, {"user.old", "user.two"}),
        ({"exclude_xattrs": ("user.t*",)}, {"user.one"}),
        ({"exclude_xattrs": ("user.*",)}, {"user.old"}),
        ({}, {"user.one", "user.two"}),
    ],
)
def test_some_attributes(forge: Forge, tmp_path: Path, options: dict[str, Any], kept: set[str]) -> None:
    """Attributes that are not chosen are neither set nor, on a file that is there already, removed."""
    files = Files(forge)
    root = forge.tree(files.node("file", b"1", extended_attributes=_ATTRIBUTES))
    files.pack()
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_bytes(b"1")
    os.setxattr(out / "file", "user.old", b"old")
    assert bring_back(forge, root, out, **options).errors == {}
    assert set(os.listxattr(out / "file")) == kept


def test_patterns_that_make_no_sense_are_refused(forge: Forge, tmp_path: Path) -> None:
    """Both kinds together and malformed patterns are errors before anything is written."""
    with pytest.raises(UsageError, match="mutually exclusive"):
        RestoreOptions(str(tmp_path), include_xattrs=("a",), exclude_xattrs=("b",)).check()
    root = forge.tree()
    with pytest.raises(Unsupported, match="malformed"):
        bring_back(forge, root, tmp_path / "out", exclude_xattrs=("[",))
    assert not (tmp_path / "out").exists()
