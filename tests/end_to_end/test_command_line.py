"""The installed command: exit codes, errors, several repositories, completions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from strongroom.cli.verbs import VERBS
from tests.support.programs import Restic, Strongroom


def _exit_error(stderr: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(stderr.splitlines()[-1])
    assert found["message_type"] == "exit_error"
    return found


def test_exit_codes_and_errors(strongroom: Strongroom, repository: Path) -> None:
    """No repository is 10, a wrong password 12, anything else 1; with --json an exit_error says the same."""
    missing = strongroom.on(repository, "snapshots").expect(10)
    assert str(repository) in missing.err
    assert "strongroom init" in missing.err
    assert "Traceback" not in missing.err
    strongroom.init(repository)
    wrong = strongroom.on(repository, "snapshots", "--json", env={"RESTIC_PASSWORD": "wrong"}).expect(12)
    assert _exit_error(wrong.stderr)["code"] == 12
    strongroom.on(repository, "init").expect(1)
    assert "--jsno" in strongroom.on(repository, "snapshots", "--jsno").expect(1).err


def test_a_locked_repository_is_11(strongroom: Strongroom, repository: Path) -> None:
    """An exclusive lock of another machine keeps readers out, `unlock --remove-all` and --no-lock do not care."""
    strongroom.init(repository)
    program = (
        "import sys\n"
        "from strongroom.repository.opening import open_repository\n"
        "from strongroom.repository.surroundings import Surroundings\n"
        "from strongroom.storage.locate import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "here = Surroundings(hostname='elsewhere')\n"
        "lock = open_repository(store, sys.argv[2].encode(), surroundings=here).lock(exclusive=True)\n"
        "__import__('os')._exit(0)\n"
    )
    python = Path(strongroom.executable).parent / "python"
    subprocess.run([python, "-c", program, repository, strongroom.env["RESTIC_PASSWORD"]], check=True)
    locked = strongroom.on(repository, "snapshots").expect(11)
    assert "elsewhere" in locked.err
    strongroom.on(repository, "--no-lock", "snapshots").expect(0)
    strongroom.on(repository, "unlock").expect(0)
    strongroom.on(repository, "snapshots").expect(11)
    strongroom.on(repository, "unlock", "--remove-all").expect(0)
    strongroom.on(repository, "snapshots").expect(0)


def test_several_repositories_are_labelled_and_one_that_fails_stops_no_other(
    strongroom: Strongroom, tmp_path: Path
) -> None:
    """snapshots works on every repository; the one that is not there is named and sets the exit code."""
    strongroom.run("init", "-r", tmp_path / "a", "-r", tmp_path / "b").expect(0)
    both = strongroom.run("-r", tmp_path / "a", "-r", tmp_path / "b", "snapshots").expect(0)
    assert f"repository {tmp_path}/a:" in both.out
    assert f"repository {tmp_path}/b:" in both.out
    ended = strongroom.run("-r", tmp_path / "gone", "-r", tmp_path / "b", "snapshots", "--json").expect(10)
    assert [entry["repository"] for entry in ended.json()] == [str(tmp_path / "b")]
    assert "gone" in ended.err


def test_init_makes_repositories_that_share_a_polynomial(strongroom: Strongroom, tmp_path: Path) -> None:
    """Several --repo, and --copy-chunker-params, give one polynomial."""
    names = ("a", "b", "c")
    strongroom.run("init", "-r", tmp_path / "a", "-r", tmp_path / "b").expect(0)
    strongroom.run("init", "-r", tmp_path / "c", "--copy-chunker-params", "--from-repo", tmp_path / "a").expect(0)
    configs = [strongroom.on(tmp_path / name, "cat", "config").expect(0).json() for name in names]
    a, b, c = (config["chunker_polynomial"] for config in configs)
    assert a == b == c
    assert len({config["id"] for config in configs}) == 3


def test_each_repository_has_the_password_at_its_place(strongroom: Strongroom, tmp_path: Path) -> None:
    """The n-th password option belongs to the n-th repository, whatever its kind."""
    (tmp_path / "first").write_text("one\n")
    bare = {"RESTIC_PASSWORD": ""}
    options: list[str | Path] = [
        "-r",
        tmp_path / "a",
        "-r",
        tmp_path / "b",
        "-p",
        tmp_path / "first",
        "--password-command",
        "echo two",
    ]
    strongroom.run("init", *options, env=bare).expect(0)
    strongroom.on(tmp_path / "a", "list", "keys", env={"RESTIC_PASSWORD": "one"}).expect(0)
    strongroom.on(tmp_path / "b", "list", "keys", env={"RESTIC_PASSWORD": "two"}).expect(0)
    strongroom.on(tmp_path / "b", "list", "keys", env={"RESTIC_PASSWORD": "one"}).expect(12)


def test_a_closed_pipe_ends_quietly(strongroom: Strongroom, repository: Path) -> None:
    """When the reader of our output goes away, as `head` does, there is no word and no traceback."""
    strongroom.init(repository)
    command = f"{strongroom.executable} -r {repository} list blobs; {strongroom.executable} config generate"
    with subprocess.Popen(
        ["sh", "-c", command], env=strongroom.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_save_nothing(
    strongroom: Strongroom, repository: Path, source: Path, closed: str
) -> None:
    """A backup whose output nobody wants is made all the same, and no file of the repository takes its place."""
    strongroom.init(repository)
    command = f"{strongroom.executable} -r {repository} backup {source} {closed}"
    ended = subprocess.run(["sh", "-c", command], env=strongroom.env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    strongroom.on(repository, "check", "--read-data").expect(0)
    assert len(strongroom.on(repository, "snapshots", "--json").expect(0).json()) == 1


def test_a_source_that_is_not_there_keeps_no_other_from_being_saved(
    strongroom: Strongroom, restic: Restic, tmp_path: Path, source: Path
) -> None:
    """One source is away: it is named, the code is 3, the other has its snapshot; with none of them there it is 1."""
    configuration = tmp_path / "home" / ".config" / "strongroom" / "config.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(
        f"""version = 1
[repository.local]
url = "{tmp_path}/local"
[source.away]
paths = ["{tmp_path}/disk"]
[source.here]
paths = ["{source}"]
"""
    )
    configuration.chmod(0o600)
    strongroom.run("init").expect(0)
    assert "away: nothing of this source exists" in strongroom.run("backup").expect(3).err
    assert [one["paths"] for one in restic.on(tmp_path / "local", "snapshots", "--json").expect(0).json()] == [
        [str(source)]
    ]
    source.rename(tmp_path / "elsewhere")
    assert "all source directories/files of source away do not exist" in strongroom.run("backup").expect(1).err


def test_names_that_are_no_text(strongroom: Strongroom, repository: Path, source: Path) -> None:
    """Bytes that are no UTF-8 are searched for, and an environment without a current folder is called by its name."""
    (source / os.fsdecode(b"odd\xff")).write_bytes(b"")
    strongroom.init(repository)
    strongroom.on(repository, "backup", source).expect(0)
    assert "odd" in strongroom.on(repository, "find", os.fsdecode(b"odd\xff")).expect(0).out
    command = f"mkdir gone && cd gone && rmdir ../gone && {strongroom.executable} -r x snapshots"
    ended = subprocess.run(
        ["sh", "-c", command], cwd=source, env=strongroom.env, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "Fatal: the current folder was removed\n")


def test_a_file_where_a_folder_is_needed(strongroom: Strongroom, repository: Path, source: Path) -> None:
    """It is called what it is, once, wherever it stands."""
    file = source / "file"
    file.write_bytes(b"")
    strongroom.init(repository)
    strongroom.on(repository, "backup", source).expect(0)
    for words in (("init", "-r", file), ("-r", repository, "restore", "latest", "--target", file)):
        said = strongroom.run(*words).expect(1).err
        assert said.count("Not a directory") == 1
        assert "A file stands where a folder is needed." in said


def test_credentials_stay_out_of_every_message(strongroom: Strongroom) -> None:
    """A password in a URL appears in no output, whatever goes wrong."""
    for url in (
        "rest:http://me:hunter2@127.0.0.1:9/x/",
        "rest:http://me:hunter2@127.0.0.1:port/",
        "nonsense://me:hunter2@h/",
    ):
        shown = strongroom.on(url, "config", "show").expect(0)
        assert "hunter2" not in shown.out + shown.err
    for url in ("rest:http://me:hunter2@127.0.0.1:port/", "nonsense://me:hunter2@h/"):
        failed = strongroom.on(url, "snapshots", "--debug").expect(1, 10)
        assert "hunter2" not in failed.out + failed.err


@pytest.mark.parametrize("words", [("config", "generate"), ("--version",), ("--help",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output(strongroom: Strongroom, words: tuple[str, ...], unbuffered: str) -> None:
    """Whether output is buffered or not: one error that says what is full, and no traceback."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [strongroom.executable, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert ended.returncode == 1
    assert b"standard output: No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr and b"Exception" not in ended.stderr


def test_manual_pages(strongroom: Strongroom, tmp_path: Path) -> None:
    """There is a page for each command, with its options; lines that roff would take for requests are escaped."""
    strongroom.run("generate", "--man", tmp_path / "man").expect(0)
    names = {path.name for path in (tmp_path / "man").iterdir()}
    assert names == {"strongroom.1", *(f"strongroom-{verb.name.replace(' ', '-')}.1" for verb in VERBS)}
    text = (tmp_path / "man" / "strongroom-restore.1").read_text()
    assert "\\fB\\-\\-target\\fR \\fIFOLDER\\fR" in text
    requests = {
        line.split()[0]
        for path in (tmp_path / "man").iterdir()
        for line in path.read_text().splitlines()
        if line.startswith((".", "'"))
    }
    assert requests <= {".TH", ".SH", ".TP", ".nf", ".fi", ".sp"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_scripts_of_their_shell(strongroom: Strongroom, tmp_path: Path, shell: str) -> None:
    """The completions name verbs and options, and the shell itself, where it is there, finds no fault with them."""
    script = strongroom.run("generate", shell).expect(0).out
    for word in ("backup", "snapshots", "password-file", "retry-lock"):
        assert word in script
    strongroom.run("generate", f"--{shell}-completion", tmp_path / "file").expect(0)
    assert strongroom.run("generate", f"--{shell}-completion", "-", cwd=tmp_path).expect(0).out == script
    assert (tmp_path / "file").read_text() == script
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n", os.fspath(tmp_path / "file")], check=True)


def test_a_file_that_others_can_write_is_refused_by_every_verb(strongroom: Strongroom, tmp_path: Path) -> None:
    """The configuration runs commands; a verb that would use it refuses one that is not ours alone."""
    (tmp_path / "config.toml").write_text("version = 1\n")
    (tmp_path / "config.toml").chmod(0o666)
    for words in (("snapshots",), ("config", "show"), ("config", "validate")):
        ended = strongroom.run("--config", tmp_path / "config.toml", *words).expect(1)
        assert "chmod go-w" in ended.err


@pytest.mark.parametrize("infix", ["", "from-"])
def test_a_place_given_in_two_ways_is_refused(strongroom: Strongroom, tmp_path: Path, infix: str) -> None:
    """A repository and a file that holds one, as options or as variables: refused in restic's words."""
    place, file = tmp_path / "place", tmp_path / "file"
    file.write_text(f"{tmp_path / 'another'}\n")
    main = ("-r", tmp_path / "main") if infix else ()
    ended = strongroom.run(*main, f"--{infix}repo", place, f"--{infix}repository-file", file, "copy").expect(1)
    assert f"{infix}repository-file are mutually exclusive, please specify only one" in ended.err
    name = f"RESTIC_{infix.upper().replace('-', '_')}REPOSITORY"
    ended = strongroom.run(*main, "copy", env={name: str(place), f"{name}_FILE": str(file)}).expect(1)
    assert f"${name} and ${name}_FILE are mutually exclusive" in ended.err


@pytest.mark.parametrize("place", ["s3:http://127.0.0.1:1/b/x", "gs:b:/x", "azure:b:/x"])
def test_a_bucket_of_one_letter_is_named(strongroom: Strongroom, place: str) -> None:
    """No provider has such a bucket, and that is what is said."""
    assert "name has 3" in strongroom.run("-r", place, "snapshots").expect(1).err
