"""Indexes that lie, snapshots that promise too much, and blobs that are another's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.attack.cases.registry import CASES, case
from tests.support.forge import Forge, node, ordinary, zstd_raw


def _with_index(place: Path, **fields: Any) -> Forge:
    """An ordinary tree whose data entries in the index have other fields."""
    forge = Forge(place)
    ids = forge.pack(*(("data", b"content %d" % number) for number in range(5)))
    for blob in forge.entries[0]["blobs"]:
        blob.update(fields)
    root = forge.tree(*(node(f"file{number}", "file", content=[blob], size=9) for number, blob in enumerate(ids)))
    forge.index()
    forge.snapshot(root)
    return forge


for _name, _fields in {
    "beyond_the_pack": {"offset": 1 << 30},
    "far_beyond": {"offset": (1 << 32) - 1, "length": (1 << 32) - 1},
    "of_no_length": {"length": 0},
    "shorter_than_an_envelope": {"length": 31},
    "of_another_type": {"type": "tree"},
    "of_an_unknown_type": {"type": "other"},
    "with_a_huge_promise": {"uncompressed_length": (1 << 32) - 1},
    "with_negative_numbers": {"offset": -1, "length": -5},
    "with_numbers_too_large": {"offset": 1 << 70},
}.items():
    CASES[f"index_entries_{_name}"] = lambda place, fields=_fields: _with_index(place, **fields)  # type: ignore[misc]


@case
def index_of_a_pack_that_is_not_there(place: Path) -> Forge:
    """The index names packs that do not exist."""
    forge = ordinary(place)
    for path in (place / "data").rglob("*"):
        if path.is_file():
            path.unlink()
    return forge


@case
def index_with_lies_beside_the_truth(place: Path) -> Forge:
    """A second index file places every blob elsewhere; another copy of each is where the first says."""
    forge = ordinary(place)
    lies = [
        {"id": os.urandom(32).hex(), "blobs": [dict(blob, offset=5) for blob in entry["blobs"]]}
        for entry in forge.entries
    ]
    forge.index(lies)
    return forge


@case
def swapped_blobs(place: Path) -> Forge:
    """Two blobs have each other's place: valid envelopes, other contents than their IDs."""
    forge = Forge(place)
    first, second = forge.pack(("data", b"the first"), ("data", b"the other"))
    for blob in forge.entries[0]["blobs"]:
        blob["id"] = second if blob["id"] == first else first
    root = forge.tree(node("a", "file", content=[first], size=9), node("b", "file", content=[second], size=9))
    forge.index()
    forge.snapshot(root)
    return forge


@case
def missing_root(place: Path) -> Forge:
    """A snapshot of a tree that is nowhere."""
    forge = ordinary(place)
    forge.snapshot("ab" * 32, time="2025-01-01T00:00:00Z")
    return forge


@case
def snapshot_of_many_paths(place: Path) -> Forge:
    """A snapshot with hostile fields: escape sequences, many paths, a time far off."""
    forge = ordinary(place)
    tree = forge.tree(node("a", "file"))
    forge.index([forge.entries[-1]])
    hostile = "\x1b[2J\x1b]0;title\x07\n--option"
    forge.snapshot(
        tree, time="9999-12-31T23:59:59Z", hostname=hostile, username=hostile, paths=[hostile] * 1000, tags=[hostile]
    )
    return forge


@case
def huge_promises(place: Path) -> Forge:
    """A sparse petabyte: one blob a million times in one file's content, and a size to match."""
    forge = Forge(place)
    (blob,) = forge.pack(("data", b"\0" * 100), frames={0: (zstd_raw(b"\0" * 100), 100)})
    root = forge.tree(node("file", "file", content=[blob] * 200_000, size=1 << 50))
    forge.index()
    forge.snapshot(root)
    return forge
