"""G-4: an exclusive lock that nobody holds, as an intruder leaves it, stops every host's backups."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from tests.support.custody.in_process import Custody, Host
from tests.support.forge import dumps
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}


def test_g_4_an_exclusive_lock_that_nobody_refreshes_is_told(
    custody: Custody, host: Host, restic: Restic, tmp_path: Path
) -> None:
    """G-4, G-5: it claims to be of another year, so stock restic never takes it for stale. Later the custodian says
    whose it is, and that no host can back up; taken away as the guide says, that is over."""
    who = {"hostname": "web\x1b[2J", "username": "root", "pid": 7, "uid": 0, "gid": 0}
    host.forge.unpacked("locks", dumps({"time": "2099-01-01T00:00:00Z", "exclusive": True} | who))
    host.forge.unpacked("locks", dumps({"time": "2099-01-01T00:00:00Z", "exclusive": False} | who | {"pid": 8}))
    (tmp_path / "file").write_bytes(b"content")
    assert restic.on(custody.place, "backup", tmp_path / "file", env=ENV).code != 0
    custody.round()
    assert custody.open_incidents() == []
    custody.clock.advance(2 * 3600)
    custody.round()
    ((code, words),) = custody.open_incidents()
    assert (code, "process 7 of root on web" in words, "2 hours old" in words) == ("lock", True, True)
    assert words.isprintable()
    custody.clock.advance(91 * 86_400)  # longer than locks are remembered that are gone
    for _ in range(2):
        custody.round()
        assert "lock" in [code for code, _ in custody.open_incidents()]
    restic.on(custody.place, "unlock", "--remove-all", env=ENV).expect(0)
    custody.round()
    assert "lock" not in [code for code, _ in custody.open_incidents()]
    restic.on(custody.place, "backup", tmp_path / "file", env=ENV).expect(0)


def test_g_4_a_lock_that_nobody_can_read_is_told(custody: Custody, restic: Restic, tmp_path: Path) -> None:
    """G-4, G-5: noise below its hash ends stock restic on every host. It is no holder that deleting waits for; an hour
    later the custodian says what it is, until it is taken away as the guide says."""
    noise = random.Random(4).randbytes(100)
    lock = custody.place / "locks" / hashlib.sha256(noise).hexdigest()
    lock.write_bytes(noise)
    (tmp_path / "file").write_bytes(b"content")
    assert restic.on(custody.place, "backup", tmp_path / "file", env=ENV).code != 0
    custody.round()
    custody.clock.advance(2 * 3600)
    custody.round()
    (told,) = [words for code, words in custody.open_incidents() if code == "lock"]
    assert told.endswith("a lock that nobody can read is 2 hours old, so stock restic cannot back up")
    restic.on(custody.place, "unlock", "--remove-all", env=ENV).expect(0)
    custody.round()
    assert "lock" not in [code for code, _ in custody.open_incidents()]
