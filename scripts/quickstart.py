"""``make quickstart SOURCE=folder``: a host joins a fleet, backs up to two repositories in one pass, and restores.

What came back is compared, and the fleet's server says which backup did not happen. Then forget, prune and mount, on
the local repository. The other one is taken into a custodian's care; an intruder comes who has all that this host has,
a round finds what he did, and the backup is restored once more.

One repository is local, the other stands behind an append-only gateway, as on another machine.

Standard library only, and nothing but the installed command: each step printed here is one that a user can type.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

from scripts import quickstart_steps as steps
from scripts.quickstart_fleet import HOST, QuickFleet
from scripts.quickstart_steps import ask, compare, run

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
    if (target / "restored").exists():
        left = target / "restored"
        print(f"{left} is there from an earlier run; remove it, or choose another place with TARGET=folder",
              file=sys.stderr)  # fmt: skip
        return 1
    if not _room(source, target):
        return 1
    with steps.kept_ports(target / "ports", 2) as (gateway, server):
        return _walk(source, target, QuickFleet(target, source, gateway, server))


def _walk(source: Path, target: Path, fleet: QuickFleet) -> int:
    restored = target / "restored"
    fleet.begin()
    with fleet.serving():
        code = fleet.join() if not fleet.joined else run("backup", accept=(0, 3))
        if code == 3:
            print("Some files could not be read (named above); the rest is saved, and compared now.")
        run("schedule", "preview")
        fleet.show()
        run("restore", "latest", "--repo", "offsite", "--path", str(source), "--target", str(restored))
    run("log", "verify", str(fleet.data / ".strongroom" / "log"))
    differences = compare(source, restored / source.relative_to("/"))
    if differences:
        print(f"The restored files differ from {source}:", *differences[:20], sep="\n  ")
        print("Files that changed, or could not be read, during the backup differ. Anything else is a bug.")
        return 1
    print(f"\nEvery file of {source} came back as it is.")
    shutil.rmtree(restored)
    os.environ["STRONGROOM_PASSWORD_FILE"] = str(fleet.password)
    _tidied(source)
    _mounted(source, target / "mounted")
    _in_care(source, fleet, target)
    _next(fleet, target)
    return 0


def _tidied(source: Path) -> None:
    """Back up once more, then remove the snapshot that this run made first, and what it alone needed."""
    where = ("--repo", "local")
    first = _snapshots()[-1]
    run("backup", *where, str(source), accept=(0, 3))
    run("forget", *where, first)
    run("prune", *where)
    left = _snapshots()
    if first in left or not left:
        raise SystemExit(f"{first} is not what was removed. That is a bug.")
    print("\nThe first of the two snapshots is forgotten, and what it alone needed is pruned.")


def _snapshots() -> list[str]:
    """The IDs of the local repository's snapshots, the oldest first."""
    words = [str(steps.COMMAND), "snapshots", "--repo", "local", "--json"]
    return [one["id"] for one in json.loads(subprocess.run(words, check=True, capture_output=True).stdout)]


def _mounted(source: Path, place: Path) -> None:
    """Mount the local repository, compare what it shows, and unmount it; say so where it cannot be mounted."""
    if not os.path.exists("/dev/fuse"):
        print("\nThere is no FUSE on this machine (/dev/fuse), so nothing is mounted.")
        return
    place.mkdir(exist_ok=True)
    words = ["mount", "--repo", "local", str(place)]
    print("\n$ strongroom", shlex.join(words), "&", flush=True)
    mount = subprocess.Popen([steps.COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        shown = place / "snapshots" / "latest" / source.relative_to("/")
        while mount.poll() is None and not (place / "snapshots").exists():
            time.sleep(0.1)
        if mount.poll() is not None:
            assert mount.stderr is not None
            print(f"It could not be mounted, and nothing else hangs on that:\n{mount.stderr.read().strip()}")
            return
        differences = compare(source, shown)
        print(
            f"Every file of {source} is shown as it is." if not differences else f"Other than the source: {differences}"
        )
    finally:
        mount.terminate()
        mount.wait()
        place.rmdir()


def _in_care(source: Path, fleet: QuickFleet, target: Path) -> None:
    """Take the off-site repository into care, let an intruder at it, and see what is found and what comes back."""
    store, custody, back = fleet.store, target / "custody", target / "restored"
    state = ("--state", str(custody))
    if not custody.exists():
        recovery = target / "recovery"
        steps.write_secret(recovery, ask("custody", "init", *state, shown=f"> {recovery}"))
        run("custody", "adopt", HOST, "--store", str(store), *state)
        run("gateway", "reconcile", fleet.repository, "--path", str(fleet.data), "--reason", "the custodian's key")
    run("custody", "round", HOST, *state, accept=(0, 73, 74))
    good = _good(source, state)
    print("\nNow an intruder, with everything that this host has:", flush=True)
    with fleet.gateway():
        address, login = fleet.access()
        words = [sys.executable, str(Path(__file__).with_name("intruder.py")), address]
        if subprocess.run(words, check=False, env=os.environ | login).returncode != 0:
            raise SystemExit("The gateway let something be taken away. That is a bug.")
    planted = set(os.listdir(store / "index"))
    run("custody", "round", HOST, *state, accept=(73,))
    run("custody", "incidents", HOST, "--closed", *state)
    if not planted - set(os.listdir(store / "index")):
        raise SystemExit("The planted index is still in its place. That is a bug.")
    run("check", "--repo", str(store), "--no-lock")
    run("restore", good, "--repo", str(store), "--target", str(back), "--no-lock")
    differences = compare(source, back / source.relative_to("/"))
    shutil.rmtree(back)
    if differences:
        print(f"After the intruder, the restored files differ from {source}:", *differences[:20], sep="\n  ")
        raise SystemExit("Files that changed since the backup differ. Anything else is a bug.")
    print(
        "\nNothing was taken away, the planted index was set aside, and the last good snapshot came back as it is.\n"
        f"The forged snapshots stay in {store} until an operator decides: `strongroom custody condemn`."
    )


def _good(source: Path, state: tuple[str, ...]) -> str:
    """The newest good snapshot of the source. The first one of a folder that an earlier run did not have is suspicious
    until somebody who knows of it accepts it, and whoever started this does."""
    listed = json.loads(ask("custody", "snapshots", HOST, *state, "--json"))
    mine = [one for one in listed if str(source) in one["paths"]]
    good = [one for one in mine if one["verdict"] == "good"]
    if mine and not good:
        print(f"\nThe custodian does not know that {HOST} backs up {source}. It is you who asked for it, so accept it:")
        run("custody", "accept", HOST, mine[-1]["id"], "--why", "one more folder", *state)
    if not mine:
        raise SystemExit(f"The custodian has seen no snapshot of {source}. That is a bug.")
    return str((good or mine)[-1]["id"])


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


def _next(fleet: QuickFleet, target: Path) -> None:
    command = os.path.relpath(steps.COMMAND)
    state = f"--state {shlex.quote(str(fleet.state))}"
    where = f"-r {shlex.quote(str(target / 'local'))}"
    print(
        f"""
Kept for you:
  {target / "local"}         the local repository
  {fleet.data}       the off-site one, behind its gateway (run that on another machine before you rely on it)
  {fleet.file}   what this host backs up, when and where to; with its token for the gateway
  {fleet.password}   their password; without it nobody can read them, you neither: keep a copy elsewhere
  {target / "state"}         what this host remembers of them, and its key for the fleet
  {fleet.state}         the fleet's server; it belongs on a machine that no host can reach
  {target / "custody"}       the custodian's state; it belongs on another such machine
  {target / "recovery"}      the recovery identity: print it, lock it away, and remove the file

Next:
  export STRONGROOM_CONFIG={shlex.quote(str(fleet.file))} STRONGROOM_STATE_DIR={shlex.quote(str(target / "state"))}
  {fleet.command(command)} &
  {command} fleet serve {state} &
  {command} schedule run {HOST}
  {command} host diagnose
  {command} fleet status {state}
  {command} fleet channels add ops mail server=… from=… to=… {state}
  {command} snapshots
  {command} ls latest -r local
  {command} restore latest -r local --target /tmp/out
  {command} mount -r local FOLDER
  {command} forget -r local --keep-daily 7 --keep-weekly 5 --prune --dry-run
  {command} check --read-data -r local
  restic {where} snapshots -p {shlex.quote(str(fleet.password))}      # any restic reads them, too"""
    )


if __name__ == "__main__":
    raise SystemExit(main())
