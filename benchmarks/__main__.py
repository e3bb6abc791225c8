"""``make bench``: measure the rows and print them.

ROWS=first,check:small,version    rows, or rows of one data set (default: all)
ROWS=gateway,gateway:upload       the gateway's rows, or some of them
ROWS=custody,custody:verify       the custodian's rows, or some of them
ROWS=fleet,fleet:reports          the fleet's server, or some of its rows
ROUNDS=5                          rounds of each
DATA=folder                       where the data is made, and found again
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks import data, forgetting, index_memory, mounting, programs, pruning, report, rows
from benchmarks.custody import rows as custody
from benchmarks.fleet import rows as fleet
from benchmarks.gateway import table

ROWS = rows.ROWS | {
    "mount": mounting.mount,
    "prune-nothing": pruning.nothing,
    "prune-half": pruning.half,
    "prune-everything": pruning.everything,
}
SINGLE = ("version", "index", "forget")
GATEWAY = "gateway"
CUSTODY = "custody"
FLEET = "fleet"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="", help="such as first,restore:small,version")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=data.default_folder())
    parser.add_argument("--places", default="disk,memory", help="disk, memory (tmpfs), or both")
    parser.add_argument("--work", type=Path, help="the folder on the disk in which repositories are made")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller data, to try the bench itself")
    parser.add_argument("--blobs", type=int, default=5_000_000, help="of the index row")
    options = parser.parse_args()
    wanted = _wanted(options.rows)
    through = set(wanted.pop(GATEWAY, ()))
    care = wanted.pop(CUSTODY, ())
    served = wanted.pop(FLEET, ())
    found = programs.find()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, {time.strftime('%Y-%m-%d')}")
    print("programs:", ", ".join(_versions(found)))
    results: list[dict[str, object]] = []
    if "index" in wanted:
        loaded, grown, own = index_memory.measure(options.blobs)
        print(f"index: {loaded:,} blobs, {grown:.1f} bytes resident each, {own:.1f} by its own account; aim 64")
        results.append({"row": "index", "blobs": loaded, "resident": grown, "own": own})
    for place_name in options.places.split(","):
        with _place(place_name, options.work) as place:
            if "version" in wanted:
                outcome = rows.version(found, place, options.rounds)
                _show("version", "", place_name, outcome, results)
                wanted.pop("version")
            if "forget" in wanted:
                _show("forget", "", place_name, forgetting.forget(found, place, options.rounds), results)
            _sets(wanted, place_name, place, found, options, results)
            if care:
                bench = custody.CustodyBench(found.strongroom, place, options.rounds, options.scale)
                for row in care:
                    result = bench.run(row)
                    print(f"custody:{row} ({place_name}): {custody.lines(result)}", flush=True)
                    results.append({**result, "place": place_name})
            for row in served:
                result = fleet.FleetBench(found.strongroom, place, options.scale).run(row)
                print(f"fleet:{row} ({place_name}): {custody.lines(result)}", flush=True)
                results.append({**result, "place": place_name})
            if through:
                results += table.run(through, place, place_name, options.data, options.rounds)
    kept = options.data / "results"
    kept.mkdir(parents=True, exist_ok=True)
    file = kept / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(results, indent=1))
    print(f"kept as {file}")


def _sets(
    wanted: dict[str, tuple[str, ...]],
    place_name: str,
    place: Path,
    found: programs.Field,
    options: argparse.Namespace,
    results: list[dict[str, object]],
) -> None:
    for name in data.SETS:
        chosen = [row for row in ROWS if name in wanted.get(row, ())]
        if not chosen:
            continue
        source = data.provide(name, options.data, scale=options.scale)
        files, size = data.measure(source)
        print(f"\n== {name} on {place_name}: {files:,} files, {size / 1e9:.2f} GB", flush=True)
        # In a process of its own: what this one holds would count in the peak of every program that it starts.
        subprocess.run([sys.executable, "-m", "benchmarks.limits", source, place], check=True)
        within = place / name
        within.mkdir()
        bench = rows.Bench(name, source, within, found, options.rounds)
        outcomes = {}
        for row in chosen:
            outcomes[row] = ROWS[row](bench)
            _show(row, name, place_name, outcomes[row], results)
        print("\n".join(report.memory_of_two(outcomes)), flush=True)
        shutil.rmtree(within)


def _show(row: str, name: str, place: str, outcome: rows.Outcome, results: list[dict[str, object]]) -> None:
    print("\n".join(report.lines(row, name or place, outcome)), flush=True)
    programs_measured = {program: asdict(series) for program, series in outcome.items()}
    results.append({"row": row, "data": name, "place": place, "programs": programs_measured})


def _wanted(text: str) -> dict[str, tuple[str, ...]]:
    """Rows by name with the data sets they are wanted for; of the gateway, its own rows."""
    known = (*ROWS, *SINGLE, GATEWAY, CUSTODY, FLEET)
    chosen: dict[str, tuple[str, ...]] = {}
    for part in filter(None, text.replace(" ", ",").split(",")) if text else known:
        row, _, name = part.partition(":")
        names = {GATEWAY: table.ROWS, CUSTODY: custody.ROWS, FLEET: fleet.ROWS}.get(row, data.SETS)
        if row not in known or (name and name not in names):
            sys.exit(f"bench: no row {part!r}; there are {', '.join(known)}, each also as ROW:{'|'.join(names)}")
        chosen[row] = (*chosen.get(row, ()), *((name,) if name else names))
    return chosen


def _versions(found: programs.Field) -> Iterator[str]:
    for program, verb in ((found.strongroom, "version"), (found.restic, "version"), (found.rustic, "--version")):
        if program is not None:
            with tempfile.TemporaryDirectory() as home:
                yield program.run(Path(home), verb).stdout.decode().split("\n", 1)[0]
    if found.rustic is None:
        yield "rustic is missing (make peers)"


@contextmanager
def _place(name: str, work: Path | None) -> Iterator[Path]:
    """A folder on the disk or in memory, gone afterwards."""
    parent = Path("/dev/shm") if name == "memory" else work or data.default_folder().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-", dir=parent) as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
