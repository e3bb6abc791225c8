"""What parses a host's bytes: the same answers as in this process, nothing else that it can do, and an end that is
known for what it was."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom import _kernel
from strongroom.base.errors import Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.sandbox import missing
from strongroom.custody.reading import children as children_module
from strongroom.custody.reading.children import ReadingChildren
from strongroom.custody.reading.examining import InThisProcess
from tests.support.forge import Forge

BEHAVIOUR = """
import os, signal, socket, sys, time
from strongroom.custody.reading import child
from strongroom.custody.reading.examining import Examined
def tried(what):
    try:
        what()
    except OSError:
        return "no"
    return "yes"
def behave(*arguments):
    source = arguments[-2]
    {}
child.examine = behave
child.main()
"""
ESCAPES = """return Examined(words=" ".join(map(tried, (
        lambda: open("/etc/passwd"), lambda: socket.socket(), os.fork, lambda: os.kill(os.getppid(), 0),
        lambda: os.execv("/bin/true", ["true"]), lambda: os.write(source, b"x")))))"""


KILLED = """import resource
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True: pass"""


def _behaving(body: str) -> ReadingChildren:
    return ReadingChildren((sys.executable, "-I", "-c", BEHAVIOUR.format(body)))


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository with an object of each kind."""
    forge = Forge(tmp_path / "repository")
    forge.pack(("data", os.urandom(100_000)))
    forge.snapshot(forge.tree())
    forge.index()
    return forge


@pytest.fixture
def name() -> ObjectName:
    """Some pack's."""
    return ObjectName(Kind.DATA, "ab" * 32)


@pytest.fixture
def key() -> _kernel.Key:
    """Some repository's."""
    return _kernel.Key.generate()


@pytest.fixture
def children() -> Iterator[ReadingChildren]:
    """Children as a round has them."""
    found = ReadingChildren()
    yield found
    found.end()


def test_a_child_finds_what_this_process_finds(forge: Forge, children: ReadingChildren) -> None:
    """Each kind, sound and damaged, as a descriptor and as bytes; one child serves them all."""
    secret = forge.secret
    key = _kernel.Key(secret.encrypt, secret.mac_k, secret.mac_r)
    seen = set()
    for kind in (Kind.KEY, Kind.SNAPSHOT, Kind.INDEX, Kind.DATA):
        for path in (forge.place / kind.value).rglob("*"):
            if not path.is_file():
                continue
            good = path.read_bytes()
            name = ObjectName(kind, path.name)
            for data in (good, good[:-7], b""):
                path.write_bytes(data)
                here = InThisProcess().examine(key, name, data, len(data))
                assert children.examine(key, name, data, len(data)) == here
                with path.open("rb") as file:
                    assert children.examine(key, name, file.fileno(), len(data)) == here
                seen.add((kind, bool(here.fault)))
    assert len(seen) == 8
    assert [len(idle) for idle in children._idle.values()] == [1]


@pytest.mark.skipif(bool(missing()), reason=f"this kernel lacks {' and '.join(missing())}")
def test_a_child_can_do_nothing_but_answer(key: _kernel.Key, name: ObjectName, tmp_path: Path) -> None:
    """No file, no socket, no process, no signal, no other program, and nothing written, not even where it reads."""
    (tmp_path / "pack").write_bytes(b"pack")
    children = _behaving(ESCAPES)
    with (tmp_path / "pack").open("r+b") as file:
        assert children.examine(key, name, file.fileno(), 4).words == "no no no no no no"
    children.end()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.abort()", "ends the process that reads it (SIG"),
        ("raise SystemError", "ends the process that reads it"),
        ("return Examined(rows=bytes(10 << 30))", "takes more memory to read than any honest one"),
        ("return Examined(rows=bytes(450))", "ends the process that reads it"),
    ],
)
def test_an_object_that_ends_children_has_that_for_its_fault(
    key: _kernel.Key, name: ObjectName, body: str, words: str
) -> None:
    """Twice, by what it makes of a child; more rows than a pack of that size can have count as such an end."""
    assert _behaving(body).examine(key, name, b"pack", 4).fault.startswith(words)


def test_an_object_that_is_read_for_ever_is_given_up(
    key: _kernel.Key, name: ObjectName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By processor time, which other processes do not shorten; by the clock where it computes nothing."""
    monkeypatch.setattr(children_module, "SECONDS", 0)
    busy = _behaving("while True: pass").examine(key, name, b"pack", 4)
    assert busy.fault == "takes longer to read than any honest one"


def test_a_child_that_somebody_else_ended_says_nothing_of_the_object(key: _kernel.Key, name: ObjectName) -> None:
    """SIGKILL comes from an operator, from a system without memory, or, as here, at a limit that is none of ours."""
    with pytest.raises(Unavailable, match="ended by somebody"):
        _behaving(KILLED).examine(key, name, b"pack", 4)


def test_a_child_that_does_not_start_is_said(key: _kernel.Key, name: ObjectName) -> None:
    """A program that is none of ours ends at once."""
    with pytest.raises(Unavailable, match="did not start"):
        ReadingChildren((sys.executable, "-c", "pass")).examine(key, name, b"pack", 4)


def test_trees_are_rehearsed_where_the_pack_is_read(forge: Forge) -> None:
    """A tree that ends whoever parses it is the fault of its pack, before anybody walks it."""
    secret = forge.secret
    key = _kernel.Key(secret.encrypt, secret.mac_k, secret.mac_r)
    deadly = BEHAVIOUR.replace("child.examine = behave", "child.examining._kernel.measure_tree = behave")
    deadly = deadly.replace("import child", "import child, examining\nchild.examining = examining")
    children = ReadingChildren((sys.executable, "-I", "-c", deadly.format("os.abort()")))
    faults = {}
    for entry in forge.entries:
        data = next((forge.place / "data").rglob(entry["id"])).read_bytes()
        found = children.examine(key, ObjectName(Kind.DATA, entry["id"]), data, len(data))
        faults[entry["blobs"][0]["type"]] = bool(found.fault)
    children.end()
    assert faults == {"data": False, "tree": True}
