"""The worst day: with the kit's page, stock ssh-keygen, age, restic and curl the newest good snapshot is found, though
`latest` is an intruder's and the page is older; from a folder, by a gateway's URL, and from a bucket."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.custody.good.writing import KEPT
from tests.support import peers
from tests.support.custody.custodian import Custodian, part
from tests.support.programs import Restic, Strongroom
from tests.support.servers import minio
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway


@dataclass
class _Kept:
    """A repository in care at some place, and how a person reaches it without the custodian."""

    custodian: Custodian
    url: str
    folder: Path
    host: str = ""
    reader: dict[str, str] = field(default_factory=dict)

    def page(self) -> str:
        """The kit as text."""
        return self.custodian.run("kit", "web01").expect(0).out


def _at_gateway(stack: ExitStack, program: Strongroom, folder: Path) -> _Kept:
    gateway = stack.enter_context(Gateway(folder / "gateway", flags=("--append-only",), users={"x": "y"}))

    def token(who: str, role: str) -> str:
        return operate(gateway, "principal", "add", who, "--repository", "r", "--role", role)[1].strip()

    host, care = (f"rest:http://{who}:{token(who, role)}@{gateway.address}/r/"
                  for who, role in (("host", "host"), ("care", "custodian")))  # fmt: skip
    reader = {"RESTIC_REST_USERNAME": "reader", "RESTIC_REST_PASSWORD": token("reader", "auditor")}
    kept = _Kept(Custodian(program, folder / "state"), care, folder, host, reader)
    program.init(host)
    program.backup(host, folder / "src").expect(0)
    hint = re.search(
        r"gateway (keys open r .* --for 1h) --path",
        kept.custodian.run("adopt", "web01", "--store", care).err,
    )
    assert hint is not None
    assert operate(gateway, *hint[1].split())[0] == 0
    return kept


@pytest.fixture(params=["folder", "gateway", "bucket"])
def kept(request: pytest.FixtureRequest, strongroom: Strongroom, restic: Restic, tmp_path: Path) -> Iterator[_Kept]:
    """A first backup, and then its place comes into care."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "text").write_bytes(b"first")
    with ExitStack() as stack:
        if request.param == "gateway":
            made = _at_gateway(stack, strongroom, tmp_path)
        else:
            url = str(tmp_path / "a repository")
            reader: dict[str, str] = {}
            if request.param == "bucket":
                server = minio.running()
                url = f"{server.bucket(f'vault-{secrets.token_hex(4)}')}/hosts/web01"
                reader = server.environment
                for program in (strongroom, restic):
                    program.env.update(reader)
            restic.init(url)
            restic.backup(url, tmp_path / "src")
            made = _Kept(Custodian(strongroom, tmp_path / "state"), url, tmp_path, url, reader)
        made.custodian.adopt("web01", made.url)
        yield made


@pytest.mark.peer("age")
def test_the_list_leads_to_what_came_before_the_intruder(kept: _Kept, restic: Restic, strongroom: Strongroom) -> None:
    """Each line of the page is typed as it stands there. The list names the second snapshot, which the page does not
    know, and not the forged one; stock restic restores it. The program's own verb says the same without any state."""
    source = kept.folder / "src"
    kept.custodian.round().expect(0)
    page = kept.page()
    (source / "text").write_bytes(b"second")
    restic.backup(kept.host, source)
    (source / "text").write_bytes(b"mine now")
    restic.on(kept.host, "backup", "--time", "2031-01-01 00:00:00", source).expect(0)
    assert kept.custodian.round().code == 73
    shutil.rmtree(kept.custodian.state)

    desk = kept.folder / "desk"
    desk.mkdir()
    for name in ("sealed.txt", "config.txt", "key.txt"):
        (desk / name).write_bytes(re.search(rf"-- {name} -----\n(.*?)\n-----", page, re.DOTALL)[1].encode())  # type: ignore[index]
    (desk / "recovery.txt").write_text(kept.custodian.recovery + "\n")
    commands = re.findall(r"^    (\S.*)$", page, re.MULTILINE)
    (desk / "bin").mkdir()
    for name, program in (("age", peers.require("age")), ("restic", Path(restic.executable))):
        (desk / "bin" / name).symlink_to(program)
    env = {"PATH": f"{desk / 'bin'}:{os.environ['PATH']}", "HOME": str(desk), **kept.reader}

    def typed(line: str) -> str:
        words = ["bash", "-c", line]
        done = subprocess.run(words, cwd=desk, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def line(beginning: str) -> str:
        (found,) = (one for one in commands if re.match(beginning, one))
        return str(found)

    typed(line("base64 -d < sealed.txt"))
    typed(line("cp .*good.txt|NAME="))
    assert typed(line("echo 'custodian ssh-ed25519")).startswith('Good "strongroom-good" signature for custodian')
    listed = (desk / "list.txt").read_text()
    assert re.search(r"^repository (\w{64})$", listed, re.MULTILINE)[1] in page  # type: ignore[index]
    assert re.search(r"^number 2$", listed, re.MULTILINE)
    good = re.findall(r"^(\w{64})  ", listed, re.MULTILINE)
    assert len(good) == 2
    assert good[0] not in page and good[1] in page
    typed(next(one for one in commands if " restore " in one).replace(good[1], good[0]))
    assert (desk / "restored" / str(source)[1:] / "text").read_bytes() == b"second"

    ours = next(one for one in commands if one.startswith("strongroom custody last-good"))
    strongroom.env.update(kept.reader)
    words = subprocess.run(["bash", "-c", f"printf '%s\\n' {ours[11:]}"], capture_output=True, text=True, check=True)
    shown = strongroom.run(*words.stdout.splitlines()).expect(0)
    assert listed in shown.out
    assert f"restore {good[0]} --target" in shown.out
    asked = strongroom.run(*words.stdout.splitlines()[:-1], "99")
    assert (asked.code, "it is list 2, of 20" in asked.err) == (75, True)


@pytest.mark.parametrize("kept", ["folder"], indirect=True)
def test_the_verb_reads_it_with_a_state_and_as_json(kept: _Kept) -> None:
    """By the name in care, without a path; before the first round it is said that there is none; the page to print has
    the same steps; of what a round wrote too much, thirty stay."""
    asked = kept.custodian.run("last-good", "web01").expect(1)
    assert "no round has written a list of good snapshots yet" in asked.err
    assert "ssh-keygen" not in kept.page()
    assert "name a repository in care, or give --store" in kept.custodian.run("last-good").expect(1).err
    kept.custodian.round().expect(0)
    found = kept.custodian.run("last-good", "web01", "--json").expect(0).json()
    (source,) = found["sources"]
    assert (found["number"], found["before"], found["round"], source["good"], found["doubt"]) == (1, None, 1, 1, None)
    assert found["file"].startswith("0000000001-")
    kept.custodian.run("kit", "web01", "--html", kept.folder / "kit.html").expect(0)
    page = (kept.folder / "kit.html").read_text()
    assert "ssh-keygen -Y verify" in page and "custody/good/" in page
    folder = Path(kept.url) / ".strongroom/custody/good"
    older = [f"{0:010d}-{number:032x}" for number in range(KEPT + 1)]
    for name in older:
        (folder / name).write_text("old")
    (folder / "other").write_text("another's")
    with closing(sqlite3.connect(kept.custodian.state / "custody.db")) as database, database:
        database.execute("UPDATE custody_good SET kept = ?", [json.dumps([*older, found["file"]])])
    kept.custodian.round().expect(0)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*older[2:], found["file"], "other"])
    (folder / found["file"]).unlink()
    gone = kept.custodian.run("last-good", "web01").expect(1)
    assert "no list of good snapshots by this key" in gone.err
    assert part(kept.page(), "sealed.txt")
