"""`strongroom schedule`: as a timer and as a container begin runs, and what stays on disk between them."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import repositories
from tests.support.programs import Strongroom
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
version = 1
[repository.local]
url = "{folder}/r"
[source.web]
paths = ["{folder}/src"]
schedule = "{words}"
zone = "UTC"
[source.web.hooks]
before = ["sh", "-c", "echo begun >> {folder}/log; {before}"]
"""


class Host:
    """A machine with one source that has a schedule."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = Strongroom(folder / "home")
        (folder / "src").mkdir()
        (folder / "src" / "a").write_text("text")
        repositories.make(folder / "r")
        self.configure("every 24h")

    def configure(self, words: str, before: str = ":") -> None:
        path = self.program.home / ".config" / "strongroom" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONFIG.format(folder=self.folder, words=words, before=before))
        path.chmod(0o600)

    @property
    def begun(self) -> int:
        path = self.folder / "log"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def status(self) -> dict[str, object]:
        found: list[dict[str, object]] = self.program.run("schedule", "status", "--json").expect(0).json()
        return found[0]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that was never backed up."""
    return Host(tmp_path)


def test_a_containers_scheduler_remembers_over_restarts(host: Host) -> None:
    """By age: at once the first time; killed and started again it makes no second run; SIGTERM ends it with 0."""
    loop = host.program.start("schedule", "run")
    until(lambda: host.status()["last_code"] == 0)
    loop.send_signal(signal.SIGKILL)
    loop.wait()
    again = subprocess.Popen(
        [host.program.executable, "schedule", "run"], env=host.program.env, stdout=subprocess.PIPE, text=True
    )
    assert again.stdout is not None
    try:
        assert "web: every 24h, next in 8" in again.stdout.readline()
        again.send_signal(signal.SIGTERM)
        assert again.wait(PATIENCE) == 0
        assert "begun" not in again.stdout.read()
    finally:
        again.kill()
        again.stdout.close()
    assert host.begun == 1
    assert len(host.program.snapshots(host.folder / "r")) == 1


def test_a_second_run_of_a_source_says_overlap(host: Host) -> None:
    """With exit code 79, while the first goes on; ended by SIGTERM, the first ends its backup with it."""
    host.configure("daily", before="sleep 600")
    first = host.program.start("schedule", "run", "web")
    until(lambda: host.begun == 1)
    assert "overlap" in host.program.run("schedule", "run", "web").expect(79).out
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 130
    assert host.begun == 1
    host.configure("daily")
    ended = host.program.run("schedule", "run", "web").expect(0)
    assert "saved" in ended.out
    assert host.status()["failures"] == 0


def test_units_are_written_below_another_root(host: Host) -> None:
    """A timer, a service that names the file and the repository; removed with the schedule, and by name."""
    root = host.folder / "image"
    host.configure("Mon..Fri *-*-* 02:00")
    host.program.run("schedule", "install", "--root", root).expect(0)
    units = root / "etc/systemd/system"
    assert sorted(path.name for path in units.iterdir()) == ["strongroom-run@.service", "strongroom-web.timer"]
    text = (units / "strongroom-run@.service").read_text()
    assert f"--config {host.program.home}/.config/strongroom/config.toml schedule run %i\n" in text
    assert f"ReadWritePaths=-{host.folder}/r\n" in text
    again = host.program.run("schedule", "install", "--root", root, "--json").expect(0).json()
    assert again["written"] == []
    removed = host.program.run("schedule", "remove", "--root", root, "--json").expect(0).json()
    assert removed["removed"] == ["strongroom-run@.service", "strongroom-web.timer"]
    assert list(units.iterdir()) == []


def test_the_preview_has_five_dates(host: Host) -> None:
    """In the source's zone, as people and as programs read them."""
    host.configure("0 4 * * *")
    shown = host.program.run("schedule", "preview").expect(0).out.splitlines()
    assert len(shown) == 6
    assert all(line.endswith("04:00:00 +0000") for line in shown[1:])
    (one,) = host.program.run("schedule", "preview", "--json").expect(0).json()
    assert [second - first for first, second in zip(one["dates"], one["dates"][1:], strict=False)] == [86400] * 4
    assert json.dumps(one["repositories"]) == '["local"]'
