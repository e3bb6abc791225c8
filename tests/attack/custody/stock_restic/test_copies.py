"""B-4: an index that is true to the byte, of a pack that holds one blob thousands of times."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from strongroom.format import rfc3339
from tests.support.custody.in_process import Custody, Host
from tests.support.forge import node, sha
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}
COPIES = 20_000


def _named(custody: Custody, restic: Restic) -> Counter[tuple[str, str]]:
    """How often stock restic finds each blob named for a pack, over all indexes that are listed."""
    found: Counter[tuple[str, str]] = Counter()
    for name in custody.names("index"):
        index = json.loads(restic.on(custody.place, "cat", "index", name, "--no-lock", env=ENV).expect(0).out)
        found.update((pack["id"], blob["id"]) for pack in index["packs"] for blob in pack["blobs"])
    return found


def _planted(host: Host, fresh: bytes) -> tuple[str, str]:
    """The index and the pack of an intruder: a blob of some use, and another one thousands of times."""
    before = len(host.forge.entries)
    host.forge.pack(("data", fresh), *[("data", b"again")] * COPIES)
    entries, host.forge.entries = host.forge.entries[before:], host.forge.entries[:before]
    return host.forge.index(entries).name, str(entries[0]["id"])


def _restores(custody: Custody, host: Host, restic: Restic, out: Path) -> None:
    for number, (name, files) in enumerate(host.files.items()):
        where = out / str(number)
        restic.on(custody.place, "restore", name, "--no-lock", "--target", where, env=ENV).expect(0)
        assert {path.name: path.read_bytes() for path in where.iterdir()} == files


def test_b_4_an_index_that_names_one_blob_thousands_of_times_is_set_aside(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """B-4: each entry is true, so that stock restic compares each with each other, for minutes, at every command. It is
    an incident, and goes; no index names the pack, and stock restic's check finds nothing wrong."""
    planted, pack = _planted(host, os.urandom(100))
    assert [name for name, _ in custody.round().liars] == [planted]
    assert [words for code, words in custody.open_incidents() if f"{COPIES} times" in words]
    custody.hand_over()
    custody.round()
    assert custody.open_incidents() == []
    assert pack not in {name for name, _ in _named(custody, restic)}
    restic.on(custody.place, "check", env=ENV).expect(0)
    _restores(custody, host, restic, tmp_path)


def test_b_4_what_a_snapshot_needs_of_such_a_pack_is_in_an_index_once(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """B-4: an honest host took a blob of that pack for stored. The same round writes an index that names each blob of
    it once, and stock restic restores what needs it."""
    fresh = os.urandom(100)
    planted, pack = _planted(host, fresh)
    before = len(host.forge.entries)
    tree = host.forge.tree(node("fresh", "file", content=[sha(fresh)], size=len(fresh)))
    host.forge.index(host.forge.entries[before:])
    host.files[host.forge.snapshot(tree, time=rfc3339.format_utc(host.clock.now_ns())).name] = {"fresh": fresh}
    custody.round()
    custody.hand_over()
    custody.round()
    assert planted not in custody.names("index")
    named = _named(custody, restic)
    assert (named[pack, sha(b"again")], named[pack, sha(fresh)]) == (1, 1)
    _restores(custody, host, restic, tmp_path)


def test_b_4_what_an_honest_pack_holds_a_few_times_is_no_lie(custody: Custody, host: Host) -> None:
    """B-4: sixty-four entries of one blob are believed, as they were stored."""
    before = len(host.forge.entries)
    host.forge.pack(*[("data", b"again")] * 64)
    planted = host.forge.index(host.forge.entries[before:]).name
    assert custody.round().liars == []
    custody.hand_over()
    assert planted in custody.names("index")
    assert custody.open_incidents() == []
