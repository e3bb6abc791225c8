"""Hooks run in their order, within their time, and are told how it went."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.fleet.host.hooks import commands
from strongroom.fleet.host.hooks.commands import run_command
from strongroom.fleet.host.hooks.journal import FinallyEntry, FinallyJournal
from strongroom.fleet.host.hooks.stages import HookCodes, HookListener, Hooks, JobEnd, run_left_behind
from strongroom.fleet.host.processes import OUTPUT, OutputTail
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

CODES = HookCodes(failed=1, skipped=78, of_error=lambda _error: 130)
STAGES = ("before", "after", "failed", "finally")


class Host:
    """A journal, a log that the hooks write, and what was said of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = FinallyJournal(str(folder))
        self.said: list[str] = []
        self.listener = HookListener(lambda _stage, _words, _end: None, self.said.append)

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def hooks(self, **more: Any) -> Hooks:
        """All four stages, each writing its line; those given stand in their place."""
        log = f'echo "$STRONGROOM_HOOK $STRONGROOM_JOB $STRONGROOM_CODE $STRONGROOM_SNAPSHOT" >> {self.folder}/log'
        table: dict[str, Any] = dict.fromkeys(STAGES, (("sh", "-c", log),))
        table |= {stage: (*table[stage], ("sh", "-c", script)) for stage, script in more.items() if stage in STAGES}
        return Hooks(
            table | {k: v for k, v in more.items() if k not in STAGES}, "web", "r1", self.journal, self.listener
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without anything left behind."""
    return Host(tmp_path)


def good() -> JobEnd:
    return JobEnd(0, good=True, snapshots=["aa", "bb"])


def test_a_good_backup_has_before_after_finally(host: Host) -> None:
    """In this order, with job, code and snapshots told; nothing stays in the journal."""
    assert host.hooks().around(good, CODES).code == 0
    assert host.log == ["before web  ", "after web 0 aa bb", "finally web 0 aa bb"]
    assert not host.journal.is_in_use()


def test_a_bad_backup_has_failed_in_place_of_after(host: Host) -> None:
    """The code of the backup is told, and stays that of the job."""
    assert host.hooks().around(lambda: JobEnd(10), CODES).code == 10
    assert host.log[1:] == ["failed web 10 ", "finally web 10 "]


def test_what_is_raised_reaches_failed_and_finally(host: Host) -> None:
    """Whoever interrupts a backup does not leave a service stopped."""

    def interrupted() -> JobEnd:
        raise Interrupted("interrupted")

    with pytest.raises(Interrupted):
        host.hooks().around(interrupted, CODES)
    assert host.log[1:] == ["failed web 130 ", "finally web 130 "]


@pytest.mark.parametrize(("how", "done"), [("abort", False), ("warn", True)])
def test_a_before_that_fails(host: Host, how: str, done: bool) -> None:
    """It keeps the backup from being made, unless it shall only warn; what it said is told."""
    end = host.hooks(before="echo no disk; exit 3", on_failure=how).around(good, CODES)
    assert (end.code == 0) is done
    assert host.log[1:] == (
        ["after web 0 aa bb", "finally web 0 aa bb"] if done else ["failed web 1 ", "finally web 1 "]
    )
    assert host.said == ["before of web: `sh` ended with exit code 3; it said:\nno disk"]


def test_a_before_that_skips(host: Host) -> None:
    """Exit code 75 is neither success nor failure: only `finally` runs."""
    end = host.hooks(before="exit 75").around(good, CODES)
    assert (end.code, end.skipped, end.good) == (78, True, False)
    assert host.log == ["before web  ", "finally web 78 "]


@pytest.mark.parametrize("stage", ["after", "finally"])
def test_an_after_that_fails_spoils_the_success(host: Host, stage: str) -> None:
    """The snapshots are there, and the run is not good; with 75, too, which means something before a backup only."""
    end = host.hooks(**{stage: "exit 75"}).around(good, CODES)
    assert (end.code, end.good, end.snapshots) == (1, False, ["aa", "bb"])


def test_a_command_that_takes_too_long_is_ended_with_its_children() -> None:
    """After its time nothing of it runs, and what it said is there."""
    for seconds in (0.3, 3.0, 30.0):  # a busy machine may not come to the first word at once
        end = run_command(["sh", "-c", "echo $$; sleep 600 & wait"], dict(os.environ), seconds)
        assert end.timed_out
        if end.output:
            break
    assert end.output
    living = ["pgrep", "-r", "R,S,D", "-g", end.output]  # what nobody has waited for yet is no process any more
    until(lambda: not subprocess.run(living, capture_output=True, check=False).stdout)


def test_a_service_that_a_command_starts_is_not_waited_for() -> None:
    """What goes on in the background holds the output open, and nobody waits for it."""
    end = run_command(["sh", "-c", "sleep 600 & echo $!"], dict(os.environ), 60)
    assert end.code == 0
    os.kill(int(end.output), 9)


def test_an_output_that_never_stops_holds_nobody() -> None:
    """Each look at it ends, so that the time is looked at as well."""
    tail = OutputTail({})
    with open("/dev/zero", "rb") as endless:
        commands._read(endless.fileno(), tail, 0.0)
    assert tail.text() is not None


def test_output_is_bounded_and_without_secrets() -> None:
    """The last 16 KiB, from the beginning of a line; passwords of repositories are not even in the environment."""
    environment = {"PATH": os.environ["PATH"], "API_TOKEN": "t0ken-of-mine"}
    end = run_command(["sh", "-c", "seq 100000; echo $API_TOKEN"], environment, 60)
    lines = end.output.splitlines()
    assert len(end.output) <= OUTPUT
    assert lines[-2:] == ["100000", "***"]
    assert lines[:-1] == [str(n) for n in range(int(lines[0]), 100001)]


def test_output_without_lines_is_shown_as_well() -> None:
    """Progress bars know no line feeds: their end says as much as that of a log."""
    tail = OutputTail({})
    tail.add(b"." * (6 * OUTPUT) + b" disk full")
    assert tail.text().endswith(". disk full")
    assert len(tail.text()) <= OUTPUT


def test_a_hook_that_is_not_there_is_named(host: Host) -> None:
    """The message names the program, and the backup is not made."""
    hooks = Hooks({"before": (("/nowhere/hook",),)}, "web", "r1", host.journal, host.listener)
    assert hooks.around(good, CODES).code == 1
    assert host.said[0].startswith("before of web: /nowhere/hook: the command cannot be started: No such file")


HOLDER = """
import sys
from strongroom.fleet.host.hooks.journal import FinallyEntry, FinallyJournal
entry = FinallyEntry("web", "r1", (("sh", "-c", sys.argv[2]),), 60.0)
with FinallyJournal(sys.argv[1]).entered(entry):
    print("there", flush=True)
    sys.stdin.read()
"""


def test_finally_of_a_killed_run_is_run_once_at_the_next_start(host: Host) -> None:
    """Not while its process lives; once when that was killed, and not again."""
    script = f"echo $STRONGROOM_HOOK $STRONGROOM_JOB $STRONGROOM_RUN >> {host.folder}/log"
    words = [sys.executable, "-c", HOLDER, str(host.folder), script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        assert run_left_behind(host.journal, host.listener) == 0
        process.kill()
    assert host.log == []
    assert run_left_behind(host.journal, host.listener) == 1
    assert run_left_behind(host.journal, host.listener) == 0
    assert host.log == ["finally web r1"]
    assert "was killed" in host.said[0]


def test_a_journal_that_others_can_write_runs_nothing(host: Host) -> None:
    """Its commands could be anybody's."""
    with host.journal.entered(FinallyEntry("web", "r1", (("touch", f"{host.folder}/bad"),), 60.0)):
        kept = (host.folder / "hooks" / "r1-web.json").read_bytes()
    path = host.folder / "hooks" / "r2-web.json"
    path.write_bytes(kept)
    path.chmod(0o666)
    assert run_left_behind(host.journal, host.listener) == 0
    path.chmod(0o600)
    assert run_left_behind(host.journal, host.listener) == 1
    until((host.folder / "bad").exists)


def test_without_a_journal_nothing_is_stopped(host: Host) -> None:
    """Where it cannot be written, `before` does not run either."""
    (host.folder / "hooks").write_text("a file in its place")
    with pytest.raises(StrongroomError, match="cannot be written"):
        host.hooks().around(good, CODES)
    assert host.log == []
