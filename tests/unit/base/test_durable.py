"""Giving a file its name without replacing another, on every kind of file system."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base import durable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def without_renameat2(patch: pytest.MonkeyPatch) -> None:
    """An old C library."""
    patch.setattr(durable, "_renameat2", lambda: None)


def with_renameat2_refused(patch: pytest.MonkeyPatch) -> None:
    """A file system that does not know RENAME_NOREPLACE."""

    def refuse(_: bytes, target: bytes) -> None:
        raise OSError(errno.EINVAL, "no such flag", target)

    patch.setattr(durable, "_renameat2", lambda: refuse)


def without_links(patch: pytest.MonkeyPatch) -> None:
    """FAT: neither of the two."""
    without_renameat2(patch)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    patch.setattr(os, "link", refuse)


@pytest.mark.parametrize("system", [lambda _: None, without_renameat2, with_renameat2_refused, without_links])
def test_never_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: Callable[..., None]) -> None:
    """The first file of a name stays, the second is told so and keeps its own."""
    system(monkeypatch)
    for number in (1, 2):
        (tmp_path / f"t{number}").write_text(str(number))
    durable.rename_new(str(tmp_path / "t1"), str(tmp_path / "name"))
    with pytest.raises(FileExistsError):
        durable.rename_new(str(tmp_path / "t2"), str(tmp_path / "name"))
    assert (tmp_path / "name").read_text() == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name", "t2"]


def test_missing_fsync_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no fsync is taken as it is; a real fault of fsync is not passed over."""
    with (tmp_path / "f").open("w") as file:
        for number, passes in ((errno.EINVAL, True), (errno.EOPNOTSUPP, True), (errno.EIO, False)):

            def fail(_: int, number: int = number) -> None:
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr(os, "fsync", fail)
            if passes:
                durable.sync_file(file.fileno())
            else:
                with pytest.raises(OSError, match="Input/output"):
                    durable.sync_file(file.fileno())
