"""The configuration file: what is accepted, what is refused and in which words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.configuration import client as configuration
from strongroom.base.configuration.checks import PasswordSource
from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
version = 1

[repository.local]
url = "/backup/local"
password = { file = "/etc/strongroom/password" }
pack_size = 32

[repository.offsite]
url = "rest:https://me:secret@host:8000/me/"
password = { command = "pass show 'the backup'" }
options = { "rest.connections" = 10 }

[source.home]
paths = ["/home", "/etc"]
exclude = "*.tmp"
repositories = ["offsite"]

[defaults]
compression = "max"
retry_lock = "5m"
"""


def test_a_good_file() -> None:
    """Names keep their order, values are checked, one text may stand for a list."""
    file = configuration.parse(GOOD)
    assert list(file.repositories) == ["local", "offsite"]
    assert file.repositories["local"]["pack_size"] == 32
    assert file.repositories["offsite"]["password"].command == ("pass", "show", "the backup")
    assert file.repositories["offsite"]["options"] == {"rest.connections": "10"}
    assert file.sources["home"]["exclude"] == ("*.tmp",)
    assert file.defaults["compression"] == "max"


@pytest.mark.parametrize(
    ("text", "subject", "what", "hint"),
    [
        ("version = 2", "F", "which format", "version = 1"),
        ("", "F", "which format", "version = 1"),
        ("version = 1\nrepositry = 3", "F: repositry", "unknown key", "'repository'"),
        ("version = 1\n[repository]\nurl = 'x'", "F: repository", "needs a name", "[repository.NAME]"),
        ("version = 1\n[repository.a]\nurll = 'x'", "F: repository.a.urll", "unknown key", "'url'"),
        (
            "version = 1\n[retention.a]\nkeep_removed = '7d'",
            "F: retention.a.keep_removed",
            "unknown key",
            "keep_removed stands in [repository.NAME] or [defaults].",
        ),
        ("version = 1\n[repository.a]\n", "F: [repository.a]", "url is missing", "url ="),
        ("version = 1\n[repository.a]\nurl = 3", "F: repository.a.url", "text in quotes", "Example: url"),
        ("version = 1\n[repository.a]\nurl='x'\npassword='y'", "F: repository.a.password", "does not stand", "Example"),
        ("version = 1\n[repository.a]\nurl='x'\npack_size=-1", "F: repository.a.pack_size", "whole number", "16"),
        ("version = 1\n[source.a]\nexclude=[]", "F: [source.a]", "paths is missing", "paths ="),
        ("version = 1\n[source.a]\npaths=['/x', 3]", "F: source.a.paths", "list of texts", "Example"),
        (
            "version = 1\n[repository.local]\nurl='x'\n[source.a]\npaths=['/x']\nrepositories=['locl']",
            "F: source.a.repositories",
            "unknown repository 'locl'",
            "'local'",
        ),
        ("version = 1\n[repository.'a b']\nurl='x'", "F: repository", "cannot be a name", "Letters"),
        ("version = 1\nx = ]", "F", "line 2", "line"),
        ("version = 1\n[repository.a]\nurl='x'\npassword={command=[]}", "F: repository.a.password", "is empty", "pass"),
        (
            "version = 1\n[repository.a]\nurl='x'\npassword={command=' '}",
            "F: repository.a.password",
            "is empty",
            "pass",
        ),
        ('version = 1\n[repository.a]\nurl="x\\u0000"', "F: repository.a.url", "NUL", "url ="),
        ('version = 1\n[source.a]\npaths=["x\\u0000"]', "F: source.a.paths", "NUL", "paths ="),
        ("version = 1\nx = " + "9" * 5000, "F", "too long", "9223372036854775807"),
        ("version = 1\nx = " + "[" * 5000, "F", "too deep", "deep"),
        (
            "version = 1\n[defaults]\nlimit_upload = 9223372036854775808",
            "F: defaults.limit_upload",
            "too large",
            "2048",
        ),
        ("version = 1\n[defaults]\nread_concurrency = 257", "F: defaults.read_concurrency", "0 to 256", "2"),
        ("version = 1\n[defaults]\nspool = '9999999999T'", "F: defaults.spool", "too large", "2G"),
    ],
)
def test_a_mistake_is_named_by_table_and_key(text: str, subject: str, what: str, hint: str) -> None:
    """Every mistake says where it stands, what it is, and what to write instead."""
    with pytest.raises(ConfigurationError) as caught:
        configuration.parse(text, "F")
    assert caught.value.subject == subject
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_mark_before_the_text_is_no_mistake(file: Path) -> None:
    """Editors of other systems write one."""
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert configuration.read_configuration(str(file)).repositories


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file in a folder of its own."""
    path = tmp_path / "folder" / "config.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text(GOOD)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(("mode", "folder"), [(0o660, 0o700), (0o602, 0o700), (0o600, 0o770), (0o600, 0o707)])
def test_a_file_that_others_can_write_is_refused(file: Path, mode: int, folder: int) -> None:
    """The file runs commands, so nobody else may write it or replace it in its folder."""
    file.chmod(mode)
    file.parent.chmod(folder)
    with pytest.raises(ConfigurationError, match="written by others") as caught:
        configuration.read_configuration(str(file))
    assert "chmod go-w" in caught.value.hint


def test_a_folder_like_tmp_is_fine(file: Path) -> None:
    """Where the sticky bit is set nobody can replace a file that is not his."""
    file.parent.chmod(0o1777)
    assert configuration.read_configuration(str(file)).path == str(file)


def test_a_symbolic_link_is_judged_by_what_it_leads_to(file: Path, tmp_path: Path) -> None:
    """The folder that counts is the one in which the file really lies."""
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    assert configuration.read_configuration(str(link))
    file.parent.chmod(0o777)
    with pytest.raises(ConfigurationError, match="written by others"):
        configuration.read_configuration(str(link))


@pytest.mark.root
def test_a_file_of_another_user_is_refused(file: Path) -> None:
    """A file that belongs to somebody else is his to change."""
    os.chown(file, 12345, -1)
    with pytest.raises(ConfigurationError, match="another user"):
        configuration.read_configuration(str(file))


def test_one_file_counts_in_a_fixed_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--config, then the variable, then the user's own; never two merged."""
    own = tmp_path / "strongroom" / "config.toml"
    own.parent.mkdir()
    own.write_text("version = 1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert configuration.find_file(None) == str(own)
    monkeypatch.setenv("STRONGROOM_CONFIG", "/other")
    assert configuration.find_file(None) == "/other"
    assert configuration.find_file("/given") == "/given"


def test_a_password_source_never_shows_a_secret() -> None:
    """Neither repr nor the description of a source holds a password or a command's arguments."""
    for source in (
        PasswordSource("value", "hunter2"),
        PasswordSource("command", "echo hunter2", ("echo", "hunter2")),
    ):
        assert "hunter2" not in source.describe()
