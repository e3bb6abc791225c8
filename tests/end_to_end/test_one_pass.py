"""One pass reads each file once, whatever the number of repositories."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support import command, trees
from tests.support.programs import Strongroom

_CALL = re.compile(rb"^(\d+) +\w+\(\d+<([^>]*)>")
_RESUMED = re.compile(rb"^(\d+) +<\.\.\. \w+ resumed>")
_RESULT = re.compile(rb" = (\d+)$")
_SPOOL = re.compile(rb"/#\d+$")
"""A file without a name: packs that wait for a repository that is slower at the moment, and are read back."""


def _bytes_read(trace: Path) -> Counter[bytes]:
    """Bytes by file, of a trace of all system calls that read."""
    found: Counter[bytes] = Counter()
    waiting: dict[bytes, bytes] = {}
    for line in trace.read_bytes().splitlines():
        if call := _CALL.match(line):
            name = call.group(2)
            if line.endswith(b"<unfinished ...>"):
                waiting[call.group(1)] = name
        elif resumed := _RESUMED.match(line):
            name = waiting.pop(resumed.group(1), b"")
        else:
            continue
        if result := _RESULT.search(line):
            found[name] += int(result.group(1))
    return found


@pytest.mark.peer("strace")
@pytest.mark.parametrize("options", [(), ("--no-extra-verify",)], ids=["default", "no extra verify"])
def test_three_repositories_cost_one_read(strongroom: Strongroom, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A backup to three repositories reads each byte of the source once, and little else: at most 1.05 in all."""
    source = trees.ordinary(trees.large(tmp_path / "source", megabytes=128), files=200)
    repositories = [tmp_path / f"repository{number}" for number in range(3)]
    for repository in repositories:
        strongroom.init(repository)
    named = [word for repository in repositories for word in ("-r", str(repository))]
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-e", "trace=read,pread64,readv,preadv,preadv2,sendfile,copy_file_range"]
    arguments = [*named, "backup", "--quiet", *options, str(source)]
    command.run([*strace, "-o", trace, strongroom.executable, *arguments], env=strongroom.env).expect(0)
    read = _bytes_read(trace)
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    of_source = sum(count for name, count in read.items() if name.startswith(bytes(source)))
    without_spool = sum(count for name, count in read.items() if not _SPOOL.search(name))
    assert of_source == size
    assert without_spool <= 1.05 * size, f"read {without_spool / size:.3f} of the source"
