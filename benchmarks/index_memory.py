"""Resident memory of a process that loads real index files of many blobs, divided by their number.

The files are what a repository of that size would hold: 50,000 blobs each, plaintext JSON as restic writes it, made in
a second process and read through a pipe, so that making them costs the measured process nothing.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

PER_FILE = 50_000
PER_PACK = 400

_LOADER = r"""
import sys
from strongroom import _kernel

def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

index = _kernel.Index()
first = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
# One file is loaded before the first reading, into an index of its own: buffers of the reader itself are not the
# index's, and they do not grow with the number of blobs.
_kernel.Index().load(first)
before = resident("VmRSS")
index.load(first)
while line := sys.stdin.buffer.readline():
    index.load(sys.stdin.buffer.read(int(line)))
print(len(index), resident("VmHWM") - before, index.memory())
"""


def _file(number: int) -> bytes:
    """An index file with blobs that no other number's has."""
    packs = []
    for pack in range(PER_FILE // PER_PACK):
        blobs = []
        offset = 0
        for blob in range(PER_PACK):
            digest = hashlib.sha256(b"%d %d %d" % (number, pack, blob)).hexdigest()
            length = 200 + int(digest[:4], 16)
            blobs.append(
                {"id": digest, "type": "data", "offset": offset, "length": length, "uncompressed_length": length * 2}
            )
            offset += length
        packs.append({"id": hashlib.sha256(b"pack %d %d" % (number, pack)).hexdigest(), "blobs": blobs})
    return json.dumps({"packs": packs}, separators=(",", ":")).encode()


def measure(blobs: int) -> tuple[int, float, float]:
    """The number of blobs loaded, and bytes a blob: by the process's resident size, and by the index's own account."""
    with subprocess.Popen([sys.executable, "-c", _LOADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(blobs // PER_FILE):
            content = _file(number)
            process.stdin.write(b"%d\n" % len(content) + content)
        process.stdin.close()
        loaded, grown, own = map(int, process.stdout.read().split())
    return loaded, grown / loaded, own / loaded


if __name__ == "__main__":
    print(Path(__file__).stem, measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000))
