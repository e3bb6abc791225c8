"""Under a systemd that runs: a missed backup is caught up once, and the custodian's units work with few rights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from strongroom.base.file_lock import file_lock
from strongroom.base.sandbox import missing
from tests.support.command import STRONGROOM
from tests.support.programs import Strongroom
from tests.support.servers.ports import free_port
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
BOOTED, ENDED = 45, 360
"""Seconds until it has booted, which takes two where it can be done at all; and until all has ended."""
EXECUTOR, FOLLOW = "strongroom-custody-executor.service", "strongroom-custody-follow.service"
CONFIG = """
version = 1
[repository.local]
url = "/out/r"
password = {{ file = "/out/password" }}
[source.web]
paths = ["/out/source"]
schedule = "*-*-* {hour:02}:00:00"
zone = "UTC"
jitter = "9s"
[source.web.hooks]
before = ["sh", "-c", "echo begun >> /tmp/begun"]
"""
TARGET = "[Unit]\nRequires=probe.service basic.target\nAfter=basic.target\n"
SERVICE = (
    "[Unit]\nDefaultDependencies=no\nAfter=basic.target\n[Service]\nType=oneshot\n"
    "ExecStart=sh -c 'touch /out/booted; sh /out/inside; systemctl exit 0'\n"
    "StandardOutput=file:/out/said\nStandardError=file:/out/said\n"
)
DROP_IN = (
    "[Service]\nReadWritePaths=/out/r\nStandardOutput=append:/out/custody\n"
    "BindReadOnlyPaths={shown}\n"
    "ExecStartPost={program} custody status --json\n"
    "ExecStartPost=sh -c '! touch /etc/not-writable'\n"
)
SERVED = (
    "[Service]\nBindReadOnlyPaths={shown}\nStandardOutput=append:/out/served\nStandardError=append:/out/served\n"
    "ReadWritePaths=/out/r\n"
)
STATED = """
import sqlite3, sys
with sqlite3.connect("/var/lib/fleet/fleet.db") as database:
    print(*database.execute(sys.argv[1]))
"""
INSIDE = """
export HOME=/root
program={program}
shown() {{ systemctl show --property=$2 --value $1; }}
served() {{  # start a unit as it is delivered, wait until a command says that it has worked, end it
    mkdir -p /run/systemd/system/$1.d
    cp /out/served.conf /run/systemd/system/$1.d/test.conf
    cp /out/$1 /run/systemd/system/
    systemctl daemon-reload
    systemctl start $1
    tries=600
    until [ -n "$(sh -c "$2" 2>> /out/said)" ] || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
    sh -c "$2" > /out/$1.done
    shown $1 ActiveState > /out/$1.state
    systemctl stop $1
    shown $1 Result >> /out/$1.state
    shown $1 ExecMainStatus >> /out/$1.state
}}
mkdir -p /var/lib/systemd/timers
touch -d '2 days ago' /var/lib/systemd/timers/stamp-strongroom-web.timer
$program --config /out/config.toml schedule install || exit
until [ -s /tmp/begun ] && [ $(shown strongroom-run@web.service ActiveState) = inactive ]; do sleep 0.1; done
systemctl restart strongroom-web.timer
cp /tmp/begun /out/begun
shown strongroom-run@web.service ExecMainStatus > /out/code
systemctl list-timers --output=json strongroom-web.timer > /out/next
$program --config /out/config.toml schedule status --json > /out/status
$program --config /out/config.toml -r /out/r --password-file /out/password snapshots --json > /out/snapshots
$program custody init > /dev/null
$program custody adopt web01 --store /out/r --password-file /out/password
mkdir -p /run/systemd/system/strongroom-custody.service.d
cp /out/drop-in /run/systemd/system/strongroom-custody.service.d/test.conf
cp /out/strongroom-custody.service /run/systemd/system/
systemctl daemon-reload
systemctl start strongroom-custody.service
shown strongroom-custody.service Result > /out/round
judge=$(cat /out/r/.strongroom/custodian)
repository=$($program custody repositories --json | sed 's/.*"id":"\\([0-9a-f]*\\)".*/\\1/')
$program custody executor init web01 --executor /var/lib/strongroom/executor --store /out/r \\
    --judge "$judge" --repository "$repository" | tail -n 2 > /out/executor.toml
(echo 'version = 1'; cat /out/executor.toml) > /var/lib/strongroom/custody/custody.toml
$program custody round --all --quiet
served strongroom-custody-executor.service 'ls /out/r/.strongroom/custody/from-executor'
$program custody card /var/lib/card --gateway https://backup.example.org:8000 --log-key "$judge" > /dev/null
pin=$($program fleet init --state /var/lib/fleet --url https://127.0.0.1:{port} --json |
    sed 's/.*"pin":"\\([0-9a-f]*\\)".*/\\1/')
echo 'card = "/var/lib/card"' >> /var/lib/fleet/fleet.toml
systemd-run --quiet --unit=fleet-server $program fleet serve --state /var/lib/fleet
tries=60
until $program custody follow --server https://127.0.0.1:{port} --pin $pin --once || [ $((tries -= 1)) = 0 ]; do
    sleep 0.5
done
{python} /out/stated.py 'DELETE FROM fleet_stated'
served strongroom-custody-follow.service '{python} /out/stated.py "SELECT name, standing FROM fleet_stated"'
journalctl --no-pager -u strongroom-custody.service -u strongroom-run@web.service
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what was found, after this machine's own system has run once, over a copy that is thrown away.

    Once for all workers that have some of these tests: each would else boot one.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = shared / "systemd"
    _may_boot()
    with file_lock(str(shared / "systemd.lock")):
        if not out.exists():
            out.mkdir()
            _run(out)
    if (out / "unbootable").exists():
        pytest.skip(f"systemd-nspawn does not boot here: {_text(out / 'unbootable')}")
    return out


def _run(out: Path) -> None:
    program, made = str(STRONGROOM), Strongroom(out / "home")
    shown = " ".join({str(ROOT), str(STRONGROOM.parents[1])})
    for name in ("r", "source"):
        (out / name).mkdir()
    (out / "source" / "a").write_text("text")
    texts = {
        "password": made.env["RESTIC_PASSWORD"],
        "served.conf": SERVED.format(shown=shown),
        "stated.py": STATED,
        "config.toml": CONFIG.format(hour=(time.gmtime().tm_hour + 12) % 24),
        "inside": INSIDE.format(program=program, python=STRONGROOM.parent / "python", port=free_port()),
        # A checkout below /tmp would be hidden: the unit has a /tmp of its own.
        "drop-in": DROP_IN.format(program=program, shown=shown),
        "probe.target": TARGET,
        "probe.service": SERVICE,
    }
    for name in ("strongroom-custody.service", EXECUTOR, FOLLOW):
        unit = (ROOT / "deploy/systemd" / name).read_text()
        texts[name] = unit.replace("/usr/local/bin/strongroom", program)
    for name, text in texts.items():
        (out / name).write_text(text)
        (out / name).chmod(0o600)
    made.init(out / "r")
    _boot(out)


def _may_boot() -> None:
    for program in ("systemd-nspawn", "unshare"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if os.geteuid() or not os.path.exists("/lib/systemd/systemd"):
        pytest.skip("needs root, and systemd in /lib")


def _boot(out: Path) -> None:
    """This machine's root below an overlay, in a mount namespace that ends with it."""
    words = ["systemd-nspawn", "-q", "-b", "-D", str(out / "root"), "--volatile=overlay", "--register=no"]
    words += ["--keep-unit", "-M", f"strongroom-{os.getpid()}", "--link-journal=no", "--console=pipe"]
    words += [f"--bind-ro={one}" for one in {str(ROOT), str(STRONGROOM.parents[1]), sys.base_prefix} if one != "/usr"]
    words += [f"--bind={out}:/out", "--system-call-filter=landlock_create_ruleset landlock_restrict_self"]
    words += [f"--bind-ro={out}/{one}:/run/systemd/system/{one}" for one in ("probe.target", "probe.service")]
    words.append("systemd.unit=probe.target")
    (out / "root").mkdir()
    script = f'mount --bind / {out}/root && exec timeout -k 5 {ENDED} "$@"'
    shut = ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", *words]
    begun = time.monotonic()
    with (out / "console").open("wb") as console:
        process = subprocess.Popen(shut, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
    while process.poll() is None and not (out / "booted").exists() and time.monotonic() < begun + BOOTED:
        time.sleep(0.1)
    if not (out / "booted").exists():
        process.terminate()
        process.wait(PATIENCE)
        (out / "unbootable").write_text(_text(out / "console")[-500:])
    process.wait(ENDED + PATIENCE)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def test_a_missed_backup_is_caught_up_once(ended: Path) -> None:
    """`schedule install` on a machine that was off for two days: one run, at once, and the next at its time."""
    assert _text(ended / "code").strip() == "0", _text(ended / "said")
    assert _text(ended / "begun") == "begun\n", _text(ended / "said")
    assert len(json.loads(_text(ended / "snapshots"))) == 1
    (status,) = json.loads(_text(ended / "status"))
    assert status["last_code"] == 0
    (timer,) = json.loads(_text(ended / "next"))
    assert status["begins"] == timer["next"] // 1_000_000
    assert 0 <= status["begins"] - status["due"] < 9
    assert status["due"] % 3600 == 0


def test_a_round_of_the_custodian_ends_with_few_rights(ended: Path) -> None:
    """Its unit's filter leaves all that it does, and all by which it shuts in what parses hosts' bytes."""
    assert _text(ended / "round").strip() == "success", _text(ended / "said") + _text(ended / "custody")
    (standing,) = json.loads(_text(ended / "custody").splitlines()[0])
    assert (standing["state"], standing["incidents"]) == ("well", [])
    assert standing["reading"] is None or missing(), standing["reading"]


def test_the_executor_serves_with_few_rights(ended: Path) -> None:
    """It writes to its judge beside the repository, and ends when it is told to."""
    said = _text(ended / "said") + _text(ended / "served")
    assert _text(ended / f"{EXECUTOR}.done").split() == ["0000000001"], said
    assert _text(ended / f"{EXECUTOR}.state").split() == ["active", "success", "0"], said


def test_the_custodian_tells_a_server_with_few_rights(ended: Path) -> None:
    """`custody follow` as a service: what it verified is at the fleet's server, and it ends when it is told to."""
    said = _text(ended / "said") + _text(ended / "served")
    assert _text(ended / f"{FOLLOW}.done").split() == ["('web01',", "'well')"], said
    assert _text(ended / f"{FOLLOW}.state").split() == ["active", "success", "0"], said
