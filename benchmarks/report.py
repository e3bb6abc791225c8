"""The table as printed, and as kept for later."""

from __future__ import annotations

import statistics

from benchmarks.programs import NO_EXTRA_VERIFY
from benchmarks.rows import AIMS, Outcome, Series


def median(series: Series) -> float:
    """The median of a program's rounds in seconds."""
    return statistics.median(series.seconds)


def lines(row: str, data: str, outcome: Outcome) -> list[str]:
    """What was measured, program by program, and the ratios of ours to each other's with what is aimed at."""
    out = [f"{row} ({data})"]
    for name, series in outcome.items():
        spread = f"{min(series.seconds):.2f} to {max(series.seconds):.2f}"
        stored = f", stored {series.stored / 1e6:,.0f} MB" if series.stored else ""
        out.append(
            f"  {name:<31} {median(series):8.2f} s ({spread}), cpu {statistics.median(series.cpu):.1f} s, "
            f"peak {series.peak / 1e6:,.0f} MB{stored}"
        )
    for against in ("restic", "rustic", "cp"):
        if against in outcome:
            out += _ratios(row, data, outcome, against)
    return out


def _ratios(row: str, data: str, outcome: Outcome, against: str) -> list[str]:
    other = outcome[against]
    aim = AIMS.get((row, against), {}).get(data)
    out = []
    # Debian's restic checks nothing again before an upload: there the entry that skips it too is what is aimed at.
    held = NO_EXTRA_VERIFY if against == "restic" and NO_EXTRA_VERIFY in outcome else "strongroom"
    for name in (NO_EXTRA_VERIFY, "strongroom"):
        if name not in outcome:
            continue
        ratio = median(outcome[name]) / median(other)
        verdict = f", aim {aim:.2f}: {'met' if ratio <= aim else 'MISSED'}" if aim and name == held else ""
        stored = ""
        if outcome[name].stored and other.stored:
            stored = f", stored {outcome[name].stored / other.stored:.3f}"  # type: ignore[operator]
        memory = f", memory {outcome[name].peak / other.peak:.2f}" if against != "cp" else ""
        out.append(f"    {name} / {against}: time {ratio:.3f}{verdict}{memory}{stored}")
    return out


def memory_of_two(outcomes: dict[str, Outcome]) -> list[str]:
    """The peak of a pass to two repositories against that to one; empty when only one of them was measured."""
    if not {"first", "two"} <= outcomes.keys():
        return []
    ratio = outcomes["two"]["strongroom"].peak / outcomes["first"]["strongroom"].peak
    return [f"memory of two repositories / one: {ratio:.2f}, aim 1.50: {'met' if ratio <= 1.5 else 'MISSED'}"]
