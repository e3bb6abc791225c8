"""The installed command without receipts: what they cost is the distance to it. Nothing that a user has does this.

``python -m benchmarks.gateway.unlogged gateway serve …``. Locks, quotas and the sequencer are as ever; no object gets
a receipt, so nothing is committed, chained or promised.
"""

from __future__ import annotations

import sys

from strongroom.cli.main import main
from strongroom.gateway.ledger import Ledger
from strongroom.receipts.commit.committer import Committed

_NOTHING = Committed(b"")


def _record(_self: Ledger, *_words: object, **_fields: object) -> Committed:
    return _NOTHING


def _promise(_self: Ledger, _committed: Committed) -> str:
    return "none"


if __name__ == "__main__":
    setattr(Ledger, "record", _record)  # noqa: B010 - methods are replaced on purpose
    setattr(Ledger, "promise", _promise)  # noqa: B010
    sys.exit(main())
