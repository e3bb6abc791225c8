"""What a file of ours beside a repository is called where rights, quotas and receipts speak of it."""

from __future__ import annotations

from strongroom.base.record import record

SEALED = "sealed"
"""The kind of a custodian's sealed keys."""
CUSTODY = "custody"
"""The kind of what a custodian itself writes: its mark, its records, its messages."""


@record
class OwnName:
    """One such file: ``kind`` as above, ``name`` of 64 hexadecimal digits."""

    kind: str
    name: str
