"""A sequencer whose store failed is well again when the store is, also where nothing new comes."""

from __future__ import annotations

from pathlib import Path

from strongroom.base.clock import SystemClock
from strongroom.receipts.commit.sequencer import Sequencer
from strongroom.storage.own.folder import FolderFiles
from tests.support.logs import make_log
from tests.support.waiting import until


def test_a_failure_is_over_when_the_store_takes_files_again(tmp_path: Path) -> None:
    """A disk that is full at the start, with a checkpoint still to be kept, is no problem any more once it has room;
    and the checkpoint of the earlier run is kept then, not ten minutes later."""
    log = make_log(tmp_path, 1)
    log.add(1)

    class Filled(FolderFiles):
        full = True

        def write_once(self, path: str, data: bytes) -> None:
            if path.startswith("checkpoint/") and Filled.full:
                raise OSError(28, "No space left on device")
            super().write_once(path, data)

    sequencer = Sequencer(log.database, Filled(str(log.tiles)), log.signer, SystemClock(), pause=0.01)
    sequencer.start()
    until(lambda: sequencer.failure)
    Filled.full = False
    until(lambda: sequencer.failure is None)
    assert (log.tiles / "checkpoint/2").exists()
    sequencer.close()
