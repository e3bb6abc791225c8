"""The data that the benchmarks run on, made from a seed: the same bytes on every machine, no two files equal.

* ``small``: 100,000 files, about 4 GB in 2,500 folders; sizes log-normal around 14 kB; three files of five are
  compressible (prose, records, source-like text), the others are random bytes, as pictures and archives are.
* ``large``: eight files of 256 MiB of random bytes, 2 GiB in all.
* ``text``: forty files of 50 MB of prose and records, 2 GB in all.

The text is made of phrases of a made-up language: 12,000 words of syllables with Zipf's frequencies, strung together
by a Markov chain into 65,536 phrases of one to four words, which are drawn at random. zstd at its default level makes
about a third of it, much as of real prose; no line repeats but by chance.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

VERSION = 1
"""Part of the folder's name: other data must not be taken for this."""

SETS = ("small", "large", "text")
_ONSETS = (*"bdfghklmnprstvz", "st", "tr", "pl")
_SYLLABLES = [onset + vowel + coda for onset in _ONSETS for vowel in "aeiou" for coda in ("", "n", "r", "s")]
_LENGTHS = (1, 1, 2, 2, 2, 3, 3, 4)


def default_folder() -> Path:
    """The data's place in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strongroom-bench" / f"data-v{VERSION}"


def provide(name: str, folder: Path, *, scale: float = 1.0) -> Path:
    """The folder of a set of data, made now if it is not there whole; ``scale`` below 1 makes a smaller one beside."""
    place = folder / (name if scale == 1.0 else f"{name}-{scale:g}")
    mark = place.with_name(place.name + ".complete")
    if mark.exists():
        return place
    if place.exists():
        shutil.rmtree(place)
    place.mkdir(parents=True)
    print(f"making the data set {name} in {place} (once; some minutes)", file=sys.stderr)
    _MAKERS[name](place, scale)
    os.sync()
    mark.touch()
    return place


class _Language:
    """Words and phrases that are the same for every file; each file draws from them with a seed of its own."""

    def __init__(self) -> None:
        chance = random.Random("language")
        words = sorted({"".join(chance.choices(_SYLLABLES, k=chance.choice(_LENGTHS))) for _ in range(14_000)})
        chance.shuffle(words)
        weights = [1 / (rank + 3) for rank in range(len(words))]
        drawn = iter(chance.choices(words, weights, k=6 * len(words) + 65_536))
        followers = {word: [next(drawn) for _ in range(6)] for word in words}
        self.phrases = [self._phrase(chance, next(drawn), followers) for _ in range(65_536)]

    @staticmethod
    def _phrase(chance: random.Random, word: str, followers: dict[str, list[str]]) -> bytes:
        parts = [word]
        while len(parts) < 4 and chance.random() < 0.45:
            parts.append(chance.choice(followers[parts[-1]]))
        ending = chance.choices((" ", ", ", ". ", ".\n", ": ", "\n\n"), (70, 12, 8, 7, 2, 1))[0]
        return (" ".join(parts) + ending).encode()

    def prose(self, chance: random.Random, size: int) -> bytes:
        """About ``size`` bytes of running text, cut to it."""
        out: list[bytes] = []
        have = 0
        while have < size:
            numbers = array("H")
            numbers.frombytes(chance.randbytes(2 * min(size // 9 + 64, 200_000)))
            text = b"".join(map(self.phrases.__getitem__, numbers))
            out.append(text)
            have += len(text)
        return b"".join(out)[:size]

    def records(self, chance: random.Random, size: int) -> bytes:
        """Lines as of a log: a time that advances, numbers, a phrase."""
        moment = chance.randrange(1_500_000_000, 1_700_000_000)
        out: list[bytes] = []
        have = 0
        while have < size:
            numbers = array("Q")
            numbers.frombytes(chance.randbytes(8 * 1000))
            for number in numbers:
                moment += number & 7
                head = (moment, number >> 8 & 31, number >> 16 & 65535, number & 3)
                line = b"%d host%02d pid=%d level=%d " % head + self.phrases[number >> 48].strip() + b"\n"
                out.append(line)
                have += len(line)
        return b"".join(out)[:size]

    def code(self, chance: random.Random, size: int) -> bytes:
        """Indented lines with names and punctuation, as of a program."""
        lines: list[bytes] = []
        have = 0
        while have < size:
            words = self.prose(chance, 4000).replace(b"\n", b" ").split()
            for first, second, third in zip(words[::3], words[1::3], words[2::3], strict=False):
                names = [word.strip(b".,:") for word in (first, second, third)]
                line = b"    " * (len(first) % 4) + b"%s(%s, %s=%d);\n" % (names[0], names[1], names[2], have % 977)
                lines.append(line)
                have += len(line)
        return b"".join(lines)[:size]


def _sizes(chance: random.Random, count: int, total: int) -> list[int]:
    """Log-normal sizes, at most 2 MiB each, scaled to add up to about ``total``."""
    raw = [chance.lognormvariate(9.5, 1.45) for _ in range(count)]
    factor = total / sum(raw)
    return [max(20, min(2 << 20, int(size * factor))) for size in raw]


def _small(place: Path, scale: float) -> None:
    language = _Language()
    chance = random.Random("small")
    count = int(100_000 * scale)
    sizes = _sizes(chance, count, int(4_150_000_000 * scale))
    makers: tuple[tuple[str, Callable[[random.Random, int], bytes]], ...] = (
        ("txt", language.prose),
        ("log", language.records),
        ("c", language.code),
        ("jpg", random.Random.randbytes),
        ("bin", random.Random.randbytes),
    )
    for number, size in enumerate(sizes):
        folder = place / f"{number // 2000:02d}" / f"{number // 40 % 50:02d}"
        if number % 40 == 0:
            folder.mkdir(parents=True)
        suffix, maker = makers[number % len(makers)]
        # The number stands first, so that even the smallest two files differ.
        content = b"%d\n" % number + maker(random.Random(f"small {number}"), size)
        (folder / f"file{number:06d}.{suffix}").write_bytes(content[: max(size, 8)])


def _large(place: Path, scale: float) -> None:
    for number in range(8):
        _write(place / f"disk{number}.img", int((256 << 20) * scale), _random_blocks(f"large {number}"))


def _text(place: Path, scale: float) -> None:
    language = _Language()
    for number in range(40):
        maker = language.records if number % 4 == 0 else language.prose
        chance = random.Random(f"text {number}")
        _write(
            place / f"volume{number:02d}.txt", int(50_000_000 * scale), (maker(chance, 4_000_000) for _ in iter(int, 1))
        )


def _random_blocks(seed: str) -> Iterator[bytes]:
    chance = random.Random(seed)
    while True:
        yield chance.randbytes(4 << 20)


def _write(path: Path, size: int, blocks: Iterator[bytes]) -> None:
    with path.open("wb") as out:
        left = size
        while left > 0:
            block = next(blocks)[:left]
            out.write(block)
            left -= len(block)


_MAKERS: dict[str, Callable[[Path, float], None]] = {"small": _small, "large": _large, "text": _text}


def measure(place: Path) -> tuple[int, int]:
    """Files and bytes of a tree."""
    files = size = 0
    for folder, _, names in os.walk(place):
        for name in names:
            files += 1
            size += os.lstat(os.path.join(folder, name)).st_size
    return files, size
