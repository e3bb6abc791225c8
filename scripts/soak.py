"""``make soak``: a changing tree is backed up to two repositories, with kills, until the time is over.

Each turn changes the tree at random and backs it up in one pass; every third run is killed at a random moment. Every
fourth turn old snapshots are forgotten and pruned, and half of the prunes are killed, too; then each verb that changes
a repository is killed once and run again to its end. At times restic backs up,
too, and both programs check; at last, and every ten turns, the latest snapshot is restored
and compared. The seed is printed, so that a run can be repeated: ``scripts/soak.py SECONDS SEED``.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import compare, trees
from tests.support.command import PASSWORD
from tests.support.programs import Restic, Strongroom


def change(source: Path, chance: random.Random) -> None:
    """Add, grow, rename and remove some files."""
    files = [path for path in source.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in chance.sample(files, min(5, len(files))):
        what = chance.randrange(4)
        if what == 0:
            path.unlink()
        elif what == 1:
            with path.open("r+b") as file:
                file.seek(chance.randrange(path.stat().st_size + 1))
                file.write(chance.randbytes(chance.randrange(20_000)))
        elif what == 2:
            path.rename(path.with_name(f"renamed{chance.randrange(10**6)}"))
        else:
            (path.parent / f"new{chance.randrange(10**6)}").write_bytes(chance.randbytes(chance.randrange(3_000_000)))


def main(seconds: float, seed: int) -> None:
    """Run turns until the time is over; any failure ends it with an exception."""
    print(f"soak: seed {seed}")
    chance = random.Random(seed)
    counted: Counter[str] = Counter()
    place = Path(tempfile.mkdtemp(prefix="strongroom-soak-"))
    source, repositories = place / "source", [place / "one", place / "two"]
    trees.ordinary(source, files=200)
    ours, restic = Strongroom(place / "home"), Restic(place / "home")
    ours.env["RESTIC_FROM_PASSWORD"] = PASSWORD
    ours.init(repositories[0])
    ours.init(repositories[1], "--copy-chunker-params", "--from-repo", str(repositories[0]))
    named = [word for repository in repositories for word in ("-r", str(repository))]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        counted["turns"] += 1
        change(source, chance)
        if counted["turns"] % 3 == 0:
            process = ours.start(*named, "backup", "--limit-upload", "3000", source)
            time.sleep(chance.uniform(0.2, 2.5))
            process.kill()
            process.wait()
            counted["kills"] += 1
        ours.run(*named, "backup", source).expect(0)
        if chance.random() < 0.3:
            restic.backup(repositories[0], source)
            counted["backups by restic"] += 1
        if counted["turns"] % 4 == 0:
            tidy(repositories, ours, chance, counted)
            for repository in repositories:
                interrupt(repository, place, ours, chance, counted)
        if counted["turns"] % 10 == 0:
            inspect(source, repositories, ours, restic, place / "out")
            counted["restores compared"] += 2
    inspect(source, repositories, ours, restic, place / "out")
    print("soak:", ", ".join(f"{number} {what}" for what, number in counted.items()))
    shutil.rmtree(place)


def tidy(repositories: list[Path], ours: Strongroom, chance: random.Random, counted: Counter[str]) -> None:
    """Forget old snapshots and prune; half of the prunes are killed at a random moment, and the next one goes on."""
    for repository in repositories:
        ours.on(repository, "unlock", "--remove-all").expect(0)
        ours.on(repository, "forget", "--keep-last", "3", "--group-by", "").expect(0)
        unused = ("--max-unused", chance.choice(["0", "5%", "unlimited"]))
        if chance.random() < 0.5:
            process = ours.start("-r", repository, "prune", *unused, "--limit-upload", "5000")
            time.sleep(chance.uniform(0.3, 2.5))
            process.kill()
            process.wait()
            counted["kills of prunes"] += 1
            ours.on(repository, "unlock", "--remove-all").expect(0)
        ours.on(repository, "prune", *unused).expect(0)
        counted["prunes"] += 1


def interrupt(repository: Path, place: Path, ours: Strongroom, chance: random.Random, counted: Counter[str]) -> None:
    """Kill each verb that changes a repository at a random moment, then let it finish; restic finds no fault after."""
    copied = place / "copied"
    if not copied.exists():
        ours.init(copied)
    packs = sorted(path.name for path in (repository / "data").rglob("*") if len(path.name) == 64)
    # What is forgotten and pruned is kept, and comes back, so that each has something to do the next time.
    verbs: tuple[tuple[str, ...], ...] = (
        ("tag", "--add", f"turn{counted['turns']}"),
        ("rewrite", "--exclude", "renamed*", "--forget", "latest~1"),
        ("repair", "index", "--read-all-packs"),
        ("repair", "packs", chance.choice(packs)),
        ("repair", "snapshots", "--forget"),
        ("copy", "--from-repo", str(repository)),
        ("forget", "--keep-last", "1", "--group-by", "", "--prune", "--max-unused", "0", "--keep-removed", "7d"),
        ("undo",),
    )
    aside = place / "aside"
    aside.mkdir(exist_ok=True)
    os.chdir(aside)  # where `repair packs` keeps copies
    for words in verbs:
        target = copied if words[0] == "copy" else repository
        snapshots = {one["id"] for one in ours.snapshots(repository)}
        process = ours.start("-r", target, *words)
        time.sleep(chance.uniform(0.3, 1.5))
        process.kill()
        process.wait()
        counted[f"kills of {words[0]}"] += 1
        for place_of_locks in (repository, copied):
            ours.on(place_of_locks, "unlock", "--remove-all").expect(0)
        again = ours.on(target, *words)
        if words[0] == "undo":  # all may have been back before it was killed
            assert again.code == 0 or "nothing is kept" in again.err, again.err
        elif words[:2] == ("repair", "packs"):  # the pack may be gone already
            assert again.code == 0 or "no matching ID" in again.err, again.err
        else:
            again.expect(0)
        if words[0] in ("repair", "copy"):
            assert {one["id"] for one in ours.snapshots(repository)} == snapshots
    shutil.rmtree(aside)
    os.chdir(place)
    for whole in (repository, copied):
        Restic(place / "home").check(whole)


def inspect(source: Path, repositories: list[Path], ours: Strongroom, restic: Restic, out: Path) -> None:
    """Check with both programs, restore the latest, compare."""
    for repository in repositories:
        ours.on(repository, "unlock", "--remove-all").expect(0)
        restic.check(repository)
        ours.check(repository)
        ours.restore(repository, out)
        compare.assert_same(source, compare.restored(out, source))
        shutil.rmtree(out)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4)))
