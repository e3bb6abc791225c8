"""Uploads that leave a trace until their receipt is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base import errors
from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.local import LocalStore
from strongroom.storage.modes import SERVER_PRIVATE
from strongroom.storage.received import leftovers, receive

if TYPE_CHECKING:
    from pathlib import Path

PACK = ObjectName(Kind.DATA, "ab" * 32)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A server's folder."""
    opened = LocalStore(str(tmp_path / "repository"), modes=SERVER_PRIVATE)
    opened.prepare()
    return opened


def traces(store: LocalStore) -> list[str]:
    """The temporary names."""
    folder = os.path.join(store.path, ".strongroom", "tmp")
    return os.listdir(folder) if os.path.isdir(folder) else []


def dead_writer(store: LocalStore, *, commit: bool, data: bytes = b"pack") -> None:
    """What a writer leaves that is killed before, or after, it published."""
    process = os.fork()
    if process == 0:
        upload = receive(store, PACK, "host_1", len(data))
        upload.write(data)
        if commit:
            upload.commit()
        os._exit(9)
    assert os.waitpid(process, 0)[1] != 0


def test_the_trace_goes_when_it_is_released(store: LocalStore) -> None:
    """Committed the object is there and so is the trace; released the trace is gone."""
    with receive(store, PACK, "host_1") as upload:
        upload.write(b"pack")
        assert not list(leftovers(store))
        upload.commit()
        assert store.read_bytes(PACK) == b"pack"
        assert len(traces(store)) == 1
        assert not list(leftovers(store))
        upload.release()
    assert not traces(store)
    assert os.stat(os.path.join(store.path, PACK.path)).st_nlink == 1


def test_an_aborted_upload_leaves_none(store: LocalStore) -> None:
    """Neither leaving early nor a refusal leaves a trace."""
    with receive(store, PACK, "host_1") as upload:
        upload.write(b"half")
    store.create(PACK, b"pack")
    with pytest.raises(errors.Exists), receive(store, PACK, "host_1") as upload:
        upload.write(b"other")
        upload.commit()
    assert not traces(store)


def test_a_killed_writer_is_found(store: LocalStore) -> None:
    """The next start learns what was published without a receipt, and what was not published at all."""
    dead_writer(store, commit=True)
    dead_writer(store, commit=False)
    found = sorted(leftovers(store), key=lambda leftover: leftover.published)
    assert [(leftover.name, leftover.label, leftover.size, leftover.published) for leftover in found] == [
        (PACK, "host_1", 4, False),
        (PACK, "host_1", 4, True),
    ]
    for leftover in found:
        leftover.discard()
        leftover.discard()
    assert not traces(store)
    assert store.read_bytes(PACK) == b"pack"


def test_the_same_bytes_of_another_writer_are_not_published(store: LocalStore) -> None:
    """Who came second and was killed did not publish: the file is another."""
    store.create(PACK, b"pack")
    dead_writer(store, commit=True)
    assert [leftover.published for leftover in leftovers(store)] == [False]


def test_a_plain_store_leaves_traces_alone(store: LocalStore) -> None:
    """A backup into the same folder does not sweep away what the server has to look at."""
    dead_writer(store, commit=True)
    LocalStore(store.path).create(ObjectName(Kind.DATA, "cd" * 32), b"x")
    assert len(traces(store)) == 1


@pytest.mark.parametrize("label", ["", "a/b", "..", "a-b", "a" * 65, "ä"])
def test_labels_are_words(store: LocalStore, label: str) -> None:
    """A label cannot become a path."""
    with pytest.raises(ValueError, match="label"):
        receive(store, PACK, label)
