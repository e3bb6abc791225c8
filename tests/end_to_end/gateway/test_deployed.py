"""The files of ``deploy/`` as far as a machine without their managers can run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from tests.support.command import STRONGROOM, environment
from tests.support.servers.gateways import Gateway
from tests.support.waiting import PATIENCE, until

DEPLOY = Path(__file__).parents[3] / "deploy"


@contextmanager
def entrypoint(folder: Path, **variables: str) -> Iterator[Gateway]:
    """The image's start script with the image's variables; the data are in ``folder``/data."""
    (folder / "data").mkdir(exist_ok=True)
    said = folder / "gateway.err"
    image = {"DATA_DIRECTORY": str(folder / "data"), "PASSWORD_FILE": str(folder / "data/.htpasswd")}
    path = f"{STRONGROOM.parent}:{DEPLOY / 'container'}:/usr/bin:/bin"
    env = environment(folder, {**image, "PATH": path, **variables})
    with said.open("wb") as errors:
        command = ["sh", str(DEPLOY / "container/entrypoint")]
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=errors)

    def started() -> re.Match[str] | None:
        assert process.poll() is None, said.read_text()
        return re.search(r"^start server on (.*)\n", said.read_text(), re.MULTILINE)

    try:
        yield Gateway(folder, address=until(started, said.read_text)[1])
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0, said.read_text()


def test_the_image_without_authentication(tmp_path: Path) -> None:
    """DISABLE_AUTHENTICATION and OPTIONS with several words mean what they mean in rest-server's image."""
    options = "--listen 127.0.0.1:0 --append-only --prometheus"
    with entrypoint(tmp_path, DISABLE_AUTHENTICATION="1", OPTIONS=options) as gateway:
        gateway.make()
        assert gateway.ask("DELETE", "/web01/config").status == 403
        assert gateway.ask("GET", "/metrics").status == 200
    assert (tmp_path / "data/web01/config").exists()
    assert (tmp_path / "data/.strongroom/gateway.db").exists()


def test_the_image_begins_without_users(tmp_path: Path) -> None:
    """Without a password file nobody is let in; who is added while it runs, is; the file is for its owner alone."""
    with entrypoint(tmp_path, OPTIONS="--listen 127.0.0.1:0 --private-repos") as gateway:
        assert gateway.ask("GET", "/web01/config", user="web01:pw").status == 401
        file = tmp_path / "data/.htpasswd"
        assert file.stat().st_mode & 0o777 == 0o600
        if shutil.which("htpasswd"):
            env = {**os.environ, "PASSWORD_FILE": str(file)}
            subprocess.run(["sh", DEPLOY / "container/create_user", "web01", "pw"], env=env, check=True)
        else:
            file.write_bytes(b"web01:" + bcrypt.hashpw(b"pw", bcrypt.gensalt(4)) + b"\n")
        until(lambda: gateway.ask("GET", "/web01/config", user="web01:pw").status != 401, pause=0.1)
        gateway.make("web01", "web01:pw")


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    """systemd finds no fault in unit and socket, and every directive of the unit is known to it."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze")
    for file in (DEPLOY / "systemd").iterdir():
        text = file.read_text().replace("/usr/local/bin/strongroom", str(STRONGROOM))
        (tmp_path / file.name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_servers_units_have_few_rights(tmp_path: Path) -> None:
    """`systemd-analyze security` finds an exposure of 2.5 at most."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze")
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    assert len(units) == 5
    for unit in units:
        shutil.copy(unit, tmp_path)
        words = [analyze, "security", "--offline=yes", "--threshold=25", str(tmp_path / unit.name)]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout[-300:] + ended.stderr


def test_the_unit_permits_every_system_call_that_a_gateway_makes(tmp_path: Path) -> None:
    """What a gateway under load asks of the kernel is in the unit's filter: a call that is not would kill it."""
    analyze, strace = shutil.which("systemd-analyze"), shutil.which("strace")
    if analyze is None or strace is None:
        pytest.skip("needs systemd-analyze and strace")
    line = re.search(r"^SystemCallFilter=(.*)$", (DEPLOY / "systemd/strongroom-gateway.service").read_text(), re.M)
    assert line
    allowed = _calls(analyze, line[1].split())
    trace = tmp_path / "trace"
    gateway = Gateway(tmp_path, flags=("--no-auth", "--append-only", "--prometheus"))
    gateway.start(wrap=(strace, "-f", "-qq", "-o", str(trace)))
    gateway.make()
    for path in ("/web01/config", "/web01/data/", "/metrics", "/health", "/.strongroom/log/checkpoint"):
        gateway.ask("GET", path)
    gateway.settle()
    gateway.stop()
    used = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[ (]", trace.read_text(errors="replace"), re.MULTILINE))
    assert {"linkat", "fsync", "sendfile"} & used
    assert used - allowed == set()


def _calls(analyze: str, words: list[str]) -> set[str]:
    """The system calls that the words of a filter mean; a group may hold groups."""
    found: set[str] = set()
    for word in words:
        if not word.startswith("@"):
            found.add(word)
            continue
        done = subprocess.run([analyze, "syscall-filter", word], capture_output=True, text=True, check=True)
        lines = [line.strip() for line in done.stdout.splitlines()[1:]]
        found |= _calls(analyze, [line for line in lines if line and not line.startswith("#")])
    return found
