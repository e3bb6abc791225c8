"""Getting everything back: the kit with stock programs alone, drills, and the last good version of a path."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pyrage
import pytest

from tests.support import peers
from tests.support.custody.custodian import Custodian, part
from tests.support.programs import Restic, Strongroom


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a database, an archive and some text."""
    folder = tmp_path / "src"
    folder.mkdir()
    database = sqlite3.connect(folder / "books.sqlite")
    database.executescript("create table books (title); insert into books values ('one')")
    database.close()
    (folder / "text").write_bytes(b"first")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(100))
    return folder


@pytest.fixture
def kept(strongroom: Strongroom, restic: Restic, source: Path, tmp_path: Path) -> tuple[Custodian, Path]:
    """A custodian with a repository that stock restic made, after its first round."""
    place = tmp_path / "repository"
    restic.init(place)
    restic.backup(place, source)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    return custodian, place


@pytest.mark.peer("age")
def test_the_kit_restores_with_stock_age_and_stock_restic_alone(
    kept: tuple[Custodian, Path], restic: Restic, source: Path, tmp_path: Path
) -> None:
    """The page, the printed identity, age and restic bring the newest good snapshot back, without config and key file
    of the store."""
    custodian, place = kept
    kit = custodian.run("kit", "web01").expect(0).out
    assert custodian.recovery not in kit
    name = re.search(r"^key +(\w{64})$", kit, re.MULTILINE)
    assert name is not None
    for lost in (place / "config", place / "keys" / name[1]):
        lost.unlink()
    (place / "config").write_bytes(part(kit, "config.txt"))
    (place / "keys" / name[1]).write_bytes(part(kit, "key.txt"))
    (tmp_path / "recovery.txt").write_text(custodian.recovery + "\n")
    opened = subprocess.run(
        [peers.require("age"), "-d", "-i", tmp_path / "recovery.txt"],
        input=part(kit, "sealed.txt"), capture_output=True, check=True,
    )  # fmt: skip
    command = re.search(r"restic -r .* restore (\w{64}) --target restored", kit)
    assert command is not None
    words = ("--key-hint", name[1], "--no-lock", "restore", command[1], "--target", tmp_path / "restored")
    restic.run("-r", place, *words, env={"RESTIC_PASSWORD": opened.stdout.decode()}).expect(0)
    assert (tmp_path / "restored" / str(source)[1:] / "text").read_bytes() == b"first"


def test_the_kit_leads_to_the_replica(
    kept: tuple[Custodian, Path], restic: Restic, source: Path, tmp_path: Path
) -> None:
    """The repository is gone with its account: the page says where the copy is, what it lacks, and what to type."""
    custodian, place = kept
    custodian.run("replicate", "web01", "--to", str(tmp_path / "replica")).expect(0)
    (source / "text").write_bytes(b"second")
    restic.backup(place, source)
    custodian.round()
    kit = custodian.run("kit", "web01").expect(0).out
    assert kit.count("(not at the replica yet)") == 1
    custodian.run("kit", "web01", "--html", tmp_path / "kit.html").expect(0)
    assert str(tmp_path / "replica") in (tmp_path / "kit.html").read_text()
    shutil.rmtree(place)
    password = pyrage.decrypt(part(kit, "sealed.txt"), [pyrage.x25519.Identity.from_str(custodian.recovery)]).decode()
    restores = re.findall(r"restic -r (\S+) .*--key-hint (\w+) --no-lock restore (\w{64})", kit)
    assert [Path(where).name for where, _, _ in restores] == ["repository", "replica"]
    where, key, newest = restores[1]
    words = ("--key-hint", key, "--no-lock", "restore", newest, "--target", tmp_path / "restored")
    restic.run("-r", where, *words, env={"RESTIC_PASSWORD": password}).expect(0)
    assert (tmp_path / "restored" / str(source)[1:] / "text").read_bytes() == b"first"


def test_a_planted_index_does_not_stop_whoever_follows_the_kit(
    kept: tuple[Custodian, Path], restic: Restic, source: Path, tmp_path: Path
) -> None:
    """Stock restic stops at one index of noise, which needs no password to write; the kit's line gets past it."""
    custodian, place = kept
    noise = os.urandom(300)
    (place / "index" / hashlib.sha256(noise).hexdigest()).write_bytes(noise)
    kit = custodian.run("kit", "web01").expect(0).out
    restore = re.search(r"restic -r .* restore (\w{64}) --target restored", kit)
    assert restore is not None
    words = ("restore", restore[1], "--target", tmp_path / "restored")
    assert restic.run("-r", place, "--no-lock", *words).code != 0
    mend = re.search(r"restic -r copy .* (repair index .*)$", kit, re.MULTILINE)
    assert mend is not None
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    restic.run("-r", copy, *mend[1].split()).expect(0)
    restic.run("-r", copy, *words).expect(0)
    assert (tmp_path / "restored" / str(source)[1:] / "text").read_bytes() == b"first"


def test_the_page_to_print_loads_nothing_and_holds_no_secret(kept: tuple[Custodian, Path], tmp_path: Path) -> None:
    """The HTML names the place and the key, has a code for each part, and asks no server for anything."""
    custodian, place = kept
    custodian.run("kit", "web01", "--html", tmp_path / "kit.html").expect(0)
    page = (tmp_path / "kit.html").read_text()
    assert str(place) in page and page.count("<svg") == 3
    assert custodian.recovery not in page
    assert not re.search(r"(src|href)=|url\(", page)


@pytest.mark.parametrize("stock", [False, True])
def test_a_drill_restores_and_looks_at_each_file(
    kept: tuple[Custodian, Path], restic: Restic, tmp_path: Path, stock: bool
) -> None:
    """A drill of a sound snapshot ends well, by us and by stock restic, and leaves nothing behind."""
    custodian, _ = kept
    folder = tmp_path / "drills"
    folder.mkdir()
    words = ("--restic", restic.executable) if stock else ()
    done = custodian.run("drill", "web01", "--json", "--folder", folder, *words).expect(0).json()
    assert (done["files"], done["faults"]) == (3, [])
    assert list(folder.iterdir()) == []


def test_a_drill_finds_what_was_saved_broken(kept: tuple[Custodian, Path], restic: Restic, source: Path) -> None:
    """A database that was saved torn and a picture that is none make the drill fail, an incident and the exit code."""
    custodian, place = kept
    torn = bytearray((source / "books.sqlite").read_bytes())
    torn[4096:4200] = os.urandom(104)
    (source / "books.sqlite").write_bytes(torn)
    (source / "picture.png").write_bytes(b"encrypted for your convenience")
    restic.backup(place, source)
    custodian.round().expect(0)
    done = custodian.run("drill", "web01")
    assert done.code == 75
    assert "picture.png: does not begin as a .png file does" in done.out
    assert "books.sqlite" in done.out
    assert ("drill", "web01") in custodian.incidents("web01")
    assert custodian.run("status").code == 75


def test_the_last_good_version_of_a_path_comes_first(
    kept: tuple[Custodian, Path], restic: Restic, source: Path
) -> None:
    """Versions of a path are told apart, an intruder's stands below the good ones; a path that never was is said."""
    custodian, place = kept
    (source / "text").write_bytes(b"second")
    restic.backup(place, source)
    (source / "text").write_bytes(b"mine now")
    restic.on(place, "backup", "--time", "2031-01-01 00:00:00", source).expect(0)
    assert custodian.round().code == 73
    found = custodian.run("last-good", "web01", source / "text", "--json").expect(0).json()
    assert [(one["verdict"], one["size"]) for one in found] == [("good", 6), ("good", 5), ("suspicious", 8)]
    assert "no snapshot has it" in custodian.run("last-good", "web01", "/no/such/thing").expect(1).err
