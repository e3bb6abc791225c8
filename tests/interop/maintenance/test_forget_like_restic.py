"""`forget` as a command beside both restics: the same words, the same JSON, the same snapshots gone."""

from __future__ import annotations

import datetime
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.tree_rewriter import EMPTY_TREE
from strongroom.maintenance.tree_writer import TreeWriter
from tests.interop.maintenance.test_forget_rule import DAY, NS, history
from tests.support import repositories
from tests.support.command import Result
from tests.support.programs import DebianRestic, Program, Restic, Strongroom

PASSWORD = {"RESTIC_PASSWORD": repositories.PASSWORD.decode()}
POLICIES = (
    ("--keep-last", "2", "--keep-daily", "3", "--keep-tag", "a"),
    ("-H", "5", "-w", "2", "-m", "unlimited", "--keep-within", "3d", "--group-by", "host,tags"),
    ("--keep-within-daily", "1m", "--keep-yearly", "1", "--group-by", "", "--path", "/x"),
    ("--keep-monthly", "2", "--host", "host1", "--host", "host3", "--tag", "a,b", "--tag", ""),
)
LAST = ("--keep-last", "3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight hosts with histories of their own, one or two paths, tags, and summaries on some; a tree that is there."""
    place, dice = tmp_path_factory.mktemp("made") / "repository", random.Random(11)
    repositories.make(place)
    taken: set[int] = set()  # of two at one instant restic shows either first
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    with repositories.opened(place) as repository:
        repository.load_index()
        writer = TreeWriter(repository)
        tree = writer.save(EMPTY_TREE)
        writer.finish()
        for number in range(8):
            paths = ("/x",) if number % 2 else ("/y", "/x")
            past = [one for one in history(dice, now) if one.ns not in taken and one.ns < (now - DAY) * NS]
            for one in past[:15]:
                taken.add(one.ns)
                time = Timestamp(one.ns, one.offset)
                summary = {"total_bytes_processed": number * 1000} if number % 3 == 0 else None
                repository.save_snapshot(
                    Snapshot(
                        time=time, tree=tree, paths=paths, hostname=f"host{number}", tags=one.tags, summary=summary
                    )
                )
    return place


def forget(program: Program, place: Path, *options: str) -> Result:
    """Run it, with the password of such repositories."""
    return program.on(place, "forget", *options, env=PASSWORD)


def blocks(out: str) -> list[str]:
    """The output in its parts, one a group, in an order that is ours: restic's groups come as they happen to."""
    head, *groups = re.split(r"(?m)^(?=snapshots for )", out)
    return [head, *sorted(group.rstrip() for group in groups)]


def comparable(groups: list[dict[str, Any]]) -> list[Any]:
    """JSON without what only restic 0.19 fills in: all of a summary that the snapshot does not have."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: None if key == "summary" else bare(inner) for key, inner in value.items()}
        return [bare(inner) for inner in value] if isinstance(value, list) else value

    return sorted((bare(group) for group in groups), key=lambda group: (group["host"], str(group["tags"])))


@pytest.mark.peer("restic")
@pytest.mark.parametrize("options", POLICIES, ids=range(len(POLICIES)))
def test_the_same_words_and_json(tmp_path: Path, made: Path, options: tuple[str, ...]) -> None:
    """Tables, reasons and the list of a dry run are restic's to the letter, with every option, and so is the JSON."""
    restic, strongroom = Restic(tmp_path / "a"), Strongroom(tmp_path / "b")
    for more in (("-v",), ("-v", "--compact")):
        said = [
            blocks(forget(one, made, "--dry-run", "--no-lock", *more, *options).expect(0).out)
            for one in (restic, strongroom)
        ]
        assert _without_last(said[1]) == _without_last(said[0])
    listed = [
        comparable(forget(one, made, "--dry-run", "--no-lock", "--json", *options).expect(0).json())
        for one in (restic, strongroom)
    ]
    assert listed[1] == listed[0]
    assert list(listed[1][0]) == ["tags", "host", "paths", "keep", "remove", "reasons"]


def _without_last(parts: list[str]) -> list[str]:
    """The sentence about what would go stands behind the last group, whichever that is."""
    text = "\n".join(parts)
    gone = re.findall(r"Would have removed the following snapshots:\n\{(.*)\}", text)
    rest = re.sub(r"Would have removed the following snapshots:\n\{.*\}\s*", "", text)
    groups = re.split(r"(?m)^(?=snapshots for )", rest)
    return [*gone, groups[0].strip(), *sorted(group.strip() for group in groups[1:])]


@pytest.mark.peer("restic")
@pytest.mark.peer("restic-debian")
def test_the_same_snapshots_are_left(tmp_path: Path, made: Path) -> None:
    """The newest restic, Debian's (which keeps no oldest ones) and we leave the same, of a policy and of IDs."""
    left = []
    for program in (Restic(tmp_path / "a"), DebianRestic(tmp_path / "b"), Strongroom(tmp_path / "c")):
        place = tmp_path / program.name
        shutil.copytree(made, place)
        forget(program, place, "-q", *LAST).expect(0)
        kept = sorted(path.name for path in (place / "snapshots").iterdir())
        forget(program, place, "-q", *kept[:3], kept[3][:12]).expect(0)
        left.append(sorted(path.name for path in (place / "snapshots").iterdir()))
        assert left[-1] == kept[4:]
    assert left[1:] == left[:2]


@pytest.mark.peer("restic")
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--unsafe-allow-remove-all",),
        ("--keep-last", "-1"),
        ("--keep-last", "many"),
        ("--keep-within", "1w"),
        ("--keep-within", "-1d"),
        ("--keep-tag", "nobody"),
        ("--keep-last", "1", "--no-lock"),
        ("--keep-last", "1", "--group-by", "size"),
        ("--keep-last", "1", "--host", "nobody"),
        ("--keep-last", "1", "--host", "nobody", "--json"),
        ("--keep-last", "0"),
    ],
)
def test_what_is_refused_is_refused_alike(tmp_path: Path, made: Path, options: tuple[str, ...]) -> None:
    """The same exit code, nothing removed, and restic's sentence where it has one that does not come from Go."""
    before = sorted(path.name for path in (made / "snapshots").iterdir())
    theirs, ours = (forget(one, made, *options) for one in (Restic(tmp_path / "a"), Strongroom(tmp_path / "b")))
    assert ours.code == theirs.code
    assert ours.out == theirs.out
    sentence = theirs.err.removeprefix("Fatal: ").strip()
    goes = ("invalid argument", "durations containing", "snapshot group")  # Go's words; which group, by chance
    if not any(words in sentence for words in goes):
        assert sentence in ours.err
    assert sorted(path.name for path in (made / "snapshots").iterdir()) == before


@pytest.mark.peer("restic")
def test_a_filter_may_remove_everything(tmp_path: Path, made: Path) -> None:
    """With `--unsafe-allow-remove-all` and a filter all of a host go, and others stay; the words are restic's."""
    said = []
    for program in (Restic(tmp_path / "a"), Strongroom(tmp_path / "b")):
        place = tmp_path / program.name
        shutil.copytree(made, place)
        out = forget(program, place, "--unsafe-allow-remove-all", "--host", "host1").expect(0).out
        said.append((re.sub(r"\[\d:\d\d\]", "", out), sorted(path.name for path in (place / "snapshots").iterdir())))
    assert said[1] == said[0]
    assert "Applying Policy: remove" in said[1][0]
