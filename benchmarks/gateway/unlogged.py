"""The installed command without receipts: what they cost is the distance to it. Nothing that a user has does this.

``python -m benchmarks.gateway.unlogged gateway serve …``. Locks, quotas and the sequencer are as ever; no object gets
a receipt, so nothing is committed, chained or promised.
"""

from __future__ import annotations

import sys

from strongroom.cli.main import main
from strongroom.gateway.ledger import Ledger
from strongroom.receipts.commit import Committed


def _nothing(_self: Ledger, *_words: object, **_fields: object) -> Committed | None:
    return None


if __name__ == "__main__":
    setattr(Ledger, "record", _nothing)  # noqa: B010 - a method is replaced on purpose
    sys.exit(main())
