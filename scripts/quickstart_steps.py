"""What the parts of the quick start share: showing a command and running it, servers, ports, comparing folders."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shlex
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

COMMAND = Path(sys.executable).parent / "strongroom"
_LOWEST, _HIGHEST = 20000, 32000
"""Below the ports that Linux gives to whoever asks for any, so that a second run finds its own free again."""


def run(*arguments: str, accept: tuple[int, ...] = (0,), before: str = "", env: Mapping[str, str] | None = None) -> int:
    """Show a command and run it; ends this program when the command fails. ``before``: words shown before it."""
    print(f"\n{before}$ strongroom", shlex.join(arguments), flush=True)
    code = subprocess.run([COMMAND, *arguments], check=False, env=env).returncode
    _must_be(code, accept)
    return code


def ask(*arguments: str, accept: tuple[int, ...] = (0,), shown: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run a command; what it printed. ``shown``: what stands behind it where it is shown, such as ``> FILE``."""
    if shown:
        print("\n$ strongroom", shlex.join(arguments), shown, flush=True)
    ended = subprocess.run([COMMAND, *arguments], check=False, stdout=subprocess.PIPE, text=True, env=env)
    _must_be(ended.returncode, accept)
    return ended.stdout


def _must_be(code: int, accept: tuple[int, ...]) -> None:
    if code not in accept:
        print(f"strongroom ended with exit code {code}", file=sys.stderr)
        raise SystemExit(code)


def write_secret(path: Path, text: str) -> None:
    """A file that its owner alone reads; replaced if it is there."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)


@contextlib.contextmanager
def serving(*arguments: str, until: str, before: str = "", env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Show a server's command and run it until the end; it listens once it has said ``until``."""
    print(f"\n{before}$ strongroom", shlex.join(arguments), "&", flush=True)
    server = subprocess.Popen([COMMAND, *arguments], stderr=subprocess.PIPE, text=True, env=env)
    try:
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            if line.startswith(until):
                break
        else:
            print(*said, sep="", file=sys.stderr)
            raise SystemExit(1)
        yield
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def kept_ports(file: Path, count: int) -> Iterator[list[int]]:
    """Loopback ports that are the same in each run, and nobody else's while this lasts; a file remembers them.

    They are bound here and listened on by servers, which set SO_REUSEADDR as this does.
    """
    with contextlib.ExitStack() as stack:
        if not file.exists():
            made = (stack.enter_context(socket.socket()) for _ in range(count))
            file.write_text(" ".join(str(_bound_anywhere(one)) for one in made) + "\n")
        else:
            for port in map(int, file.read_text().split()):
                one = stack.enter_context(socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the last run's connections linger
                if not _bound(one, port):
                    raise SystemExit(f"Port {port} of this machine is taken, and {file} says that it is to be used.")
        yield [int(port) for port in file.read_text().split()]


def _bound_anywhere(one: socket.socket) -> int:
    for _ in range(1000):
        port = _LOWEST + int.from_bytes(os.urandom(4)) % (_HIGHEST - _LOWEST)
        if _bound(one, port):  # bound alone, so that no other run has it; from now on beside our servers
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return port
    raise SystemExit(f"No port from {_LOWEST} to {_HIGHEST} is free on this machine.")


def _bound(one: socket.socket, port: int) -> bool:
    with contextlib.suppress(OSError):
        one.bind(("127.0.0.1", port))
        return True
    return False


def compare(source: Path, restored: Path) -> list[str]:
    """Paths whose kind, mode, time or content differ, or that are on one side only.

    Sockets are left out: a restore makes none, as restic's, since they mean nothing without the program behind them.
    """
    found: list[str] = []
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            names = set(os.listdir(os.path.join(source, folder)))
        except PermissionError:
            continue  # could not be backed up either; the backup has named it
        names = {name for name in names if not stat.S_ISSOCK(os.lstat(os.path.join(source, folder, name)).st_mode)}
        there = os.path.join(restored, folder)
        found += [os.path.join(folder, name) for name in names.symmetric_difference(os.listdir(there))]
        for name in names.intersection(os.listdir(there)):
            path = os.path.join(folder, name)
            if not _same(os.path.join(source, path), os.path.join(restored, path)):
                found.append(path)
            elif stat.S_ISDIR(os.lstat(os.path.join(source, path)).st_mode):
                pending.append(path)
    return found


def _same(left: str, right: str) -> bool:
    before, after = os.lstat(left), os.lstat(right)
    if before.st_mode != after.st_mode:
        return False
    if stat.S_ISLNK(before.st_mode):
        return os.readlink(left) == os.readlink(right)
    if not stat.S_ISREG(before.st_mode):
        return True
    return before.st_mtime_ns == after.st_mtime_ns and filecmp.cmp(left, right, shallow=False)
