"""Snapshots as data: what restic and rustic wrote, and what a rewrite keeps."""

from __future__ import annotations

import json

import pytest

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.record import replace
from strongroom.format.snapshot import MAX_SNAPSHOT, Snapshot
from strongroom.format.timestamp import Timestamp

TREE = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"
RESTIC = (
    '{"time":"2026-11-22T02:29:06.944266705-03:30","parent":"' + "1" * 64 + f'","tree":"{TREE}",'
    '"paths":["/tmp/\\u003ca\\u0026b"],"hostname":"vm","username":"root","uid":7,"gid":8,"excludes":["*.o"],'
    '"tags":["x"],"original":"' + "2" * 64 + '","program_version":"restic 0.18.0","summary":{"files_new":3}}'
).encode()
RUSTIC = f"""{{"time":"2026-11-22T02:29:06.530+02:00","program_version":"rustic 0.11","parents":["{"3" * 64}"],
"tree":"{TREE}","label":"l","paths":["rel"],"hostname":"h","tags":[],"delete":"Never"}}""".encode()


def test_restic_bytes_come_back() -> None:
    """What restic wrote is written again byte for byte."""
    snapshot = Snapshot.parse(RESTIC)
    assert snapshot.encode() == RESTIC
    assert (snapshot.time_ns, snapshot.time.offset) == (1795327146944266705, -12600)


def test_rewrite_keeps_what_is_unknown() -> None:
    """rustic's protection against removal survives a change of tags."""
    changed = replace(Snapshot.parse(RUSTIC), tags=("new",))
    members = json.loads(changed.encode())
    assert list(members)[-3:] == ["parents", "label", "delete"]
    assert members["delete"] == "Never"
    assert Snapshot.parse(changed.encode()) == changed


def test_absent_and_null_members() -> None:
    """Null and another case mean what they mean to Go; empty members are not written."""
    snapshot = Snapshot.parse(
        b'{"Time":"2026-01-01T00:00:00Z","TREE":"' + TREE.encode() + b'","paths":null,"tags":null}'
    )
    assert snapshot.encode() == f'{{"time":"2026-01-01T00:00:00Z","tree":"{TREE}","paths":[]}}'.encode()


def test_text_that_is_no_unicode() -> None:
    """A byte that is no UTF-8 becomes U+FFFD, so that every reader can read the snapshot."""
    snapshot = Snapshot(time=Timestamp(0), tree=TREE, paths=("/a\udcff",))
    assert Snapshot.parse(snapshot.encode()).paths == ("/a\ufffd",)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"{}",
        b'{"time":"2026-01-01T00:00:00Z"}',
        RESTIC.replace(b"2026", b"20x6"),
        RESTIC.replace(TREE.encode(), TREE.upper().encode()),
        RESTIC.replace(b'"uid":7', b'"uid":-7'),
        RESTIC.replace(b'"uid":7', b'"uid":1e3'),
        RESTIC.replace(b'["x"]', b'"x"'),
        RESTIC.replace(b'["x"]', b"[1]"),
        RESTIC.replace(b'{"files_new":3}', b"[]"),
        b"[" * 100_000,
    ],
)
def test_nonsense_is_damage(bad: bytes) -> None:
    """What is no snapshot is refused with the name that the caller gave it."""
    with pytest.raises(Damaged) as error:
        Snapshot.parse(bad, "snapshots/abc")
    assert error.value.subject == "snapshots/abc"


def test_size_is_bounded() -> None:
    """A snapshot beyond the budget is refused unread."""
    with pytest.raises(LimitExceeded):
        Snapshot.parse(b" " * (MAX_SNAPSHOT + 1))
