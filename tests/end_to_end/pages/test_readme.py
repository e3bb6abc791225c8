"""What the README tells a user to type."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.support import compare
from tests.support.cheap_keys.tool import make_tool
from tests.support.programs import Restic, Strongroom

ROOT = Path(__file__).parents[3]


def test_two_repositories_in_one_pass(strongroom: Strongroom, restic: Restic, tmp_path: Path, source: Path) -> None:
    """init twice with one polynomial, one backup to both, and each restores and checks."""
    local, offsite = tmp_path / "local", tmp_path / "offsite"
    strongroom.init(local)
    strongroom.init(offsite, "--copy-chunker-params", "--from-repo", str(local))
    strongroom.run("backup", "--repo", local, "--repo", offsite, source).expect(0)
    for number, repository in enumerate((local, offsite)):
        strongroom.run("check", "--read-data", "--repo", repository).expect(0)
        restic.check(repository)
        strongroom.run("restore", "latest", "--repo", repository, "--target", tmp_path / f"out{number}").expect(0)
        compare.assert_same(source, compare.restored(tmp_path / f"out{number}", source))
    first, second = (restic.on(repository, "cat", "config").expect(0).json() for repository in (local, offsite))
    assert first["chunker_polynomial"] == second["chunker_polynomial"]
    assert first["id"] != second["id"]


def test_a_configuration_file_alone(strongroom: Strongroom, restic: Restic, tmp_path: Path, source: Path) -> None:
    """With the README's configuration file, the bare verbs do it all, with a password for each repository."""
    (tmp_path / "secret").write_text("of the local one\n")
    configuration = tmp_path / "home" / ".config" / "strongroom" / "config.toml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"""
version = 1

[repository.local]
url = "{tmp_path}/local"
password = {{ file = "{tmp_path}/secret" }}

[repository.offsite]
url = "{tmp_path}/offsite"
password = {{ command = ["echo", "of the other one"] }}

[source.home]
paths = ["{source}"]
exclude = ["file1*"]
""")
    configuration.chmod(0o600)
    for program in (strongroom, restic):
        program.env.pop("RESTIC_PASSWORD")
    strongroom.run("config", "validate").expect(0)
    strongroom.init("local")
    strongroom.init("offsite")
    strongroom.run("backup").expect(0)
    shown = strongroom.run("config", "show").expect(0)
    assert "of the" not in shown.out
    for name, password in (("local", "of the local one"), ("offsite", "of the other one")):
        listed = restic.run("-r", tmp_path / name, "ls", "latest", env={"RESTIC_PASSWORD": password}).expect(0)
        assert f"{source}/folder2/sub2/file2" in listed.out
        assert "file1" not in listed.out


def test_the_quick_start(tmp_path: Path, source: Path, home: Path, restic: Restic) -> None:
    """The quick start leaves two repositories, one behind a gateway; restic opens both with the password it names.

    Both cut files alike. In the second one an intruder has been: what was planted there is set aside, and restic checks
    and restores it. A host that was silent for four days is late, and an alert says so; no server is left running.
    """
    ended = _quickstart(home, source, tmp_path / "kept")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "came back as it is" in ended.stdout
    assert "is forgotten, and what it alone needed is pruned" in ended.stdout
    assert "is shown as it is" in ended.stdout or not Path("/dev/fuse").exists()
    assert "critical: laptop-7/laptop-7/local: the due backup did not come, twice over" in ended.stdout
    assert "critical  laptop-7/laptop-7/local  late" in ended.stdout
    assert ended.stdout.count(" 04:00:00 +") == 5
    assert not _servers(tmp_path / "kept")
    secret = tmp_path / "kept" / "state" / "fleet" / "password"
    assert str(secret) in ended.stdout
    assert secret.stat().st_mode & 0o777 == 0o600
    restic.env["RESTIC_PASSWORD"] = ""
    restic.run("-r", tmp_path / "kept" / "local", "-p", secret, "check").expect(0)
    offsite = ("-r", tmp_path / "kept" / "gateway" / "hosts" / "this-host", "-p", secret)
    restic.run(*offsite, "check", "--read-data").expect(0)
    both = (("-r", tmp_path / "kept" / "local", "-p", secret), offsite)
    first, second = (restic.run(*where, "cat", "config").expect(0).json() for where in both)
    assert first["chunker_polynomial"] == second["chunker_polynomial"]
    restic.run(*offsite, "restore", "latest", "--path", source, "--target", tmp_path / "back").expect(0)
    compare.assert_same(source, compare.restored(tmp_path / "back", source))
    other = tmp_path / "other"
    shutil.copytree(source, other, symlinks=True)
    again = _quickstart(home, other, tmp_path / "kept")  # a folder that the custodian has not seen before
    assert again.returncode == 0, again.stdout + again.stderr
    shutil.rmtree(tmp_path / "kept")  # all that it keeps lies there
    with socket.socket(socket.AF_UNIX) as left_behind:  # in the source a socket, which nobody restores, is no bug
        left_behind.bind(str(source / "agent"))
        anew = _quickstart(home, source, tmp_path / "kept")
    assert anew.returncode == 0, anew.stdout + anew.stderr


def test_the_quick_start_refuses_without_space(tmp_path: Path, source: Path, home: Path) -> None:
    """A source for which there is no room is refused before anything is written."""
    with (source / "sparse").open("wb") as out:
        out.truncate(1 << 43)
    ended = _quickstart(home, source, tmp_path / "kept")
    assert ended.returncode == 1
    assert "Not enough space" in ended.stderr
    assert not os.listdir(tmp_path / "kept")


def _quickstart(home: Path, source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("RESTIC_", "STRONGROOM_"))}
    env |= {"SOURCE": str(source), "TARGET": str(target), "HOME": str(home)}
    tool = home.parent / "tools" / "strongroom"
    if not tool.exists():
        make_tool(tool.parent)
    named = (
        "import pathlib, sys; from scripts import quickstart, quickstart_steps as steps; "
        "steps.COMMAND = pathlib.Path(sys.argv[1]); sys.exit(quickstart.main())"
    )
    env["PYTHONPATH"] = str(ROOT)
    script: list[str | Path] = [sys.executable, "-c", named, tool]
    return subprocess.run(script, env=env, capture_output=True, text=True, check=False, timeout=400)


def _servers(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue  # it has ended
        if str(folder) in words:
            found.append(words)
    return found
