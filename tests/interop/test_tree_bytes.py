"""Our trees are restic's, byte for byte: a host may change programs without storing every folder again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom import _kernel
from tests.support.programs import Restic

pytestmark = pytest.mark.peer("restic")

ZONE = "America/St_Johns"
"""A zone with half hours, summer time, and local mean time before 1884."""

_ENCODE = """
import hashlib, json, os, sys
from strongroom import _kernel
for line in sys.stdin:
    path, parts = json.loads(line)
    nodes = []
    for node in _kernel.read_nodes(os.fsencode(path))[0]:
        part = parts.get(os.fsdecode(node.name))
        if part is not None:
            node.content, node.subtree = part
            nodes.append(node)
    print(hashlib.sha256(_kernel.encode_tree(nodes)).hexdigest())
"""
"""Reads folders with the zone of its own process; content and subtrees come from outside, sockets are left out."""


def _trees(restic: Restic, repository: Path, tree: str, path: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each folder below ``path``, not the many in ``folders``, with the plaintext of its tree."""
    plain = restic.on(repository, "cat", "blob", tree).expect(0).stdout
    assert hashlib.sha256(plain).hexdigest() == tree
    yield path, plain
    for node in _kernel.decode_tree(plain, strict=True).nodes:
        if node.subtree and not path.endswith(b"/folders"):
            yield from _trees(restic, repository, node.subtree, os.path.join(path, node.name))


def test_folders_from_the_file_system(restic: Restic, repository: Path, hostile_source: Path) -> None:
    """Metadata that we read of folders with hostile names, links, times and attributes has the hash restic gave it."""
    restic.init(repository)
    restic.backup(repository, ".", cwd=hostile_source, env={"TZ": ZONE})
    (snapshot,) = restic.snapshots(repository)
    expected, lines = [], []
    for path, plain in _trees(restic, repository, snapshot["tree"], os.fsencode(hostile_source)):
        nodes = _kernel.decode_tree(plain, strict=True).nodes
        parts = {os.fsdecode(node.name): (node.content, node.subtree) for node in nodes}
        lines.append(json.dumps([os.fsdecode(path), parts]))
        expected.append((os.fsdecode(path), hashlib.sha256(plain).hexdigest()))
    command = [sys.executable, "-c", _ENCODE]
    done = subprocess.run(
        command, input="\n".join(lines), env={**os.environ, "TZ": ZONE}, capture_output=True, text=True, check=True
    )
    ours = done.stdout.split()
    assert len(ours) == len(expected) > 5
    assert dict(zip([path for path, _ in expected], ours, strict=True)) == dict(expected)
