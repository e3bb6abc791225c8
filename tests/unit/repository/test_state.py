"""What this host remembers: pins and last runs, and what it does when its memory is lost, broken or not its own."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import NoRepository, RepositoryError
from strongroom.base.objects import CONFIG
from strongroom.base.record import replace
from strongroom.repository import state as state_module
from strongroom.repository.opening import initialise, open_repository
from strongroom.repository.state import LastRun, Pin, StateDirectory, default_state_folder, pin_url
from strongroom.storage.local.store import LocalStore
from tests.support.repositories import PASSWORD, Machine, make

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = "ab" * 32
RUN = LastRun("1" * 64, "2" * 64, 1_790_000_000_000_000_000)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["version", "salt", "runs", "pins"]),
    st.none() | st.integers() | st.lists(st.text(max_size=3), max_size=2),
)
PIN = Pin("rest:https://backup.example/alpha", REPOSITORY, 0x25B468838DCB75, "3" * 64)


def test_what_was_remembered_comes_back(tmp_path: Path) -> None:
    """Runs are found by host and paths in any order, pins by their URL, and the salt stays what it was."""
    directory = StateDirectory(str(tmp_path / "state"), Machine().surroundings)
    state = directory.repository(REPOSITORY)
    assert state.last_run("alpha", ["/a"]) is None
    assert directory.pins_at(PIN.url) == []
    state.record_run("alpha", ["/b", "/a\udcff"], RUN)
    state.pin(PIN)
    salt = state.salt
    later = StateDirectory(str(tmp_path / "state"), Machine().surroundings)
    again = later.repository(REPOSITORY)
    assert again.last_run("alpha", ["/a\udcff", "/b"]) == RUN
    assert again.last_run("alpha", ["/b"]) is None
    assert again.last_run("beta", ["/a\udcff", "/b"]) is None
    assert later.pins_at(PIN.url) == [PIN] and later.pins_at("/elsewhere") == []
    assert again.salt == salt and len(salt) == 32
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / f"{REPOSITORY}.json").stat().st_mode & 0o777 == 0o600


def _broken(path: Path, how: str) -> None:
    document = json.loads(path.read_bytes())
    if how == "junk":
        path.write_bytes(b"junk")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "others":
        path.chmod(0o666)
    elif how == "pipe":
        path.unlink()
        os.mkfifo(path, 0o600)
    elif how == "infinity":
        path.write_text(path.read_text().replace(str(RUN.started_ns), "1e999"))
    elif how == "folder":
        path.unlink()
        path.mkdir()
    else:
        document[how] = 7
        path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "how",
    ["junk", "empty", "others", "pipe", "infinity", "folder", "version", "repository", "salt", "pins", "runs"],
)
def test_a_broken_memory_is_a_warning(tmp_path: Path, how: str) -> None:
    """Whatever happened to the file: a warning, no parent, and a memory that works again where the disk lets it."""
    machine = Machine()
    state = StateDirectory(str(tmp_path), machine.surroundings).repository(REPOSITORY)
    state.record_run("alpha", ["/a"], RUN)
    _broken(tmp_path / f"{REPOSITORY}.json", how)
    assert state.last_run("alpha", ["/a"]) is None
    assert len(machine.warnings) == 1 and REPOSITORY in machine.warnings[0]
    state.record_run("alpha", ["/a"], RUN)
    assert (state.last_run("alpha", ["/a"]) == RUN) == (how != "folder")
    assert not list(tmp_path.glob("*.tmp"))
    assert len(machine.warnings) == len(set(machine.warnings))


@settings(max_examples=40, deadline=None)
@given(junk=st.binary(max_size=80) | DOCUMENTS.map(lambda value: json.dumps(value).encode()))
def test_no_junk_breaks_it(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    """Any bytes in the file mean nothing worse than an empty memory."""
    folder = tmp_path_factory.mktemp("state")
    (folder / f"{REPOSITORY}.json").write_bytes(junk)
    directory = StateDirectory(str(folder), Machine().surroundings)
    assert directory.repository(REPOSITORY).last_run("alpha", []) is None
    assert directory.pins_at("/x") == []


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    """A state directory in an impossible place costs the memory, nothing else."""
    (tmp_path / "file").write_bytes(b"")
    machine = Machine()
    state = StateDirectory(str(tmp_path / "file" / "state"), machine.surroundings).repository(REPOSITORY)
    state.record_run("alpha", ["/a"], RUN)
    state.pin(PIN)
    assert len(machine.warnings) == 2
    assert "Errno" not in "".join(machine.warnings)


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    """Changes of several processes are made one after the other."""

    def remember(number: int) -> None:
        StateDirectory(str(tmp_path), Machine(pid=number).surroundings).repository(REPOSITORY).record_run(
            f"host{number}", ["/a"], RUN
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(remember, range(40)))
    state = StateDirectory(str(tmp_path), Machine().surroundings).repository(REPOSITORY)
    assert all(state.last_run(f"host{number}", ["/a"]) == RUN for number in range(40))


def test_another_repository_at_a_pinned_place_is_refused(tmp_path: Path) -> None:
    """A repository that was replaced, or that is gone, is never written to and never made anew by itself."""
    state = StateDirectory(str(tmp_path / "state"), Machine().surroundings)
    make(tmp_path / "one")
    make(tmp_path / "two")

    def go() -> str:
        return open_repository(
            LocalStore(str(tmp_path / "place")), PASSWORD, surroundings=Machine().surroundings, state=state
        ).id

    (tmp_path / "one").rename(tmp_path / "place")
    first = go()
    pin = state.pins_at(str(tmp_path / "place"))[0]
    assert pin is not None and pin.repository_id == first
    (tmp_path / "place").rename(tmp_path / "one")
    with pytest.raises(NoRepository, match="knows the repository"):
        go()
    with pytest.raises(RepositoryError, match="refusing"):
        initialise(LocalStore(str(tmp_path / "place")), PASSWORD, surroundings=Machine().surroundings, state=state)
    assert not (tmp_path / "place").exists()
    (tmp_path / "two").rename(tmp_path / "place")
    assert go() != first
    other = open_repository(
        LocalStore(str(tmp_path / "place")), PASSWORD, surroundings=Machine().surroundings, state=state
    )
    with pytest.raises(RepositoryError, match="another repository"):
        other.refuse_unless_writable_by_backup()
    other.admit()
    other.refuse_unless_writable_by_backup()
    assert {pin.repository_id for pin in state.pins_at(str(tmp_path / "place"))} == {first, other.id}


def test_the_pinned_key_is_tried_first(tmp_path: Path) -> None:
    """What opened a repository once opens it again without a listing."""
    state = StateDirectory(str(tmp_path / "state"), Machine().surroundings)
    store = make(tmp_path / "place")
    open_repository(store, PASSWORD, surroundings=Machine().surroundings, state=state)
    pin = state.pins_at(store.location)[0]
    assert pin is not None
    for number in range(2000):
        (tmp_path / "place" / "keys" / f"{number:064x}").write_bytes(b"junk")
    machine = Machine()
    assert open_repository(store, PASSWORD, surroundings=machine.surroundings, state=state).key_id == pin.key_id
    assert machine.warnings == []
    assert store.stat(CONFIG).size


def test_where_the_state_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our variable, then root's place, then the desktop's, then the home folder; pins go by absolute paths."""
    monkeypatch.setenv("STRONGROOM_STATE_DIR", "/s")
    assert default_state_folder() == "/s"
    monkeypatch.delenv("STRONGROOM_STATE_DIR")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_state_folder() == "/var/lib/strongroom"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert default_state_folder() == "/x/strongroom"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_state_folder() == "/home/ann/.local/state/strongroom"
    assert pin_url("rest:https://x/y") == "rest:https://x/y"
    assert pin_url("a/../b").endswith("/b") and pin_url("a/../b").startswith("/")


def test_sources_that_never_come_again_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest sources are remembered, so that one-time names do not fill the disk."""
    monkeypatch.setattr(state_module, "_MAX_RUNS", 5)
    state = StateDirectory(str(tmp_path), Machine().surroundings).repository(REPOSITORY)
    for number in range(9):
        state.record_run("alpha", [f"/{number}"], replace(RUN, started_ns=number))
    assert [state.last_run("alpha", [f"/{number}"]) is not None for number in range(9)] == [False] * 4 + [True] * 5
