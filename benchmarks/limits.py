"""What the machine itself allows: hashing, compressing, encrypting and copying, each alone.

A first backup must at least hash what it reads, compress it, encrypt and hash what it stores. These four rates, on the
data of the row and with all cores, say how far from that a program is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import measure

BLOCK = 1 << 20
SAMPLE = 192 << 20


def _sample(source: Path) -> list[bytes]:
    """Up to ``SAMPLE`` bytes of a tree, evenly from its files, in blocks as a chunker would make them."""
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
    total = sum(os.path.getsize(file) for file in files)
    every = max(1, min(len(files), total // SAMPLE))
    blocks: list[bytes] = []
    have = 0
    for file in files[:: every if len(files) > 1000 else 1]:
        with open(file, "rb") as content:
            while have < SAMPLE and (block := content.read(BLOCK)):
                blocks.append(block)
                have += len(block)
                if len(files) <= 1000 and have > SAMPLE * (files.index(file) + 1) // len(files):
                    break
    return blocks


def _rate(work: Callable[[bytes], object], blocks: list[bytes]) -> float:
    """Bytes a second over all cores; the work gives the interpreter lock away."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        begun = time.perf_counter()
        list(pool.map(work, blocks, chunksize=64))
        return sum(map(len, blocks)) / (time.perf_counter() - begun)


def rates(source: Path) -> dict[str, float]:
    """Rates of hashing, compressing and encrypting in bytes of input a second, and the ratio that compressing has."""
    import strongroom._kernel as _kernel  # noqa: PLC0415, PLR0402 - only this needs the kernel in our own process

    blocks = _sample(source)
    key = _kernel.Key.generate()
    compressed = sum(len(_kernel.compress(block)) for block in blocks[::4]) / sum(map(len, blocks[::4]))
    return {
        "hash": _rate(_kernel.sha256_hex, blocks),
        "compress": _rate(_kernel.compress, blocks),
        "encrypt": _rate(key.seal, blocks),
        "compressed share": compressed,
    }


def copy_seconds(source: Path, place: Path) -> float:
    """Seconds that ``cp -a --reflink=never`` takes for a tree, with a sync at its end."""
    target = place / "copy"
    measure.settle()
    begun = time.perf_counter()
    subprocess.run(["cp", "-a", "--reflink=never", str(source), str(target)], check=True)
    measure.settle()
    took = time.perf_counter() - begun
    shutil.rmtree(target)
    return took


def describe(source: Path, place: Path, size: int) -> str:
    """One line for a data set: the seconds that each part would take alone on all cores, and their sum."""
    found = rates(source)
    stored = size * min(1.0, found["compressed share"])
    hashing = (size + stored) / found["hash"]
    compressing = size / found["compress"]
    encrypting = stored / found["encrypt"]
    copying = copy_seconds(source, place)
    return (
        f"limits: hashing {hashing:.1f} s (of source and stored), compressing {compressing:.1f} s, "
        f"encrypting {encrypting:.1f} s, together {hashing + compressing + encrypting:.1f} s "
        f"on {os.cpu_count()} cores; "
        f"copying alone {copying:.1f} s"
    )


if __name__ == "__main__":
    print(describe(Path(sys.argv[1]), Path(sys.argv[2]), measure.size_of(Path(sys.argv[1]))))
