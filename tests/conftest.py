"""Fixtures that every folder of tests uses, and the closing word on peers that were missing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import peers, session, trees
from tests.support.programs import PROGRAMS, Program, Restic, Rustic, Strongroom

# A busy machine is no failure, and how long an example took says little. The examples are the same each time, so that a
# run says something of the change that it is for; `--hypothesis-profile exploring` tries others.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("exploring", UNHURRIED, derandomize=False)
settings.register_profile("steady", UNHURRIED, derandomize=True, database=None)
settings.load_profile("steady")


def pytest_configure() -> None:
    """Be the same whoever starts the tests: some look at modes, some let other users in, and many send signals, which
    what a script starts with ``&`` or ``nohup`` ignores, with all that it starts itself."""
    os.umask(0o022)
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a peer or rights that are not there."""
    for marker in item.iter_markers("peer"):
        peers.require(marker.args[0])
    if item.get_closest_marker("root") and peers.without_root():
        pytest.skip("needs root")


def pytest_sessionfinish() -> None:
    """End the servers that a whole session used."""
    session.end()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests counted, and say which peers were missing and which tests that cost."""
    counted = [value for report in terminalreporter.getreports("passed") for _, value in report.user_properties]
    if counted:
        terminalreporter.section("counted")
        for line in counted:
            terminalreporter.line(str(line))
    cost: Counter[tuple[str, str]] = Counter()
    reports = [report for kind in ("skipped", "failed", "error") for report in terminalreporter.getreports(kind)]
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
        if peers.MISSING in reason:
            name = reason.split(peers.MISSING, 1)[1].split()[0]
            cost[(name, report.nodeid.split("::", 1)[0])] += 1
    if not cost:
        return
    terminalreporter.section("peers that were missing and what that cost")
    for (name, file), count in sorted(cost.items()):
        terminalreporter.line(f"{name}: {count} tests of {file}")
    terminalreporter.line("make peers obtains them.")


@pytest.fixture
def histogram(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a line for the end of the run."""
    return lambda line: record_property("counted", line)


@pytest.fixture(autouse=True, scope="session")
def _deep_trees_go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove what tests leave, since Python's own way of removing ends at a thousand folders below each other."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    look = ["find", base, "-mindepth", "300", "-maxdepth", "300", "-type", "d", "-print0"]
    found = subprocess.run(look, capture_output=True, check=False).stdout.split(b"\0")
    tops = {path[: path.index(b"/", len(base) + 1)] for path in found if path}
    subprocess.run(["rm", "-rf", "--", *tops, *tmp_path_factory.getbasetemp().glob("*/out of *")], check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of the programs of one test."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def strongroom(home: Path) -> Strongroom:
    """The installed command of this project."""
    return Strongroom(home)


@pytest.fixture
def restic(home: Path) -> Restic:
    """The newest restic, or the one that STRONGROOM_PEER_RESTIC names. tests/interop has each restic in turn."""
    return Restic(home)


@pytest.fixture
def rustic(home: Path) -> Rustic:
    """rustic."""
    return Rustic(home)


@pytest.fixture(params=["restic", "restic-debian", "rustic"])
def peer(request: pytest.FixtureRequest, home: Path) -> Program:
    """Each other program that speaks the format, in turn."""
    return PROGRAMS[request.param](home)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An ordinary source tree, made anew."""
    return trees.ordinary(tmp_path / "source")


@pytest.fixture(scope="session")
def hostile_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tree with all that a file system can hold; made once, do not change it."""
    yield trees.hostile(tmp_path_factory.mktemp("hostile") / "source")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Where a test's repository will be; nothing is there yet."""
    return tmp_path / "repository"
