"""Rows of the threat model that no credential can try without doing harm: what stands against each instead."""

from __future__ import annotations

UNTRIED = {
    "R-1 to R-10": "forged snapshots: rounds judge by arrival; `custody explain` shows it of any snapshot",
    "A-1 to A-3": "lying indexes: a round compares each with what packs hold, and sets it aside",
    "B-1 to B-5": "bombs and floods: every parser has a budget",
    "E-1 to E-6": "hostile names and files: restores stay in their target, drills have a quota",
    "M-3": "a stolen custodian: the executor's holds and caps; keep the recovery identity elsewhere",
    "T-1, T-2": "clocks: rounds compare them; `custody incidents` names one that is off",
    "W-1, W-2": "a witness: `strongroom log verify` checks the log with it",
    "X-1": "who has a host's password can read its repository",
}
"""By the IDs of ``docs/threat-model.md``."""
