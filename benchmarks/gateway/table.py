"""The gateway's table: medians, ratios of medians, and what the machine alone would allow beside them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks import data, programs
from benchmarks.gateway import alone, client, material, rows, servers, whole
from benchmarks.gateway.rows import Outcome, Series

ROWS = ("upload", "download", "post", "get", "head", "list", "whole")
AIMS = {"upload": 1.5, "download": 1.0, "post": 0.9, "get": 0.9, "head": 0.9, "list": 1.0}
"""Our rate over rclone's, at least (a list's rate is 1.0 of rclone's when it takes as long)."""
RECEIPTS = {"upload": 0.90, "post": 0.90}
"""Our rate with receipts over that without, at least."""
MEMORY = 150e6
"""PSS of all our processes in bytes, at most."""
WHOLE_SCALE = 0.05
"""Of the data set ``small`` that the whole backups take: 5,000 files, 200 MB."""


def run(wanted: set[str], place: Path, place_name: str, options_data: Path, rounds: int) -> list[dict[str, object]]:
    """Measure the wanted rows, print them, and return them for keeping."""
    print(
        f"\n== gateway on {place_name}: {client.CONNECTIONS} connections kept open, {servers.version_of_rclone()}, "
        "no authentication in either, our shipped number of workers",
        flush=True,
    )
    bench = rows.Bench(place, options_data / "programs", rounds)
    bench.measure(wanted)
    if "list" in wanted:
        bench.listing()
    if wanted & {"upload", "post"}:
        print("\n".join(_alone(place)))
    print("\n".join(lines(bench.outcome, bench.memory)), flush=True)
    kept: list[dict[str, object]] = [
        {"row": f"gateway:{row}", "place": place_name, "servers": {name: asdict(one) for name, one in found.items()}}
        for row, found in bench.outcome.items()
    ]
    if "whole" in wanted:
        source = data.provide("small", options_data, scale=WHOLE_SCALE)
        times = whole.backups(programs.find(), place, source, rounds)
        print("\n".join(_whole(times)), flush=True)
        kept.append({"row": "gateway:whole", "place": place_name, "seconds": times})
    return kept


def lines(outcome: Outcome, memory: dict[str, int]) -> Iterator[str]:
    """The rows as printed."""
    for row, found in outcome.items():
        yield f"{row} ({_what(row)})"
        for name, series in found.items():
            yield f"  {name:<25} {_rate(row, series)}"
        yield from _ratios(row, found)
    for name, size in memory.items():
        verdict = f", aim 150: {'met' if size <= MEMORY else 'MISSED'}" if name == servers.OURS else ""
        yield f"memory of all processes of {name}: {size / 1e6:.0f} MB PSS{verdict}"


def _what(row: str) -> str:
    size = "16 MiB" if row in ("upload", "download") else "20 kB"
    return f"{rows.LISTED:,} packs" if row == "list" else f"{size} each"


def _rate(row: str, series: Series) -> str:
    rate, low, high = (f(series.rate) for f in (statistics.median, min, max))
    unit = "/s"
    if row in ("upload", "download"):
        rate, low, high, unit = *(one * material.LARGE / 1e6 for one in (rate, low, high)), " MB/s"
    if row == "list":
        shown = f"{1 / rate:8.2f} s ({1 / high:.2f} to {1 / low:.2f}), memory +{series.grown / 1e6:.1f} MB"
    else:
        shown = f"{rate:8.0f}{unit} ({low:.0f} to {high:.0f})"
    cpu, middle, late, used = (
        statistics.median(one) for one in (series.cpu, series.median, series.late, series.client)
    )
    return f"{shown}, server cpu {cpu:.3f} ms, p50 {middle:.2f} ms, p99 {late:.2f} ms, client {used:.2f} cores"


def _ratios(row: str, found: dict[str, Series]) -> Iterator[str]:
    ours = statistics.median(found[servers.OURS].rate)
    if servers.RCLONE in found:
        yield _verdict("of rclone's rate", ours / statistics.median(found[servers.RCLONE].rate), AIMS[row])
    if servers.UNLOGGED in found and row in RECEIPTS:
        ratio = ours / statistics.median(found[servers.UNLOGGED].rate)
        yield _verdict("of the rate without receipts", ratio, RECEIPTS[row])


def _verdict(what: str, ratio: float, aim: float) -> str:
    return f"    {ratio:.2f} {what}, aim {aim:.2f}: {'met' if ratio >= aim else 'MISSED'}"


def _alone(place: Path) -> Iterator[str]:
    for size, what in ((material.LARGE, "16 MiB"), (material.SMALL, "20 kB")):
        hashed = alone.hashing(size)
        synced = alone.syncing(place, size, database=False)
        logged = alone.syncing(place, size, database=True)
        yield (
            f"alone, {what}, a second: hashing {hashed:.0f}; writing and syncing file and folder {synced:.0f}; "
            f"with a commit of a database each {logged:.0f}"
        )


def _whole(times: whole.Times) -> Iterator[str]:
    for program, by_server in times.items():
        ours, other = (statistics.median(by_server[name]) for name in (servers.OURS, servers.RCLONE))
        yield f"whole backup by {program}: {ours:.2f} s through ours, {other:.2f} s through rclone: {ours / other:.2f}"
