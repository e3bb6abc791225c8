"""What a signal does to the installed command while it waits for a server, wherever it waits."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import waiting
from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer

PROMISED = 10.0
"""Seconds to the end after a signal, as the design says."""

PLACES = [
    ("snapshots", "GET", "config", "stall"),
    ("snapshots", "GET", "keys/", "stall-body"),
    ("snapshots", "POST", "locks/", "stall"),
    ("snapshots", "GET", "locks/", "stall"),
    ("snapshots", "DELETE", "locks/", "stall"),
    ("backup SOURCE", "GET", "config", "stall-body"),
    ("backup SOURCE", "POST", "locks/", "stall"),
    ("backup SOURCE", "GET", "index/", "stall"),
    ("backup SOURCE", "POST", "data/", "stall"),
    ("backup SOURCE", "POST", "index/", "stall"),
    ("backup SOURCE", "POST", "snapshots/", "stall"),
    ("restore latest --target TARGET", "GET", "data/", "stall-body"),
    ("check --read-data", "GET", "data/", "stall-body"),
    ("check", "GET", "locks/", "stall"),
    ("ls latest", "GET", "data/", "stall"),
    ("find new", "GET", "data/", "stall-body"),
    ("dump latest SOURCE/new", "GET", "data/", "stall"),
    ("stats", "GET", "index/", "stall"),
    ("diff latest latest", "GET", "snapshots/", "stall"),
    ("list blobs", "GET", "index/", "stall-body"),
    ("key list", "GET", "keys/", "stall"),
    ("key add --new-insecure-no-password", "POST", "keys/", "stall"),
    ("unlock", "GET", "locks/", "stall"),
    ("init", "HEAD", "config", "stall"),
    ("storage probe URL", "POST", "data/", "stall"),
    ("storage probe URL", "DELETE", "data/", "stall"),
]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A repository with a snapshot, as a server holds it."""
    folder = tmp_path_factory.mktemp("signals")
    source = _source(folder)
    command = Strongroom(folder / "home")
    with RestServer() as server:
        command.init(f"rest:{server.url}")
        command.backup(f"rest:{server.url}", source)
        return dict(server.objects)


def _source(folder: Path) -> Path:
    source = folder / "source"
    source.mkdir()
    (source / "new").write_bytes(os.urandom(3_000_000))
    return source


def _locks(server: RestServer) -> list[str]:
    with server.lock:
        return [key for key in server.objects if "locks/" in key]


def _words(command: str, tmp_path: Path, source: Path) -> list[str]:
    places = {"SOURCE": str(source), "TARGET": str(tmp_path / "target")}
    return [
        next((word.replace(old, new) for old, new in places.items() if old in word), word) for word in command.split()
    ]


def _end(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> float:
    """Send a signal and wait: the seconds until the end, with exit code 130."""
    began = time.monotonic()
    process.send_signal(number)
    try:
        assert process.wait(waiting.PATIENCE) == 130
    finally:
        process.kill()
    return time.monotonic() - began


@pytest.mark.parametrize(("command", "method", "path", "how"), PLACES)
def test_a_signal_ends_each_verb_wherever_its_server_stalls(
    strongroom: Strongroom,
    tmp_path: Path,
    objects: dict[str, bytes],
    command: str,
    method: str,
    path: str,
    how: str,
) -> None:
    """Exit code 130 within ten seconds, and no lock of ours is left on a server that still answers."""
    source = _source(tmp_path)

    def attempt() -> float:
        with RestServer() as server:
            server.objects.update(objects)
            server.fail(method, how, matching=path)
            number = signal.SIGTERM if path == "config" else signal.SIGINT
            words = ("--no-cache", *_words(command.replace("URL", f"rest:{server.url}"), tmp_path, source))
            process = strongroom.start("-r", f"rest:{server.url}", *words)
            try:
                waiting.until(lambda: not server.faults or process.poll() is not None)
                time.sleep(0.2)
                took = _end(process, number)
            finally:
                process.kill()
                process.wait()
            assert not _locks(server)
            return took

    waiting.kept(PROMISED, attempt)


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("rest:http://127.0.0.1:PORT/", {}),
        ("rest:https://127.0.0.1:PORT/", {}),
        ("rest:http://example.invalid/", {"HTTP_PROXY": "http://127.0.0.1:PORT"}),
        ("rest:https://example.invalid/", {"HTTPS_PROXY": "http://127.0.0.1:PORT"}),
        ("rest:https://example.invalid/", {"HTTPS_PROXY": "https://127.0.0.1:PORT"}),
        ("rest:http://example.invalid/", {"HTTP_PROXY": "socks5://127.0.0.1:PORT"}),
        ("s3:http://127.0.0.1:PORT/bucket/", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}),
        ("gs:bucket:/", {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:PORT"}),
    ],
)
def test_a_signal_ends_a_command_whose_connection_is_never_made(
    strongroom: Strongroom, url: str, environment: dict[str, str]
) -> None:
    """TLS, proxies and tunnels that hang, for every kind of network store: 130 within ten seconds."""

    def attempt() -> float:
        with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and never says anything
            port = server.getsockname()[1]
            strongroom.env.update({name: text.replace("PORT", str(port)) for name, text in environment.items()})
            process = strongroom.start("-r", url.replace("PORT", str(port)), "snapshots")
            assert select.select([server], [], [], waiting.PATIENCE)[0], "it has not asked"
            time.sleep(0.2)
            assert process.poll() is None
            return _end(process)

    waiting.kept(PROMISED, attempt)


def test_signals_that_come_together_are_one_wish(
    strongroom: Strongroom, tmp_path: Path, objects: dict[str, bytes]
) -> None:
    """`timeout` sends its signal twice at once: that still ends the run in an orderly manner, without a lock."""
    source = _source(tmp_path)
    with RestServer() as server:
        server.objects.update(objects)
        server.fail("POST", "stall", matching="data/")
        process = strongroom.start("-r", f"rest:{server.url}", "backup", source)
        waiting.until(lambda: not server.faults)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        assert _end(process, signal.SIGTERM) < waiting.PATIENCE
        assert not _locks(server)


def test_a_second_signal_ends_at_once_and_takes_our_lock_along(
    strongroom: Strongroom, tmp_path: Path, objects: dict[str, bytes]
) -> None:
    """A backup that finishes its uploads is ended by the second signal, in three seconds, and its lock is gone."""
    source = _source(tmp_path)

    def attempt() -> float:
        with RestServer() as server:
            server.objects.update(objects)
            server.fail("POST", "stall", matching="data/")
            process = strongroom.start("-r", f"rest:{server.url}", "backup", source)
            waiting.until(lambda: not server.faults)
            process.send_signal(signal.SIGINT)
            time.sleep(0.7)
            took = _end(process)
            assert not _locks(server)
            return took

    waiting.kept(3.0, attempt)


def test_a_server_that_never_answers_again_costs_ten_seconds_at_most(
    strongroom: Strongroom, tmp_path: Path, objects: dict[str, bytes]
) -> None:
    """Uploads, index and the lock's removal all stall: the command ends all the same."""
    source = _source(tmp_path)

    def attempt() -> float:
        with RestServer() as server:
            server.objects.update(objects)
            server.fail("POST", "stall", 50, matching="data/")
            server.fail("POST", "stall", 50, matching="index/")
            server.fail("DELETE", "stall", 50, matching="locks/")
            process = strongroom.start("-r", f"rest:{server.url}", "backup", source)
            waiting.until(lambda: len(server.faults) < 150)
            return _end(process)

    waiting.kept(PROMISED, attempt)


def test_a_signal_is_heard_while_the_next_attempt_is_waited_for(
    strongroom: Strongroom, objects: dict[str, bytes]
) -> None:
    """Between attempts at a server that answers 500."""

    def attempt() -> float:
        with RestServer() as server:
            server.objects.update(objects)
            server.fail("GET", "status", 500, status=500)
            process = strongroom.start("-r", f"rest:{server.url}", "snapshots")
            waiting.until(lambda: len(server.faults) <= 497)
            return _end(process)

    waiting.kept(PROMISED, attempt)


def test_of_two_repositories_the_one_that_answers_loses_its_lock(
    strongroom: Strongroom, tmp_path: Path, objects: dict[str, bytes]
) -> None:
    """The dead one does not keep the other's lock in place."""
    source = _source(tmp_path)

    def attempt() -> float:
        with RestServer() as dead, RestServer() as alive:
            for server in (dead, alive):
                server.objects.update(objects)
            dead.fail("POST", "stall", 50, matching="data/")
            dead.fail("DELETE", "stall", 50, matching="locks/")
            urls = [word for server in (dead, alive) for word in ("-r", f"rest:{server.url}")]
            process = strongroom.start(*urls, "backup", source)
            waiting.until(lambda: len(dead.faults) < 100)
            took = _end(process)
            assert not _locks(alive)
            return took

    waiting.kept(PROMISED, attempt)


@pytest.mark.peer("rclone")
@pytest.mark.parametrize("to", ["group", "process"])
def test_rclone_ends_with_a_backup_that_is_stopped(strongroom: Strongroom, tmp_path: Path, to: str) -> None:
    """An interruption typed at the terminal, which rclone gets, too, and SIGTERM to the command alone: in time, with
    the lock removed through the rclone that is still there, and none left."""
    stored, source = tmp_path / "stored", tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(os.urandom(48 << 20))
    place = f"rclone::local:{stored}"
    strongroom.init(place)
    words = [str(strongroom.executable), "-r", place, "--limit-upload", "1000", "backup", str(source)]
    with subprocess.Popen(
        words,
        env=strongroom.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            waiting.until(lambda: (stored / "locks").is_dir() and os.listdir(stored / "locks"))
            time.sleep(1)  # in the middle of a pack
            begun = time.monotonic()
            if to == "group":
                os.killpg(process.pid, signal.SIGINT)
            else:
                process.terminate()
            assert process.wait(waiting.PATIENCE) == 130
            assert time.monotonic() - begun < 2 * PROMISED  # half of it for a busy machine
        finally:
            if process.poll() is None:
                process.kill()
    assert os.listdir(stored / "locks") == []
    waiting.until(lambda: not _of_session(process.pid))


def _of_session(leader: int) -> list[str]:
    """The processes of a session that are left."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(entry.name)
    return found
