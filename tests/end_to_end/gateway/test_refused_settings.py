"""What cannot be served with is refused in words before anything is served, and a stop is heeded in any loop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from strongroom.cli.main import main
from tests.support.command import STRONGROOM, environment, run
from tests.support.logs import new_signer
from tests.support.servers.gateways import Gateway
from tests.support.waiting import PATIENCE, kept, until

JUNK: list[tuple[str, ...]] = [
    ("--witness", "http://127.0.0.1:1", "--witness-key", "junk"),
    ("--witness", "http://127.0.0.1:1", "--witness-key", "KEY"),
    ("--witness-key", "junk"),
    ("--witness", "http://127.0.0.1:1"),
    ("--listen", ":99999"),
    ("--listen", ":-1"),
    ("--listen", ":\uff18\uff10"),
    ("--listen", "[::1"),
    ("--listen", "nowhere.invalid:80"),
    ("--listen", "a" * 300 + ":80"),
    ("--listen", "unix:"),
    ("--listen", "unix:/" + "x" * 200),
    ("--listen", "TAKEN"),
    ("--tls",),
    ("--tls", "--tls-cert", "FOLDER", "--tls-key", "FOLDER"),
    ("--tls", "--tls-cert", "JUNK", "--tls-key", "JUNK"),
    ("--config", "JUNK"),
    ("--config", "FOLDER"),
    ("--config", "FOLDER/absent"),
    ("--workers", "0"),
    ("--workers", "-1"),
    ("--workers", "100000"),
    ("--max-size", "-5"),
    ("--reads-per-day", "junk"),
    ("--trusted-proxies", "junk"),
    ("--log", "FOLDER"),
    ("--log", "FOLDER/absent/log"),
    ("--log-host", "a b+c"),
    ("--signing-key", "JUNK"),
    ("--database", "junk"),
    ("--database", "sqlite:///JUNK"),
    ("--database", "mysql://x"),
    ("--database", "postgresql://127.0.0.1:1/x"),
    ("--store", "junk", "--state", "FOLDER/state"),
    ("--store", "s3://", "--state", "FOLDER/state"),
    ("--store", "s3://bucket/prefix"),
    ("--proxy-auth-username", "X Y"),
    ("--state", "JUNK"),
]
POLICIES = [
    "\udcff\udcfe",
    "server = 5",
    "[server]\nlisten = 5",
    "[server]\nlisten = [5]",
    "[server]\nlisten = []",
    '[server]\ntls = true\ntls_min_ver = "1.1"',
    '[server]\nlog_format = "xml"',
    "[server]\nslow_span = nan",
    "[server]\nslow_span = -3",
    "[server]\nuploads_per_principal = 0",
    "[principal.x]\ntoken_sha256 = 5",
    "[principal]\nx = 5",
    "[[rule]]\nprincipal = 5",
    "rule = [5]",
]


def _refused(folder: Path, words: tuple[str, ...], text: str = "", *, forked: bool = True) -> None:
    listen = () if "--listen" in words or "listen" in text else ("--listen", "127.0.0.1:0")
    command = ("gateway", "serve", "--path", str(folder / "data"), *listen, *words)
    if forked:
        code, said = _run_forked(command, folder)
    else:
        done = run([STRONGROOM, *command], env=environment(folder), seconds=10)
        code, said = done.code, done.err
    assert code == 1, (words, said)
    assert said.startswith("Fatal: "), (words, said)
    for bad in ("a fault in this program", "Traceback", "start server", "another one"):
        assert bad not in said, (words, said)


def _run_forked(words: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """The command in a fork of this process, which has loaded everything: exit code and standard error."""
    with (folder / "said").open("wb") as said:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.environ.clear()
                os.environ.update(environment(folder))
                os.dup2(said.fileno(), 2)
                sys.stderr = open(2, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
                signal.alarm(int(PATIENCE))  # one that serves after all
                code = main(words)
                sys.stderr.flush()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), (folder / "said").read_text("utf-8", "surrogateescape")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a gateway's data and something that is no file of its kind."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/.htpasswd").write_text("x:{SHA}x\n")
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "junk").chmod(0o600)
    return tmp_path


@pytest.mark.parametrize("words", JUNK, ids=" ".join)
def test_what_cannot_be_served_with_is_refused_in_words(folder: Path, words: tuple[str, ...]) -> None:
    """A junk option is an error of one or two lines and exit code 1, before anything is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = f"127.0.0.1:{taken.getsockname()[1]}"
        named = {"JUNK": str(folder / "junk"), "FOLDER": str(folder), "TAKEN": port, "KEY": str(new_signer().verifier)}
        for name, value in named.items():
            words = tuple(word.replace(name, value) for word in words)
        _refused(folder, words)


def test_the_installed_command_refuses_as_well(folder: Path) -> None:
    """The same of the command as a process of its own, for an option and for a file."""
    _refused(folder, ("--workers", "0"), forked=False)
    (folder / "gateway.toml").write_bytes(b"version = 1\nserver = 5\n")
    _refused(folder, ("--config", str(folder / "gateway.toml")), forked=False)


@pytest.mark.parametrize("text", POLICIES)
def test_a_policy_that_cannot_be_served_with_is_refused_in_words(folder: Path, text: str) -> None:
    """The same for what stands in the policy file."""
    (folder / "gateway.toml").write_bytes(f"version = 1\n{text}\n".encode("utf-8", "surrogateescape"))
    _refused(folder, ("--config", str(folder / "gateway.toml")), text)


def test_a_stop_is_heeded_while_workers_do_not_come_up(tmp_path: Path) -> None:
    """Workers that end as soon as they begin are started anew for ever, and the end comes when it is asked for."""

    def stop() -> float:
        gateway = Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}, workers=2)
        gateway.start()
        ended = threading.Event()

        def end_them() -> None:
            while not ended.wait(0.01):
                with contextlib.suppress(OSError):
                    for child in gateway.children():
                        os.kill(child, signal.SIGKILL)

        ending = threading.Thread(target=end_them)
        ending.start()
        try:
            until(lambda: gateway.said().count("a worker ended with") >= 4, gateway.said)
            begun = time.monotonic()
            gateway.stop()
            return time.monotonic() - begun
        finally:
            ended.set()
            ending.join()

    kept(5, stop)


def test_a_stop_while_it_waits_to_begin_is_a_stop(tmp_path: Path) -> None:
    """SIGTERM while a start waits for its database ends it with 0 as it ends one that serves, with nothing to say."""
    state = tmp_path / "data" / ".strongroom"
    state.mkdir(parents=True)
    with (state / "gateway.db.write-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["gateway", "serve", "--path", str(state.parent), "--no-auth", "--listen", "127.0.0.1:0"]
        server = subprocess.Popen([STRONGROOM, *words], stderr=subprocess.PIPE, env=environment(tmp_path), text=True)
        try:
            waiting = f" {server.pid} "
            until(lambda: any(" -> " in one and waiting in one for one in Path("/proc/locks").read_text().splitlines()))
            server.send_signal(signal.SIGTERM)
            said = server.communicate(timeout=PATIENCE)[1]
        finally:
            server.kill()
            server.wait()
    assert (server.returncode, said) == (0, "")
