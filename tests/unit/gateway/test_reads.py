"""How a repository on a disk is found for a read."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.base.errors import TakenAway
from strongroom.base.objects import CONFIG
from strongroom.gateway.pages import custody_files, names, principals, room, taking_back
from strongroom.gateway.paths import parse_path
from strongroom.gateway.places.disk.place import DiskPlace
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings
from strongroom.receipts.commit.committer import Draft, commit_group
from strongroom.receipts.commit.log_state import ensure_log
from strongroom.receipts.log.leaf import LeafType

HERE = ("alice",)


def test_a_repository_is_looked_for_once_by_who_only_reads(tmp_path: Path) -> None:
    """A process that needed no ID yet does not look for the repository at each read, but whether its folder is there.

    A damaged ID shows that nobody looked again; another folder in the place of the first is noticed at once.
    """
    settings = GatewaySettings(path=str(tmp_path))
    database = open_database(settings)
    folder = Path(DiskPlace(settings, database).create(HERE).place)
    identity = DiskPlace(settings, database).find(HERE).id
    ensure_log(database, "backup.example/.strongroom/log")
    config = Draft(LeafType.CREATE, identity, kind=CONFIG.kind.value, name=CONFIG.name)
    commit_group(database, [config], SystemClock(), "")
    reading = DiskPlace(settings, database)
    first = reading.find_to_read(HERE)
    (folder / ".strongroom" / "id").write_text("no ID")
    assert reading.find_to_read(HERE) is first
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()  # as below a disk that is not mounted
    with pytest.raises(TakenAway):
        reading.find_to_read(HERE)


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/metrics",
        "/.strongroom/log/checkpoint",
        "/.strongroom/v1/status",
        f"/.strongroom/v1/repositories/{'ab' * 16}/sealed/{'ab' * 32}",
        *(page.PATH for page in (names, principals, room, taking_back)),
        "/.strongroom/custodian",
        "/alice/.strongroom/custodian.3",
        "/alice/laptop/.strongroom/custody/rounds/",
        "/data/.strongroom/custody/good",
        "/config/.strongroom/custodian",
        f"/keys/.strongroom/custody/{'ab' * 32}",
    ],
)
def test_no_page_is_where_a_repository_may_be(path: str) -> None:
    """What a path names is asked first, and the pages only of what names no repository: no page may be hidden so."""
    assert parse_path(path) is None
    assert not path.startswith("/.strongroom/c") or custody_files.find(path) is not None
