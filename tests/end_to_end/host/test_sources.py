"""`strongroom backup` runs the hooks and dumps the databases of the configuration file."""

from __future__ import annotations

import json
import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.crash.test_failing_places import small_disk
from tests.support import repositories
from tests.support.programs import Strongroom
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
version = 1
[repository.local]
url = "{folder}/r"
[repository.other]
url = "{folder}/r2"
[hooks]
finally = ["sh", "-c", "echo host $STRONGROOM_CODE >> {folder}/log"]
[source.web]
paths = ["{folder}/src"]
{repositories}
[source.web.hooks]
before = ["sh", "-c", "echo before >> {folder}/log; {before}"]
finally = ["sh", "-c", "echo finally $STRONGROOM_CODE >> {folder}/log"]
[source.web.database.app]
kind = "sqlite"
file = "{folder}/app.db"
[source.web.database.shop]
kind = "command"
command = ["sh", "-c", "{dump}"]
last_line = "end"
load_command = ["grep", "-q", "^end"]
"""


class Host:
    """A machine with a source, a database, and one or two repositories."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = Strongroom(folder / "home")
        (folder / "src").mkdir()
        (folder / "src" / "a").write_text("text")
        with sqlite3.connect(folder / "app.db") as database:
            database.execute("CREATE TABLE t (x)")
        for name in ("r", "r2"):
            repositories.make(folder / name)

    def configure(self, *, dump: str = "seq 5; echo end", before: str = ":", into: str = '["local"]') -> None:
        path = self.program.home / ".config" / "strongroom" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        chosen = f"repositories = {into}"
        path.write_text(CONFIG.format(folder=self.folder, dump=dump, before=before, repositories=chosen))
        path.chmod(0o600)

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def paths(self, repository: str = "r") -> list[str]:
        return sorted(one["paths"][0] for one in self.program.snapshots(self.folder / repository))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host whose configuration is still to be written."""
    return Host(tmp_path)


def test_files_and_databases_are_saved_between_the_hooks(host: Host) -> None:
    """A snapshot for each database and one for the files, in both repositories; each dump can be tried and restored."""
    host.configure(into='["local", "other"]')
    host.program.run("backup").expect(0)
    expected = ["/databases/command/shop", "/databases/sqlite/app", f"{host.folder}/src"]
    assert host.paths() == host.paths("r2") == expected
    assert host.log == ["before", "finally 0", "host 0"]
    assert "can be loaded: 1 table" in host.program.run("host", "try-database", "app").expect(0).out
    assert "its command took it" in host.program.run("host", "try-database", "shop").expect(0).out
    dumped = host.program.on(host.folder / "r", "dump", "latest", "/databases/command/shop", "--path",
                             "/databases/command/shop").expect(0)  # fmt: skip
    assert dumped.stdout == b"1\n2\n3\n4\n5\nend\n"


@pytest.mark.parametrize("into", ['["local"]', '["local", "other"]'])
def test_a_database_that_fails_keeps_no_file_from_being_saved(host: Host, into: str) -> None:
    """R-13: Exit code 76, the database named once with the reason, no snapshot of its half, all else saved."""
    host.configure(dump="seq 5; echo lost the server >&2; exit 2", into=into)
    ended = host.program.run("backup", "--json").expect(76)
    said = [json.loads(line) for line in ended.stderr.splitlines()]
    named = [one for one in said if "web.database.shop" in str(one) and one["message_type"] == "error"]
    assert len(named) == 1
    assert "lost the server" in named[0]["error"]["message"]
    assert host.paths() == ["/databases/sqlite/app", f"{host.folder}/src"]
    assert host.log == ["before", "finally 76", "host 76"]


@pytest.mark.parametrize("end", ["exit 3", ":"])
def test_a_hook_that_prints_passwords_shows_none(host: Host, end: str) -> None:
    """Neither the repository's nor a database's, whose files it reads: what it says goes into logs and reports."""
    (host.folder / "db").write_text("hunter-of-databases\n")
    (host.folder / "repo").write_text(host.program.env["RESTIC_PASSWORD"] + "\n")
    (host.folder / "repo").chmod(0o600)
    host.configure(before=f"cat {host.folder}/db {host.folder}/repo; env; {end}", into='["local"]')
    path = host.program.home / ".config" / "strongroom" / "config.toml"
    text = path.read_text().replace('/r"\n', f'/r"\npassword = {{ file = "{host.folder}/repo" }}\n')
    database = '[source.web.database.big]\nkind = "postgresql"\nhost = "/nowhere"\n'
    path.write_text(text + database + f'password = {{ file = "{host.folder}/db" }}\n')
    ended = host.program.run("backup", "-vv", env={"DB_PASS": "swordfish"})
    said = ended.out + ended.err
    assert "said:\n***\n***\n" in said
    for secret in ("hunter-of-databases", host.program.env["RESTIC_PASSWORD"], "swordfish"):
        assert secret not in said


@pytest.mark.root
@pytest.mark.parametrize(("into", "code"), [('["local"]', 76), ('["local", "other"]', 71)])
def test_a_dump_for_which_there_is_no_room(host: Host, into: str, code: int) -> None:
    """In no repository: the database is missing, and all files are saved. In one of two: that one failed."""
    disk = host.folder / "disk"
    with small_disk(disk, 4):
        repositories.make(disk / "r")
        (host.folder / "r").rename(host.folder / "unused")
        (host.folder / "r").symlink_to(disk / "r")
        host.configure(dump="head -c 8000000 /dev/urandom; echo; echo end", into=into)
        ended = host.program.run("backup").expect(code)
        assert "space" in ended.err
        assert host.paths() == ["/databases/sqlite/app", f"{host.folder}/src"]
        assert host.log == ["before", f"finally {code}", f"host {code}"]
        if code == 71:
            assert "/databases/command/shop" in host.paths("r2")


def test_a_source_that_is_skipped_is_no_success(host: Host) -> None:
    """Exit code 78, and no snapshot."""
    host.configure(before="exit 75")
    ended = host.program.run("backup").expect(78)
    assert "source web was skipped" in ended.out + ended.err
    assert host.paths() == []
    assert host.log == ["before", "finally 78", "host 78"]


def test_a_source_that_is_skipped_is_no_failure_of_the_run(host: Host) -> None:
    """The host's own `failed` does not run, nor its `after`: neither has anything to tell of."""
    host.configure(before="exit 75")
    config = host.program.home / ".config" / "strongroom" / "config.toml"
    told = "".join(f'{stage} = ["sh", "-c", "echo {stage} >> {host.folder}/log"]\n' for stage in ("after", "failed"))
    config.write_text(config.read_text().replace("[hooks]\n", f"[hooks]\n{told}"))
    host.program.run("backup").expect(78)
    assert host.log == ["before", "finally 78", "host 78"]


def test_a_dry_run_has_neither_hooks_nor_dumps(host: Host) -> None:
    """Nothing is stopped and nothing is dumped for a question."""
    host.configure()
    host.program.run("backup", "--dry-run").expect(0)
    assert (host.log, host.paths()) == ([], [])


def test_a_run_that_was_killed_is_followed_by_its_finally(host: Host) -> None:
    """What `before` stopped is started again by the next run, before that stops it anew."""
    host.configure(before="sleep 600")
    process = host.program.start("backup")
    until(lambda: host.log == ["before"])
    process.send_signal(signal.SIGKILL)
    process.wait()
    host.configure()
    ended = host.program.run("backup").expect(0)
    assert "a run of web was killed" in ended.err
    assert sorted(host.log[1:3]) == ["finally", "host"]
    assert host.log[3:] == ["before", "finally 0", "host 0"]


def test_a_run_that_is_ended_starts_again_what_it_stopped(host: Host) -> None:
    """SIGTERM in the middle of a hook: `finally` runs, and the exit code is that of an interruption."""
    host.configure(before="sleep 600")
    process = host.program.start("backup")
    until(lambda: host.log == ["before"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 130
    assert host.log == ["before", "finally 130", "host 130"]
