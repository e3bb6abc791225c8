"""A process that commits receipts until it is killed, and prints the hash of each after it is durable.

    python -m tests.support.receipt_worker URL SEED [TILES KEY]

With TILES and KEY it also runs a sequencer, as a worker of the gateway does.
"""

from __future__ import annotations

import sys
import threading

from strongroom.base.clock import SystemClock
from strongroom.database.engine import Database
from strongroom.receipts.commit.committer import Committer
from strongroom.receipts.commit.sequencer import Sequencer
from strongroom.receipts.commit.signing_key import load
from strongroom.storage.own.folder import FolderFiles
from tests.support.logs import ORIGIN, draft


def main() -> None:
    """Commit from four threads, for ever."""
    url, seed = sys.argv[1], int(sys.argv[2])
    database = Database(url)
    committer = Committer(database, SystemClock())
    if len(sys.argv) > 3:
        signer = load(sys.argv[4], ORIGIN)
        Sequencer(database, FolderFiles(sys.argv[3]), signer, SystemClock(), store_seconds=0.0, pause=0.05).start()
    guard = threading.Lock()

    def work(thread: int) -> None:
        number = seed * 10_000_000 + thread * 1_000_000
        while True:
            committed = committer.commit(draft(number, repository=f"{thread}" * 32))
            number += 1
            with guard:
                print(committed.hash, flush=True)

    for thread in range(4):
        threading.Thread(target=work, args=(thread,)).start()


if __name__ == "__main__":
    main()
