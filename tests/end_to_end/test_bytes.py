"""Names, passwords and output are bytes: no locale makes others of them."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import Restic, Strongroom
from tests.support.waiting import PATIENCE

PASSWORD = b"p\xe9ss \xc3\xa9\xff"
NAMES = ("é".encode(), b"caf\xe9", "日本".encode(), b"\xff\xfe", b"two\nlines")
LOCALES = {
    "C": {"LC_ALL": "C"},
    "POSIX, another encoding asked for": {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
    "C, taken by its word": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "none": {"LC_ALL": ""},
    "Latin-1": {"LC_ALL": "en_US.ISO-8859-1"},
}


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Latin-1 locale, for ``LOCPATH``."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/locales/en_US").exists():
        pytest.skip("no sources of locales (Debian's package locales)")
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / "en_US.ISO-8859-1"], check=True)
    return folder


@pytest.fixture(params=LOCALES)
def in_locale(request: pytest.FixtureRequest, strongroom: Strongroom) -> Iterator[Strongroom]:
    """Our command in each locale."""
    variables = dict(LOCALES[request.param])
    if request.param == "Latin-1":
        variables["LOCPATH"] = str(request.getfixturevalue("latin_1"))
    strongroom.env |= variables
    yield strongroom


def _source(folder: Path) -> Path:
    folder.mkdir()
    for name in NAMES:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(name)
    return folder


def test_names_and_words_in_any_locale(in_locale: Strongroom, restic: Restic, repository: Path, tmp_path: Path) -> None:
    """A password, names and words of other bytes than the locale's mean the same, and output is UTF-8, names as they
    are."""
    source = _source(tmp_path / "source")
    for program in (in_locale, restic):
        program.env["RESTIC_PASSWORD"] = os.fsdecode(PASSWORD)
    in_locale.init(repository)
    said = in_locale.on(repository, "backup", "-vv", "--tag", b"t\xc3\xa9g", "source", cwd=tmp_path).expect(0)
    assert "日本" in said.stdout.decode("utf-8")
    in_locale.on(repository, "backup", "--json", source, os.fsencode(source) + b"/caf\xe9").expect(0).stdout.decode()
    (first, second) = restic.snapshots(repository)
    assert first["tags"] == ["tég"]
    assert second["paths"][1].endswith("/caf�")
    assert in_locale.snapshots(repository) == [first, second]
    for words in (("ls",), ("ls", "-l")):
        ours, theirs = (program.on(repository, *words, first["id"]).expect(0) for program in (in_locale, restic))
        assert ours.stdout == theirs.stdout
        assert all(name in ours.stdout for name in NAMES)
    found = in_locale.on(repository, "find", b"caf\xe9").expect(0).stdout
    assert found == restic.on(repository, "find", b"caf\xe9").expect(0).stdout
    listed = in_locale.on(repository, "ls", "--json", first["id"]).expect(0).stdout.decode("utf-8")
    assert {json.loads(line).get("name") for line in listed.splitlines()} >= {"é", "caf�", "日本", "two\nlines"}
    in_locale.on(repository, "restore", first["id"], "--target", os.fsencode(tmp_path) + b"/out\xe9").expect(0)
    restored = os.fsencode(tmp_path) + b"/out\xe9" + os.fsencode(source)
    assert sorted(os.listdir(os.fsencode(tmp_path) + b"/out\xe9/source")) == sorted(NAMES), restored


@pytest.mark.parametrize("end", [b"", b"\n", b" \r\n\xc2\xa0\n"])
def test_a_password_is_bytes_wherever_it_comes_from(
    strongroom: Strongroom, restic: Restic, repository: Path, tmp_path: Path, end: bytes
) -> None:
    """Environment, file, command and standard input give the same bytes, without what Go takes for white space."""
    for program in (strongroom, restic):
        program.env.pop("RESTIC_PASSWORD")
    secret = {"RESTIC_PASSWORD": os.fsdecode(PASSWORD)}
    restic.on(repository, "init", env=secret).expect(0)
    (tmp_path / "file").write_bytes(end.lstrip(b"\n") + PASSWORD + end)
    for program in (strongroom, restic):
        program.on(repository, "-p", tmp_path / "file", "cat", "config").expect(0)
        program.on(repository, "--password-command", f"cat '{tmp_path / 'file'}'", "cat", "config").expect(0)
        program.on(repository, "cat", "config", env=secret).expect(0)
        program.on(repository, "cat", "config", stdin=PASSWORD + b"\r\n").expect(0)


def test_a_password_typed_at_a_terminal_is_bytes(strongroom: Strongroom, repository: Path) -> None:
    """What the terminal sends is the password, without echo, whatever its bytes mean."""
    strongroom.env["RESTIC_PASSWORD"] = os.fsdecode(PASSWORD)
    strongroom.init(repository)
    strongroom.env.pop("RESTIC_PASSWORD")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(strongroom.executable, ["strongroom", "-r", str(repository), "list", "keys"], strongroom.env)
    said = b""
    while b"enter password" not in said:
        assert select.select([terminal], [], [], PATIENCE)[0], said
        said += os.read(terminal, 1000)
    os.write(terminal, PASSWORD + b"\n")
    try:
        while select.select([terminal], [], [], PATIENCE)[0] and (data := os.read(terminal, 1000)):
            said += data
    except OSError:  # the other end is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    assert PASSWORD not in said


@pytest.mark.parametrize(
    ("place", "region"),
    [
        (b"s3:http://127.0.0.1:1/bucket/p\xff", b""),
        (b"s3:http://h\xff/bucket/prefix", b""),
        (b"s3:http://127.0.0.1:1/bucket/prefix", b"e\xff"),
        (b"gs:bucket:/p\xff", b""),
        (b"az:container:/p\xff", b""),
    ],
)
def test_a_place_in_a_bucket_is_utf_8(strongroom: Strongroom, place: bytes, region: bytes) -> None:
    """What no bucket can be called is refused in words, and nothing is asked for; a secret may be any bytes."""
    env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": os.fsdecode(b"s\xff"), "AWS_REGION": os.fsdecode(region)}
    ended = strongroom.run("-o", "retry-for=0", "-r", place, "snapshots", env=env).expect(1)
    assert "names no bucket" in ended.err or "makes no sense" in ended.err
    assert "fault in this program" not in ended.err
