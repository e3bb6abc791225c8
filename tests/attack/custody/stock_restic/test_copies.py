"""B-4: an index that is true to the byte, of a pack that holds one blob thousands of times."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from tests.support.custody.in_process import Custody, Host
from tests.support.forge import sha
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


def test_b_4_an_index_that_names_one_blob_thousands_of_times_is_set_aside(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """B-4: each entry is true, so that stock restic compares each with each other, for minutes, at every command. It is
    an incident, it goes, and what is written of the pack instead names the blob once; so do later indexes."""
    before = len(host.forge.entries)
    fresh = os.urandom(100)
    host.forge.pack(("data", fresh), *[("data", b"again")] * COPIES)
    planted = host.forge.index(host.forge.entries[before:]).name
    pack = host.forge.entries[before]["id"]
    assert [name for name, _ in custody.round().liars] == [planted]
    assert [words for code, words in custody.open_incidents() if f"{COPIES} times" in words]
    custody.hand_over()
    custody.round()
    assert custody.open_incidents() == []
    named = _named(custody, restic)
    assert (named[pack, sha(b"again")], named[pack, sha(fresh)]) == (1, 1)
    for number, (name, files) in enumerate(host.files.items()):
        where = tmp_path / str(number)
        restic.on(custody.place, "restore", name, "--no-lock", "--target", where, env=ENV).expect(0)
        assert {path.name: path.read_bytes() for path in where.iterdir()} == files


def test_b_4_what_an_honest_pack_holds_a_few_times_is_no_lie(custody: Custody, host: Host) -> None:
    """B-4: sixty-four entries of one blob are believed, as they were stored."""
    before = len(host.forge.entries)
    host.forge.pack(*[("data", b"again")] * 64)
    planted = host.forge.index(host.forge.entries[before:]).name
    assert custody.round().liars == []
    custody.hand_over()
    assert planted in custody.names("index")
    assert custody.open_incidents() == []
