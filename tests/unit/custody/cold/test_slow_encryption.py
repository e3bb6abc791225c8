"""R-11: files that are encrypted over weeks are found at every rate; what honest hosts do in months is not."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.custody.judging.cold.bounds import REWRITTEN, TURNED, at_least, cold_reasons, limit
from strongroom.custody.judging.cold.turned import ColdMeasure, baselines
from strongroom.custody.judging.history import GoodOne
from strongroom.custody.judging.terms import Before
from strongroom.repository.opened import Repository
from strongroom.retention.guarded import DAY
from tests.support.custody.watched import Files, Watched
from tests.support.repositories import Machine, opened

COUNT = 800
DETECTION = 14 * DAY
TODAY = 21_000
WORDS = [b"harvest", b"ledger", b"figure", b"north", b"because", b"river", b"seven", b"invoice", b"\n"]

Change = Callable[[random.Random, Files, list[str]], Files]
"""What becomes of a host's files, where these paths are those that are meant."""


def text(dice: random.Random, length: int = 1500) -> bytes:
    """As people write it."""
    return b" ".join(dice.choices(WORDS, k=length // 6))


def image(dice: random.Random) -> bytes:
    """As cameras do."""
    return b"\xff\xd8\xff\xe0" + dice.randbytes(900)


def program(dice: random.Random) -> bytes:
    """As compilers do."""
    return b"\x7fELF\x02\x01\x01" + bytes(dice.choices((0, 0, 72, 137, 229), k=900))


def film(dice: random.Random) -> bytes:
    """As encoders do."""
    return b"\x1aE\xdf\xa3" + dice.randbytes(700)


def home(dice: random.Random, longer: int) -> Files:
    """A host's files: texts, pictures, programs, films, eight folders of each; ``longer`` of their parts in a row."""
    makers = {"docs": text, "photos": image, "bin": program, "films": film}
    endings = {"docs": "txt", "photos": "jpg", "bin": "so", "films": "mkv"}
    kinds = list(makers)
    return {
        f"{kind}/{number % 8}/{number}.{endings[kind]}": b"".join(makers[kind](dice) for _ in range(longer))
        for number in range(COUNT)
        for kind in [kinds[number % 4]]
    }


class Host:
    """A host with two baselines, four weeks apart, in a repository that the forge writes."""

    def __init__(self, folder: Path, seed: int, longer: int = 1) -> None:
        self.watched = Watched(folder, machine=Machine(random_bytes=random.Random(seed).randbytes))
        self.dice = random.Random(seed)
        self.files = home(self.dice, longer)
        self.past = [self.good_one(self.files, day) for day in (TODAY - 60, TODAY - 30)]

    def good_one(self, files: Files, day: int) -> GoodOne:
        """A good snapshot of that day."""
        before = Before(day * DAY, "restic 0.19.1", {})
        return GoodOne(f"{day:064}", self.watched.tree(files), present=True, before=before)

    def measured(self, files: Files) -> dict[str, float]:
        """The measures of a snapshot of today with these files."""
        tree = self.watched.tree(files)
        self.watched.index()
        repository: Repository = opened(self.watched.forge.place, self.watched.machine)
        repository.load_index()
        looking = ColdMeasure(repository, repository, None, DETECTION)
        found = looking.measure(self.past, TODAY * DAY, tree, len(files))
        repository.close()
        return found | {"files": len(files)}


def in_place(dice: random.Random, files: Files, paths: list[str]) -> Files:
    """Every file is encrypted where it stands."""
    return files | {path: dice.randbytes(len(files[path])) for path in paths}


def first_4_kib(dice: random.Random, files: Files, paths: list[str]) -> Files:
    """The beginning alone is encrypted."""
    return files | {path: dice.randbytes(4096) + files[path][4096:] for path in paths}


def suffixed(dice: random.Random, files: Files, paths: list[str]) -> Files:
    """Each file has another name after it."""
    left = {path: content for path, content in files.items() if path not in paths}
    return left | {f"{path}.locked": dice.randbytes(len(files[path]) + 16) for path in paths}


def elsewhere(dice: random.Random, files: Files, paths: list[str]) -> Files:
    """Each file goes, and one of another name and folder comes."""
    left = {path: content for path, content in files.items() if path not in paths}
    return left | {f"x/{dice.randrange(1 << 60):x}": dice.randbytes(len(files[path]) + 32) for path in paths}


def dressed_up(dice: random.Random, files: Files, paths: list[str]) -> Files:
    """Encrypted bytes behind the beginning of a compressed file."""
    return files | {path: b"\x1f\x8b\x08\x00" + dice.randbytes(len(files[path])) for path in paths}


ATTACKS: dict[str, Change] = {one.__name__: one for one in (in_place, first_4_kib, suffixed, elsewhere, dressed_up)}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("percent", [0.5, 1, 2, 5, 10])
def test_slow_encryption_is_found(tmp_path: Path, attack: str, percent: float) -> None:
    """R-11: at half a percent to ten a day, in place, renamed, in part, under a false beginning or elsewhere: before
    one file of eight is lost, and where each day is far below every measure of a day."""
    host = Host(tmp_path, round(percent * 10), longer=8 if attack == "first_4_kib" else 1)
    paths = [path for path in sorted(host.files) if not path.startswith("films/")]
    host.dice.shuffle(paths)
    a_day = max(1, round(COUNT * percent / 100))
    for day in range(1, 29):
        victims = paths[: a_day * day]
        if len(victims) <= limit(COUNT):
            continue
        if cold_reasons(host.measured(ATTACKS[attack](host.dice, host.files, victims))):
            break
    else:
        pytest.fail("was never found")
    assert len(victims) <= max(COUNT / 8, 2 * a_day)
    assert len(victims) > limit(COUNT) or a_day > limit(COUNT)


def mail(dice: random.Random, files: Files, _: list[str]) -> Files:
    """Letters come, are read, which renames them, and go; a spool is one file that grows."""
    old = [path for path in files if path.startswith("docs/")]
    found = {path: content for path, content in files.items() if path not in old[:60]}
    found |= {f"{path}:2,S": files[path] for path in old[:60]}
    return found | {f"docs/cur/{number}": text(dice) for number in range(300)} | {"docs/spool": text(dice, 9000)}


def logs(_dice: random.Random, files: Files, _: list[str]) -> Files:
    """Texts that were not touched for months are compressed, each beside its name."""
    old = [path for path in files if path.startswith("docs/")]
    found = {path: content for path, content in files.items() if path not in old}
    return found | {f"{path}.gz": gzip.compress(files[path]) for path in old}


def photos(dice: random.Random, files: Files, _: list[str]) -> Files:
    """A card is read in, and a hundred texts are thrown away."""
    old = [path for path in files if path.startswith("docs/")][:100]
    kept = {path: content for path, content in files.items() if path not in old}
    return kept | {f"photos/2027/{number}.jpg": image(dice) for number in range(500)}


def upgrade(dice: random.Random, files: Files, _: list[str]) -> Files:
    """Every program is another, texts of theirs too, and some became scripts."""
    found = dict(files)
    for number, path in enumerate(sorted(files)):
        if path.startswith("bin/"):
            found[path] = b"#!/bin/sh\n" + text(dice) if number % 30 == 0 else program(dice)
        elif path.startswith("docs/") and number % 2:
            found[path] = text(dice)
    return found


def films(dice: random.Random, files: Files, _: list[str]) -> Files:
    """All films are encoded again, half of them under another ending."""
    found = {path: content for path, content in files.items() if not path.startswith("films/")}
    for number, path in enumerate(path for path in sorted(files) if path.startswith("films/")):
        if number % 2:
            found[path] = film(dice)
        else:
            found[path.replace(".mkv", ".mp4")] = b"\x00\x00\x00\x20ftypisom" + dice.randbytes(700)
    return found


def moved(_dice: random.Random, files: Files, _: list[str]) -> Files:
    """All is below another folder, as it is."""
    return {f"home/{path}": content for path, content in files.items()}


def pictures(dice: random.Random, files: Files, _: list[str]) -> Files:
    """A gallery's pictures are made smaller, some of them as another kind under the old name."""
    small = {path: b"\x89PNG\r\n\x1a\n" + dice.randbytes(300) for path in files if path.startswith("photos/")}
    return files | {path: image(dice)[:600] if number % 3 else small[path] for number, path in enumerate(small)}


def vault(dice: random.Random, files: Files, _: list[str]) -> Files:
    """A backup program keeps its packs here: they look random, come and go, and nothing became one of them."""
    kept = {path: content for path, content in files.items() if not path.startswith("docs/1/")}
    return kept | {f"packs/{number}": dice.randbytes(60_000) for number in range(100)}


HONEST: dict[str, Change] = {one.__name__: one for one in (mail, logs, photos, upgrade, films, moved, pictures, vault)}


@pytest.mark.parametrize("work", HONEST)
@pytest.mark.parametrize("seed", range(2))
def test_honest_work_is_not(tmp_path: Path, work: str, seed: int) -> None:
    """Mail, rotated logs, an import of photos, an upgrade, films encoded anew, a moved home, pictures made smaller, a
    vault of another program: each of them changes more than an intruder would, and nothing is said."""
    host = Host(tmp_path, seed)
    measures = host.measured(HONEST[work](host.dice, dict(host.files), []))
    assert not cold_reasons(measures), measures


@pytest.mark.parametrize("work", HONEST)
def test_an_intruder_is_found_beside_honest_work(tmp_path: Path, work: str) -> None:
    """R-11: whatever else was done in those weeks, a sixth of the files that were encrypted in place is found."""
    host = Host(tmp_path, 11)
    files = HONEST[work](host.dice, dict(host.files), [])
    cold = [path for path in sorted(files) if files[path] == host.files.get(path)]
    if work == "moved":  # a file that is elsewhere and other as well is found by its size
        cold = sorted(files)
    host.dice.shuffle(cold)
    measures = host.measured(in_place(host.dice, files, cold[: COUNT // 6]))
    assert cold_reasons(measures), measures


def test_files_that_change_all_the_time_are_not_cold(tmp_path: Path) -> None:
    """Databases and whatever else was another four weeks before may be anything now."""
    host = Host(tmp_path, 5)
    half = sorted(host.files)[::2]
    host.past = [host.good_one(host.files | {path: text(host.dice) for path in half}, TODAY - 60), host.past[1]]
    assert host.measured(in_place(host.dice, host.files, half))[REWRITTEN] == 0


def test_with_one_baseline_the_time_of_modification_says_what_was_cold(tmp_path: Path) -> None:
    """A young history has one snapshot that is old enough."""
    host = Host(tmp_path, 6)
    host.past = host.past[1:]
    victims = sorted(host.files)[:100]
    assert host.measured(in_place(host.dice, host.files, victims))[TURNED] > limit(COUNT)


def test_what_an_operator_accepted_is_where_it_begins_anew(tmp_path: Path) -> None:
    """Files that the operator encrypted are no wonder from the next day on, and those of after are."""
    host = Host(tmp_path, 8)
    paths = sorted(host.files)
    files = in_place(host.dice, host.files, paths[:200])
    assert cold_reasons(host.measured(files))
    one = host.good_one(files, TODAY - 1)
    accepted = Before(one.before.arrival_ns, "", {TURNED: 200.0}, accepted=True)
    host.past.append(GoodOne(one.id, one.tree, present=True, before=accepted))
    assert host.measured(files)[REWRITTEN] == 0
    assert cold_reasons(host.measured(in_place(host.dice, files, paths[200:300])))


def test_what_is_compared_with() -> None:
    """The newest that is four weeks older, or the oldest beyond the detection window; none while all are younger."""

    def one(day: int, *, present: bool = True) -> GoodOne:
        return GoodOne(f"{day}", f"tree {day}", present=present, before=Before(day * DAY, "", {}))

    found = baselines([one(10), one(40), one(72), one(80), one(99)], 100 * DAY, DETECTION)
    assert found is not None
    assert (found.old, found.oldest) == ("tree 72", "tree 40")
    young = baselines([one(80), one(84), one(99)], 100 * DAY, DETECTION)
    assert young is not None
    assert (young.old, young.oldest, young.cold_ns) == ("tree 80", None, 52 * DAY)
    assert baselines([one(90), one(60, present=False)], 100 * DAY, DETECTION) is None


def test_a_few_that_were_drawn_say_what_is_certain_of_all() -> None:
    """All of a hundred drawn of a thousand: nine hundred at least; one of a hundred: nearly nothing."""
    assert at_least(30, 30, 30) == 30
    assert 900 <= at_least(100, 100, 1000) < 1000
    assert at_least(1, 100, 20_000) < limit(20_000)
    assert at_least(0, 100, 1000) == at_least(0, 0, 1000) == 0


def test_a_file_that_only_moved_stands_for_no_other(tmp_path: Path) -> None:
    """R-11: a folder got another name and some of its files were encrypted: each is set beside its own size."""
    host = Host(tmp_path, 12)
    victims = sorted(path for path in host.files if path.startswith("photos/"))[::5]
    measures = host.measured(moved(host.dice, in_place(host.dice, host.files, victims), []))
    assert measures[REWRITTEN] == measures[TURNED] == 40
