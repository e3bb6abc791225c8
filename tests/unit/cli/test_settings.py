"""Which value is in force: repositories, passwords and settings from options, environment and file."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.configuration import client as configuration
from strongroom.base.configuration.checks import PasswordSource
from strongroom.base.errors import UsageError
from strongroom.cli.arguments import parser as parsing
from strongroom.cli.output.out import Out
from strongroom.cli.shared import passwords
from strongroom.cli.shared.context import Context
from strongroom.cli.shared.selecting import filter_of
from strongroom.cli.shared.settings import Settings
from strongroom.cli.shared.signals import Signals
from strongroom.cli.shared.targets import find_source_target, find_targets, left_out_of_file

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
version = 1
[repository.main]
url = "/backup/main"
password = { env = "MAIN_PASSWORD" }
compression = "off"
[repository.far]
url = "rest:https://me:secret@host/me/"
password = { command = ["cat", "/key"] }
[defaults]
compression = "max"
pack_size = 64
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("RESTIC_", "STRONGROOM_")):
            monkeypatch.delenv(name)


def _settings(*words: str, file: str | None = FILE) -> Settings:
    verb, rest = parsing.split_verb([*words, "version"])
    assert verb is not None
    arguments = parsing.parse(verb, rest)
    return Settings(arguments, configuration.parse(file, "F") if file else None)


def test_spool_by_flag_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room for packs that wait is 2 GiB unless the variable, or before it the flag, says otherwise."""
    assert _settings("backup").get("spool").value == 2 << 30
    monkeypatch.setenv("STRONGROOM_SPOOL", "1G")
    assert _settings("backup").get("spool").value == 1 << 30
    assert _settings("backup", "--spool", "64M").get("spool").value == 64 << 20


def test_flags_before_ours_before_restics_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting comes from the first place that has it, and says from which."""
    assert (_settings().get("pack_size").value, _settings().get("pack_size").origin) == (64, "F: defaults.pack_size")
    monkeypatch.setenv("RESTIC_PACK_SIZE", "32")
    assert _settings().get("pack_size").origin == "$RESTIC_PACK_SIZE"
    monkeypatch.setenv("STRONGROOM_PACK_SIZE", "16")
    assert (_settings().get("pack_size").value, _settings().get("pack_size").origin) == (16, "$STRONGROOM_PACK_SIZE")
    assert _settings("--pack-size", "8").get("pack_size").origin == "--pack-size"
    assert _settings(file=None).get("compression").origin == "default"


def test_a_repository_may_differ_from_the_defaults() -> None:
    """The repository's own table stands before the defaults."""
    settings = _settings()
    assert settings.get("compression", "main").value == "off"
    assert settings.get("compression", "far").value == "max"


def test_a_bad_value_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable holds the nonsense."""
    monkeypatch.setenv("RESTIC_PACK_SIZE", "big")
    with pytest.raises(UsageError) as caught:
        _settings().get("pack_size")
    assert caught.value.subject == "RESTIC_PACK_SIZE"


def test_names_of_the_file_and_paths() -> None:
    """NAME is the file's repository, ./NAME a path."""
    targets = find_targets(_settings("-r", "main", "-r", "./main"))
    assert [(target.label, target.url) for target in targets] == [("main", "/backup/main"), ("./main", "./main")]


def test_without_options_all_of_the_file() -> None:
    """The file's repositories in its order, each with its own password."""
    targets = find_targets(_settings())
    assert [target.label for target in targets] == ["main", "far"]
    assert [target.password.kind for target in targets if target.password] == ["env", "command"]


def test_credentials_are_in_no_label_and_no_repr() -> None:
    """A URL with a password is shown without it."""
    for settings in (_settings("-r", "rest:https://me:secret@host/me/"), _settings("-r", "far")):
        (target,) = find_targets(settings)
        assert "secret" in target.url
        assert "secret" not in target.label + repr(target)


@pytest.mark.parametrize(("count", "fits"), [(1, True), (2, False), (3, True), (4, False)])
def test_passwords_are_one_or_as_many_as_repositories(count: int, fits: bool) -> None:
    """Three repositories take one password or three, and anything else is an error before anything opens."""
    words = ["-r", "a", "-r", "b", "-r", "c", *(word for n in range(count) for word in ("-p", f"file{n}"))]
    if not fits:
        with pytest.raises(UsageError, match=f"{count} passwords for 3 repositories"):
            find_targets(_settings(*words, file=None))
        return
    found = [target.password.value for target in find_targets(_settings(*words, file=None)) if target.password]
    assert found == (["file0"] * 3 if count == 1 else ["file0", "file1", "file2"])


def test_password_options_of_all_kinds_form_one_list() -> None:
    """Files, commands and empty passwords are handed out in the order of the command line."""
    words = ["-r", "a", "--insecure-no-password", "-r", "b", "-r", "c", "--password-command", "show it", "-p", "file"]
    sources = [target.password for target in find_targets(_settings(*words, file=None))]
    assert [source.kind for source in sources if source] == ["none", "command", "file"]


def test_the_environment_serves_repositories_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password of the environment is for those that have none of their own: ours before restic's. A file and
    a command at once are refused."""
    file = FILE.replace('password = { env = "MAIN_PASSWORD" }\n', "")

    def origins() -> list[str]:
        return [target.password.origin for target in find_targets(_settings(file=file)) if target.password]

    own = "F: repository.far.password"
    assert origins() == [own]
    monkeypatch.setenv("RESTIC_PASSWORD", "x")
    assert origins() == ["$RESTIC_PASSWORD", own]
    monkeypatch.setenv("STRONGROOM_PASSWORD_FILE", "y")
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "z")
    assert origins() == ["$STRONGROOM_PASSWORD_FILE", own]
    monkeypatch.setenv("STRONGROOM_PASSWORD_COMMAND", "z")
    with pytest.raises(UsageError, match="Password file and command are mutually exclusive options") as caught:
        origins()
    assert caught.value.subject == "$STRONGROOM_PASSWORD_COMMAND and $STRONGROOM_PASSWORD_FILE"
    monkeypatch.setenv("STRONGROOM_PASSWORD_FILE", "")
    assert origins() == ["$STRONGROOM_PASSWORD_COMMAND", own]


def test_what_one_server_needs_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates and key hints of a repository's own table stand before variables."""
    file = FILE.replace('compression = "off"', 'compression = "off"\ncacert = "/own"\nkey_hint = "aa"')
    for name in ("CACERT", "KEY_HINT"):
        monkeypatch.setenv(f"RESTIC_{name}", "variable")
    settings = _settings(file=file)
    assert [settings.get("cacert", one).value for one in ("main", "far")] == [["/own"], ["variable"]]
    assert [settings.get("key_hint", one).value for one in ("main", "far")] == ["aa", "variable"]


def test_the_same_repository_twice_is_an_error() -> None:
    """Writing twice to one place is never meant."""
    with pytest.raises(UsageError, match="given twice"):
        find_targets(_settings("-r", "main", "-r", "/backup/main"))


def test_no_repository_says_how_to_name_one() -> None:
    """The error names the three ways."""
    with pytest.raises(UsageError) as caught:
        find_targets(_settings(file=None))
    assert "--repo" in caught.value.hint
    assert "RESTIC_REPOSITORY" in caught.value.hint


def test_a_stray_variable_is_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """With RESTIC_REPOSITORY set, the file's repositories that are not written to are named."""
    monkeypatch.setenv("RESTIC_REPOSITORY", "main")
    settings = _settings()
    assert left_out_of_file(settings, find_targets(settings)) == ("$RESTIC_REPOSITORY", ["far"])
    settings = _settings("-r", "main")
    assert left_out_of_file(settings, find_targets(settings)) is None


def test_a_repository_file_is_read_without_white_space(tmp_path: Path) -> None:
    """--repository-file holds the place, with or without a line end."""
    (tmp_path / "place").write_text("/backup/x\n")
    (target,) = find_targets(_settings("--repository-file", str(tmp_path / "place"), file=None))
    assert (target.url, target.origin) == ("/backup/x", "--repository-file")


@pytest.mark.parametrize(
    ("content", "what"), [(b"/x" * 40_000, "too large"), (b"/x\0y", "not text"), (None, "cannot be")]
)
def test_what_is_no_repository_file(tmp_path: Path, content: bytes | None, what: str) -> None:
    """A device or an image given by mistake is called so, and not shown as the name of a repository."""
    if content is not None:
        (tmp_path / "place").write_bytes(content)
    with pytest.raises(UsageError, match=what):
        find_targets(_settings("--repository-file", str(tmp_path / "place"), file=None))


def test_an_empty_host_is_any_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variable chose can be taken back for one command."""
    monkeypatch.setenv("RESTIC_HOST", "alpha")

    def hosts(*words: str) -> tuple[str, ...]:
        verb, rest = parsing.split_verb(["snapshots", *words])
        assert verb is not None
        return filter_of(Context(parsing.parse(verb, rest), Out(), Signals())).hosts

    assert hosts() == ("alpha",)
    assert hosts("--host", "beta") == ("beta",)
    assert hosts("--host", "") == ()


def test_from_falls_back_to_the_main_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository of --from-repo takes its own password, or else the main one."""
    settings = _settings("-r", "a", "-p", "main-file", file=None)
    ours = {"from_repo": "b", "from_repository_file": None, "from_passwords": None, "from_key_hint": None}
    settings.arguments = argparse.Namespace(**vars(settings.arguments), **ours)
    source = find_source_target(settings, find_targets(settings))
    assert source is not None
    assert source.password is not None
    assert (source.url, source.password.value) == ("b", "main-file")
    monkeypatch.setenv("RESTIC_FROM_PASSWORD_FILE", "other")
    source = find_source_target(settings, find_targets(settings))
    assert source is not None
    assert source.password is not None
    assert source.password.value == "other"


def _source(kind: str, value: str, *command: str) -> PasswordSource:
    return PasswordSource(kind, value, command, "here")


def test_passwords_are_fetched_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """White space around a password in a file or a command's output does not count; in a variable it does."""
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbf pass word \r\n")
    (tmp_path / "utf16").write_bytes("pass word\n".encode("utf-16"))
    monkeypatch.setenv("SOME", " x ")
    assert passwords.fetch(_source("file", str(tmp_path / "file")), label="r") == b"pass word"
    assert passwords.fetch(_source("file", str(tmp_path / "utf16")), label="r") == b"pass word"
    assert passwords.fetch(_source("command", "", "echo", "pass word"), label="r") == b"pass word"
    assert passwords.fetch(_source("env", "SOME"), label="r") == b" x "
    assert passwords.fetch(_source("none", ""), label="r") == b""


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (_source("file", "/nonexistent/file"), "cannot be read"),
        (_source("file", "/dev/null"), "empty"),
        (_source("command", "", "/nonexistent/program"), "cannot be started"),
        (_source("command", "", "false"), "exit code 1"),
        (_source("command", "", "true"), "empty"),
        (_source("env", "NO_SUCH_VARIABLE_IS_SET"), "empty"),
    ],
)
def test_a_password_that_cannot_be_had_is_an_error(source: PasswordSource, what: str) -> None:
    """An empty password is never used by accident."""
    with pytest.raises(UsageError, match=what):
        passwords.fetch(source, label="r")
