"""Words that tell a user what to do: help texts, exit codes, warnings."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from strongroom.cli import exit_codes
from strongroom.cli.verbs import RESTICS, VERBS
from tests.support import command
from tests.support.forge import Forge, dumps, node
from tests.support.programs import Strongroom

NOT_OVER_MODES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""root as an ordinary user in what it may enter."""


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_help_of_each_command_names_its_exit_codes(strongroom: Strongroom, verb: str) -> None:
    """Each command's help ends with the codes of the one table, hides what is not for people, and breaks its lines."""
    text = strongroom.run(*verb.split(), "--help").expect(0).out
    _, _, codes = text.partition("\nexit status:\n")
    found = {int(line.split()[0]): line.split(None, 1)[1] for line in codes.splitlines()}
    assert found == exit_codes.of_verb(verb)
    assert {0, 1, 130} <= set(found)
    assert "SUPPRESS" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_codes_that_a_command_does_not_have(strongroom: Strongroom) -> None:
    """3 and 71 are for backups, 73 to 75 for the custodian, 77 for a fleet, 79 for scheduled runs, 80 for reports; who
    opens no repository has no wrong password."""
    assert set(exit_codes.of_verb("backup")) == set(exit_codes.MEANINGS) - {73, 74, 75, 77, 79, 80}
    assert 3 not in exit_codes.of_verb("restore")
    assert 12 not in exit_codes.of_verb("config show")
    assert 72 in exit_codes.of_verb("log trust")
    overview = strongroom.run("--help").expect(0).out
    assert all(text in overview for text in exit_codes.MEANINGS.values())


def test_manual_pages_name_exit_codes(strongroom: Strongroom, tmp_path: Path) -> None:
    """Each page has a section for them, and no word that is hidden from help."""
    strongroom.run("generate", "--man", tmp_path / "man").expect(0)
    for page in (tmp_path / "man").iterdir():
        text = page.read_text()
        assert ".SH EXIT STATUS\n.TP\n\\fB0\\fR\nall was done\n" in text, page
        assert "ignored" not in re.sub("and ignored", "", text), page
    assert "\\fB71\\fR" in (tmp_path / "man" / "strongroom-backup.1").read_text()
    assert "\\fB71\\fR" not in (tmp_path / "man" / "strongroom-ls.1").read_text()


@pytest.mark.parametrize("verb", RESTICS)
def test_commands_of_restics_that_are_not_here_say_what_to_use(strongroom: Strongroom, verb: str) -> None:
    """Whoever types one hears what to use, whatever stands around it."""
    for words in ([verb], ["-r", "/nowhere", verb, "latest"], [verb, "--help"], ["help", verb]):
        failed = strongroom.run(*words).expect(1)
        assert f"`{verb}`" in failed.err
        assert RESTICS[verb] in failed.err


def test_a_source_that_is_a_link_to_a_folder(strongroom: Strongroom, tmp_path: Path) -> None:
    """The link alone is saved, as restic does, with a warning that names the folder; links below a source are none."""
    folder, link = tmp_path / "folder", tmp_path / "link"
    (folder / "in").mkdir(parents=True)
    (folder / "inner").symlink_to("in")
    link.symlink_to(folder)
    repository = tmp_path / "r"
    strongroom.init(repository)
    said = strongroom.backup(repository, link).err
    assert f"{link}: is a link, and saved as a link" in said
    assert str(folder) in said
    assert strongroom.on(repository, "ls", "-q", "latest").out.splitlines()[-1] == str(link)
    assert "link" not in strongroom.backup(repository, folder).err


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to give up rights")
def test_a_folder_that_one_may_not_enter_is_not_called_missing(strongroom: Strongroom, tmp_path: Path) -> None:
    """What cannot be seen is said to be so, with the reason, alone and beside another source, and by the file, too."""
    closed, other = tmp_path / "closed", tmp_path / "other"
    (closed / "in").mkdir(parents=True)
    other.mkdir()
    repository = tmp_path / "r"
    strongroom.init(repository)
    closed.chmod(0)
    try:
        start: list[str | bytes | Path] = [*NOT_OVER_MODES, strongroom.executable, "-r", repository, "backup"]
        alone = command.run([*start, closed / "in"], env=strongroom.env).expect(1)
        assert "can be accessed" in alone.err
        assert "exist" not in alone.err
        beside = command.run([*start, closed / "in", other], env=strongroom.env).expect(3)
        assert f"{closed / 'in'} cannot be accessed: Permission denied, skipping\n" in beside.err
    finally:
        closed.chmod(0o700)
    missing = strongroom.on(repository, "backup", tmp_path / "gone").expect(1)
    assert "all source directories/files do not exist" in missing.err


def test_years_have_four_digits(strongroom: Strongroom, tmp_path: Path) -> None:
    """A time of the year 1, which Go takes for none, is printed as such by ls and find, and steers nothing."""
    forge = Forge(tmp_path / "r")
    tree = dumps({"nodes": [node("old", "file", mtime="0001-01-02T00:00:00Z")]}) + b"\n"
    (root,) = forge.pack(("tree", tree))
    forge.index()
    forge.snapshot(root, time="0001-01-01T00:00:00Z")
    strongroom.env["TZ"] = "America/New_York"  # where the year 1 began in the year 0
    listed = strongroom.on(tmp_path / "r", "ls", "-l", "latest").expect(0).out
    assert " at 0001-01-01" in listed
    assert re.search(r" 0001-01-01 \d\d:\d\d:\d\d /old$", listed, re.MULTILINE)
    assert re.search(r" 0001-01-01 .*/old$", strongroom.on(tmp_path / "r", "find", "-l", "old").out, re.MULTILINE)
    strongroom.on(tmp_path / "r", "snapshots").expect(0)


def test_a_parent_that_only_a_copy_of_the_repository_has(strongroom: Strongroom, tmp_path: Path) -> None:
    """A repository whose copy was backed up to meanwhile: every file is read, and one plain sentence says why."""
    source, one, two = tmp_path / "source", tmp_path / "one", tmp_path / "two"
    source.mkdir()
    (source / "file").write_text("x")
    strongroom.init(one)
    strongroom.backup(one, source)
    shutil.copytree(one, two)
    (source / "new").write_text("y")
    strongroom.backup(two, source)
    both = strongroom.run("-r", one, "-r", two, "backup", source).expect(0)
    assert "warning" not in both.err
    (source / "newer").write_text("z")
    strongroom.backup(two, source)
    alone = strongroom.backup(one, source)
    assert len(alone.err.splitlines()) == 1, alone.err
    assert f"{one}: what the snapshot to compare with holds is not in this repository" in alone.err
    strongroom.check(one)


def test_unlock_says_what_it_removed_where_damaged_locks_are_left(strongroom: Strongroom, tmp_path: Path) -> None:
    """A torn lock stays and is an error, which also says how many others went."""
    repository = tmp_path / "r"
    strongroom.init(repository)
    with strongroom.start("-r", repository, "backup", "--stdin", stdin=-1) as working:
        while not any((repository / "locks").iterdir()):
            assert working.poll() is None
        working.kill()
    (repository / "locks" / ("0" * 64)).write_bytes(b"torn")
    failed = strongroom.on(repository, "unlock").expect(11)
    assert "successfully removed 1 locks, but damaged locks are left" in failed.err
    assert [path.name for path in (repository / "locks").iterdir()] == ["0" * 64]


def test_messages_of_readers_name_what_is_there(strongroom: Strongroom, tmp_path: Path) -> None:
    """ls and find of a snapshot whose tree is lost name it once, and no verb but their own or restic's."""
    source, repository = tmp_path / "source", tmp_path / "r"
    (source / "in").mkdir(parents=True)
    strongroom.init(repository)
    strongroom.backup(repository, source)
    for file in (repository / "index").iterdir():
        file.unlink()
    for words in (["ls", "latest"], ["find", "x"]):
        failed = strongroom.on(repository, *words).expect(1)
        assert "(restore)" not in failed.err
        assert "`strongroom repair index`" in failed.err
        event = json.loads(strongroom.on(repository, *words, "--json").expect(1).err.splitlines()[0])
        assert event["during"] == words[0]


def test_readers_without_an_index_name_the_way_out(strongroom: Strongroom, tmp_path: Path) -> None:
    """With no index at all each says what makes it anew; none says that a file is not in the snapshot."""
    source, repository = tmp_path / "source", tmp_path / "r"
    source.mkdir()
    (source / "file").write_text("content")
    strongroom.init(repository)
    strongroom.backup(repository, source)
    for file in (repository / "index").iterdir():
        file.unlink()
    tree = strongroom.snapshots(repository)[0]["tree"]
    to = ("--target", tmp_path / "out")
    readers: list[tuple[str | Path, ...]] = [
        ("restore", "latest", *to),
        ("restore", "latest", "--json", *to),
        ("restore", f"latest:{source}", *to),
        ("dump", "latest", source / "file"),
        ("dump", f"latest:{source}", "/file"),
        ("dump", "latest", "/"),
        ("diff", "latest", source),
        ("stats", "latest"),
        ("cat", "tree", "latest"),
    ]
    for words in readers:
        failed = strongroom.on(repository, *words).expect(1)
        assert "`strongroom repair index`" in failed.err and tree in failed.err, words
        assert "is not in the snapshot" not in failed.err, words
    strongroom.init(tmp_path / "copy")
    words = ("copy", "--from-repo", repository, "--from-password-command", "printf %s 'correct horse battery staple'")
    assert "`strongroom check` of the source" in strongroom.on(tmp_path / "copy", *words).expect(1).err
    assert "`strongroom repair index`" in strongroom.on(repository, "check").expect(1).err
    strongroom.on(repository, "repair", "index").expect(0)
    strongroom.on(repository, *readers[0]).expect(0)
    assert strongroom.on(repository, *readers[3]).expect(0).out == "content"
