"""Each of several repositories begins when it is open, and a password that does not come holds up its own alone."""

from __future__ import annotations

import contextlib
import shlex
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.end_to_end.several.test_several_repositories import is_running, place, until_finished
from tests.support import trees
from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer
from tests.support.waiting import PATIENCE, kept, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def local(strongroom: Strongroom, tmp_path: Path) -> Path:
    """A healthy repository with a snapshot of a source."""
    strongroom.init(tmp_path / "local")
    strongroom.backup(tmp_path / "local", trees.ordinary(tmp_path / "source"))
    return tmp_path / "local"


@pytest.fixture
def server(strongroom: Strongroom) -> Iterator[RestServer]:
    """A server with a repository."""
    with RestServer() as server:
        strongroom.init(place(server))
        yield server


def hanging(tmp_path: Path, local: Path) -> tuple[Path, Path]:
    """A configuration whose first repository has a password command that never ends, and where that says its PID."""
    file, pid, command = tmp_path / "config.toml", tmp_path / "pid", tmp_path / "ask"
    command.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 1000\n")
    command.chmod(0o755)
    password = tmp_path / "password"
    password.write_text("correct horse battery staple")
    password.chmod(0o600)
    file.write_text(
        f'version = 1\n[repository.hangs]\nurl = "{tmp_path / "hangs"}"\npassword = {{ command = ["{command}"] }}\n'
        f'[repository.local]\nurl = "{local}"\npassword = {{ file = "{password}" }}\n'
    )
    file.chmod(0o600)
    return file, pid


@contextlib.contextmanager
def writing(strongroom: Strongroom, output: Path, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way whose output goes to a file, ended in any case."""
    with output.open("wb") as file:
        line = [str(strongroom.executable), *map(str, words)]
        process = subprocess.Popen(line, env=strongroom.env, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.mark.parametrize("verb", ["snapshots", "check"])
def test_a_silent_server_keeps_no_other_from_being_read(
    strongroom: Strongroom, local: Path, server: RestServer, tmp_path: Path, verb: str
) -> None:
    """The healthy repository is listed and checked while the one named before it is still being opened."""
    server.fail("GET", "stall", 1000, matching="/keys/")
    wanted = b"1 snapshots\n" if verb == "snapshots" else b"no errors were found\n"
    output = tmp_path / "output"
    with writing(strongroom, output, "-r", place(server), "-r", local, verb) as process:
        until(lambda: wanted in output.read_bytes())
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_a_password_command_that_hangs_holds_up_its_own_repository_alone(
    strongroom: Strongroom, local: Path, tmp_path: Path
) -> None:
    """The other is saved to; the command that hangs is named, and ended with ours."""
    file, pid = hanging(tmp_path, local)
    output = tmp_path / "output"
    with writing(strongroom, output, "--config", file, "backup", tmp_path / "source") as process:
        until_finished(process, local, 2)
        until(lambda: b"waiting for the password command" in output.read_bytes())
        until(lambda: pid.exists() and pid.read_text().strip())
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 130
    assert str(tmp_path / "ask") in output.read_text()
    until(lambda: not is_running(pid.read_text().strip()))


def test_a_wish_to_stop_ends_a_password_command(strongroom: Strongroom, local: Path, tmp_path: Path) -> None:
    """Reading of several repositories ends within seconds of a signal, with the password command that it waits for."""
    file, pid = hanging(tmp_path, local)
    output = tmp_path / "output"

    def attempt() -> float:
        pid.unlink(missing_ok=True)
        with writing(strongroom, output, "--config", file, "snapshots") as process:
            until(lambda: pid.exists() and pid.read_text().strip() and b"1 snapshots\n" in output.read_bytes())
            asked = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
            took = time.monotonic() - asked
        until(lambda: not is_running(pid.read_text().strip()))
        return took

    kept(10, attempt)


def test_repositories_are_spoken_of_in_the_order_given(strongroom: Strongroom, local: Path, tmp_path: Path) -> None:
    """Where nobody is slow the order on the command line is the order of what is printed."""
    places = [tmp_path / name for name in ("zebra", "ant")]
    for one in places:
        strongroom.init(one)
    words = [word for one in (*places, local) for word in ("-r", str(one))]
    out = strongroom.run(*words, "snapshots").expect(0).out
    headings = [line.split("/")[-1].rstrip(":") for line in out.splitlines() if line.startswith("repository ")]
    assert headings == ["zebra", "ant", "local"]


def test_a_password_from_a_pipe_opens_all(strongroom: Strongroom, local: Path, tmp_path: Path) -> None:
    """A pipe gives its bytes once, and they are the password of each repository that was named with it."""
    strongroom.init(tmp_path / "other")
    word = strongroom.env.pop("RESTIC_PASSWORD").encode()
    both = ("-r", local, "-r", tmp_path / "other", "--password-file", "/dev/stdin")
    strongroom.run(*both, "backup", "-q", local / "config", stdin=word).expect(0)
    again = ("--new-password-file", "/dev/stdin")
    changed = strongroom.run("-r", local, "--password-file", "/dev/stdin", "key", "passwd", *again, stdin=word)
    assert "the password is empty" in changed.expect(1).err


def test_certificates_from_pipes_serve_every_connection(strongroom: Strongroom, tmp_path: Path) -> None:
    """An authority and a client's certificate that are read once are believed and shown for each of two servers."""
    authority = trustme.CA()
    identity, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("me@example.org")

    def certificate(context: ssl.SSLContext) -> None:
        identity.configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    pem, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authority.cert_pem.write_to_path(str(pem))
    client.private_key_and_cert_chain_pem.write_to_path(str(own))
    with RestServer(certificate=certificate) as one, RestServer(certificate=certificate) as two:
        for server in (one, two):
            strongroom.run("-r", place(server), "init", "--cacert", pem, "--tls-client-cert", own).expect(0)
        words = shlex.join([str(strongroom.executable), "-r", place(one), "-r", place(two), "snapshots"])
        line = f"{words} --cacert <(cat {pem}) --tls-client-cert <(cat {own})"
        subprocess.run(["bash", "-c", line], env=strongroom.env, check=True, timeout=PATIENCE, capture_output=True)
