"""The custodian deletes while restic and Strongroom go on backing up; after each step restic finds all in order."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody
from tests.support.programs import Program, Restic, Strongroom


def test_restic_and_we_back_up_while_packs_go(restic: Restic, strongroom: Strongroom, tmp_path: Path) -> None:
    """Snapshots, old indexes and packs go in their turn, and what is mostly waste is written anew: `restic check
    --read-data` is content after each, and the last snapshot and one that was undone restore."""
    source, repository = tmp_path / "source", tmp_path / "repository"
    source.mkdir()
    (source / "kept").write_bytes(os.urandom(600_000))
    clock = ManualClock(1_800_000_000 * 10**9)
    restic.init(repository)
    programs: list[Program] = [restic, strongroom]
    contents: dict[str, bytes] = {}
    custody: Custody | None = None
    went: list[tuple[int, str, list[str]]] = []
    for day in range(15):
        clock.advance(DAY)
        (source / "fresh").write_bytes(os.urandom(20_000))
        moment = datetime.fromtimestamp(clock.now_ns() // 10**9, UTC)
        before = set() if custody is None else custody.names("snapshots")
        programs[day % 2].backup(
            repository, "--host", "web", "--time", f"{moment:%Y-%m-%d %H:%M:%S}", source, env={"TZ": "UTC"}
        )
        custody = custody or Custody(repository, tmp_path / "home", clock=clock)
        (name,) = custody.names("snapshots") - before
        contents[name] = (source / "fresh").read_bytes()
        custody.settle()
        custody.round()
        now = [(one.number, one.kind, one.removed) for one in custody.hand_over().plans if one.removed]
        assert [words for code, words in custody.open_incidents() if code != "suspicious"] == []
        if now:
            restic.check(repository)
        went += now
        if "packs" in [kind for _, kind, _ in now]:
            break
    assert custody is not None
    assert [kind for _, kind, _ in went][-1] == "packs"
    number, lost = next((number, names[0].partition("/")[2]) for number, kind, names in went if kind == "snapshots")
    assert custody.handover().undo(custody.executor(), number, "ann", "a mistake") == 1
    restic.check(repository)
    for snapshot in (lost, list(contents)[-1]):
        target = tmp_path / f"restored-{snapshot[:8]}"
        restic.restore(repository, target, snapshot)
        assert (target / str(source).lstrip("/") / "fresh").read_bytes() == contents[snapshot]
        assert (target / str(source).lstrip("/") / "kept").read_bytes() == (source / "kept").read_bytes()
    custody.close()
