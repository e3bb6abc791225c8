"""``make quickstart SOURCE=folder``: back a folder up to two repositories in one pass, restore it, compare.

Then forget, prune and mount, on the local one; and take the other into a custodian's care, play an intruder who has all
that this host has, see what a round finds, and restore.

One repository is local, the other stands behind an append-only gateway, as on another machine.

Standard library only, and nothing but the installed command: each step printed here is one that a user can type.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import secrets
import shlex
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

COMMAND = Path(sys.executable).parent / "strongroom"
HOST = "this-host"
OFFSITE = "this-host"
"""The name at the gateway of this host, and of its repository."""
SHARE = 1.1
"""Room for a repository, as a multiple of the source: incompressible data grows by a little, never shrinks."""
SPARE = 64 << 20


def main() -> int:
    """Make the two repositories below the target folder and leave them there."""
    source = Path(os.environ.get("SOURCE") or "").expanduser()
    if not os.environ.get("SOURCE") or not source.is_dir():
        print("Say what to back up: make quickstart SOURCE=~/Documents", file=sys.stderr)
        return 1
    source = source.resolve()
    target = Path(os.environ.get("TARGET") or "~/strongroom-quickstart").expanduser().resolve()
    if target == source or source in target.parents:
        print(f"{target} lies inside {source}; choose another place with TARGET=folder", file=sys.stderr)
        return 1
    local, behind, restored, state = (target / name for name in ("local", "gateway", "restored", "state"))
    if restored.exists():
        print(
            f"{restored} is there from an earlier run; remove it, or choose another place with TARGET=folder",
            file=sys.stderr,
        )
        return 1
    if not _room(source, target):
        return 1
    password = _password(target)
    os.environ["STRONGROOM_PASSWORD_FILE"] = str(password)
    # What a host remembers of its repositories stays with these: whoever removes the folder has removed everything.
    os.environ["STRONGROOM_STATE_DIR"] = str(state)
    with _gateway(behind, target / "token") as address:
        offsite = f"rest:http://{address}/{OFFSITE}/"
        if not (local / "config").exists():
            _run("init", "--repo", str(local))
        if not (behind / OFFSITE / "config").exists():
            _run("init", "--repo", offsite, "--copy-chunker-params", "--from-repo", str(local))
        code = _run("backup", "--repo", str(local), "--repo", offsite, str(source), accept=(0, 3))
        if code == 3:
            print("Some files could not be read (named above); the rest is saved, and compared now.")
        _run("restore", "latest", "--repo", offsite, "--path", str(source), "--target", str(restored))
    _run("log", "verify", str(behind / ".strongroom" / "log"))
    differences = _compare(source, restored / source.relative_to("/"))
    if differences:
        print(f"The restored files differ from {source}:", *differences[:20], sep="\n  ")
        print("Files that changed, or could not be read, during the backup differ. Anything else is a bug.")
        return 1
    print(f"\nEvery file of {source} came back as it is.")
    shutil.rmtree(restored)
    _tidied(source, local)
    _mounted(source, local, target / "mounted")
    _in_care(source, behind, target)
    _next(source, local, behind, password, state)
    return 0


def _tidied(source: Path, local: Path) -> None:
    """Back up once more, then remove the snapshot that this run made first, and what it alone needed."""
    where = ("--repo", str(local))
    first = _snapshots(local)[-1]
    _run("backup", *where, str(source), accept=(0, 3))
    _run("forget", *where, first)
    _run("prune", *where)
    left = _snapshots(local)
    if first in left or not left:
        raise SystemExit(f"{first} is not what was removed. That is a bug.")
    print("\nThe first of the two snapshots is forgotten, and what it alone needed is pruned.")


def _snapshots(repository: Path) -> list[str]:
    """The IDs of a repository's snapshots, the oldest first."""
    words = [str(COMMAND), "snapshots", "--repo", str(repository), "--json"]
    return [one["id"] for one in json.loads(subprocess.run(words, check=True, capture_output=True).stdout)]


def _mounted(source: Path, local: Path, place: Path) -> None:
    """Mount the local repository, compare what it shows, and unmount it; say so where it cannot be mounted."""
    if not os.path.exists("/dev/fuse"):
        print("\nThere is no FUSE on this machine (/dev/fuse), so nothing is mounted.")
        return
    place.mkdir(exist_ok=True)
    words = ["mount", "--repo", str(local), str(place)]
    print("\n$ strongroom", shlex.join(words), "&", flush=True)
    mount = subprocess.Popen([COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        shown = place / "snapshots" / "latest" / source.relative_to("/")
        while mount.poll() is None and not (place / "snapshots").exists():
            time.sleep(0.1)
        if mount.poll() is not None:
            assert mount.stderr is not None
            print(f"It could not be mounted, and nothing else hangs on that:\n{mount.stderr.read().strip()}")
            return
        differences = _compare(source, shown)
        print(
            f"Every file of {source} is shown as it is." if not differences else f"Other than the source: {differences}"
        )
    finally:
        mount.terminate()
        mount.wait()
        place.rmdir()


def _in_care(source: Path, behind: Path, target: Path) -> None:
    """Take the off-site repository into care, let an intruder at it, and see what is found and what comes back."""
    store, custody, back = behind / OFFSITE, target / "custody", target / "restored"
    state = ("--state", str(custody))
    if not custody.exists():
        with os.fdopen(os.open(target / "recovery", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            words = [str(COMMAND), "custody", "init", *state]
            print("\n$ strongroom", shlex.join(words[1:]), ">", target / "recovery", flush=True)
            subprocess.run(words, check=True, stdout=out)
        _run("custody", "adopt", OFFSITE, "--store", str(store), *state)
        _run("gateway", "reconcile", OFFSITE, "--path", str(behind), "--reason", "the custodian's key")
    _run("custody", "round", OFFSITE, *state, accept=(0, 73, 74))
    print("\nNow an intruder, with everything that this host has:", flush=True)
    with _gateway(behind, target / "token") as address:
        words = [sys.executable, str(Path(__file__).with_name("intruder.py")), f"rest:http://{address}/{OFFSITE}/"]
        if subprocess.run(words, check=False).returncode != 0:
            raise SystemExit("The gateway let something be taken away. That is a bug.")
    planted = set(os.listdir(store / "index"))
    _run("custody", "round", OFFSITE, *state, accept=(73,))
    _run("custody", "incidents", OFFSITE, "--closed", *state)
    if not planted - set(os.listdir(store / "index")):
        raise SystemExit("The planted index is still in its place. That is a bug.")
    _run("check", "--repo", str(store), "--no-lock")
    words = [str(COMMAND), "custody", "snapshots", OFFSITE, *state, "--json"]
    listed = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    good = [one["id"] for one in listed if one["verdict"] == "good" and str(source) in one["paths"]]
    _run("restore", good[-1], "--repo", str(store), "--target", str(back), "--no-lock")
    differences = _compare(source, back / source.relative_to("/"))
    shutil.rmtree(back)
    if differences:
        raise SystemExit(f"After the intruder, the restored files differ: {differences[:20]}")
    print(
        "\nNothing was taken away, the planted index was set aside, and the last good snapshot came back as it is.\n"
        f"The forged snapshots stay in {store} until an operator decides: `strongroom custody condemn`."
    )


@contextlib.contextmanager
def _gateway(folder: Path, token: Path) -> Iterator[str]:
    """An append-only gateway over a folder, on loopback; its address. This host's token is made the first time."""
    folder.mkdir(exist_ok=True, mode=0o700)
    if not token.exists():
        words = ["gateway", "principal", "add", HOST, "--repository", OFFSITE, "--path", str(folder)]
        print("\n$ strongroom", shlex.join(words), flush=True)
        made = subprocess.run([COMMAND, *words], check=True, capture_output=True, text=True).stdout
        with os.fdopen(os.open(token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.write(made)
    os.environ["STRONGROOM_REST_USERNAME"] = HOST
    os.environ["STRONGROOM_REST_PASSWORD"] = token.read_text().strip()
    words = ["gateway", "serve", "--path", str(folder), "--append-only", "--listen", "127.0.0.1:0"]
    print("\n$ strongroom", shlex.join(words), "&", flush=True)
    server = subprocess.Popen([COMMAND, *words], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            if line.startswith("start server on "):
                yield line.removeprefix("start server on ").strip()
                return
        print(*said, sep="", file=sys.stderr)
        raise SystemExit(1)
    finally:
        server.terminate()
        server.wait()


def _room(source: Path, target: Path) -> bool:
    """Whether two repositories and a restored copy fit; says so when they do not."""
    size = 0
    for folder, _, names in os.walk(source):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    need = int(size * (2 * SHARE + 1)) + SPARE
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(target).free
    if free >= need:
        return True
    print(
        f"Not enough space: {source} holds {size / 1e9:.1f} GB, so two repositories and a restored copy may take "
        f"{need / 1e9:.1f} GB, and {target} has {free / 1e9:.1f} GB free.\n"
        "Choose a smaller SOURCE, or another place with TARGET=folder.",
        file=sys.stderr,
    )
    return False


def _password(target: Path) -> Path:
    """The file with the repositories' password, made with a random one the first time."""
    file = target / "password"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    return file


def _run(*arguments: str, accept: tuple[int, ...] = (0,)) -> int:
    """Show a command and run it; ends this program when the command fails."""
    print("\n$ strongroom", shlex.join(arguments), flush=True)
    code = subprocess.run([COMMAND, *arguments], check=False).returncode
    if code not in accept:
        print(f"strongroom ended with exit code {code}", file=sys.stderr)
        raise SystemExit(code)
    return code


def _compare(source: Path, restored: Path) -> list[str]:
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


def _next(source: Path, local: Path, behind: Path, password: Path, state: Path) -> None:
    offsite = "rest:http://127.0.0.1:8000/" + OFFSITE + "/"
    token = behind.parent / "token"
    command = os.path.relpath(COMMAND)
    where = f"-r {shlex.quote(str(local))}"
    print(
        f"""
Kept for you:
  {local}      the local repository
  {behind}    the off-site one, behind its gateway (run that on another machine before you rely on it)
  {token}      what this host shows to the gateway: with it one can add and read, and delete nothing
  {password}   their password; without it nobody can read them, you neither: keep a copy elsewhere
  {state}      what this host remembers of them: last runs, and which repository stood where
  {behind.parent / "custody"}    the custodian's state; it belongs on a machine that no host can reach
  {behind.parent / "recovery"}   the recovery identity: print it, lock it away, and remove the file

Next:
  {command} gateway serve --path {shlex.quote(str(behind))} --append-only --listen 127.0.0.1:8000 &
  export STRONGROOM_PASSWORD_FILE={shlex.quote(str(password))} STRONGROOM_STATE_DIR={shlex.quote(str(state))}
  export STRONGROOM_REST_USERNAME={HOST} STRONGROOM_REST_PASSWORD="$(cat {shlex.quote(str(token))})"
  {command} backup {where} -r {offsite} {shlex.quote(str(source))}
  {command} snapshots {where}
  {command} ls latest {where}
  {command} restore latest {where} --target /tmp/out
  {command} mount {where} FOLDER
  {command} forget {where} --keep-daily 7 --keep-weekly 5 --prune --dry-run
  {command} check --read-data {where}
  restic {where} snapshots -p {shlex.quote(str(password))}      # any restic reads them, too"""
    )


if __name__ == "__main__":
    raise SystemExit(main())
