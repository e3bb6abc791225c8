"""What the executor lets go without a hold: by what it sees itself, and ten a day at most.

It decrypts nothing, so it cannot tell whether an index lies; that few go, and that each comes back, is what holds.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Missing
from strongroom.base.objects import Kind, ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.executor.records import Records
    from strongroom.storage.contract import Store

MOST_A_DAY = 10
DAY_NS = 24 * 3600 * 10**9
_BLOCK = 1 << 20
_LARGEST_KEY = 64 << 10
_MOST_MEMORY = 256 << 20
_MOST_WORK = 1 << 23
"""What clients spend on a key at most, as ``format/key.py`` has it, which the executor does not import."""
_ENVELOPE = 32
"""Bytes that sealing adds."""
_SALT = 64
WELL_FORMED = "is a well-formed key: an operator sets it aside, or accepts it"
TRUE_TO_NAME = "has the bytes that its name promises: an operator sets it aside, or nobody"
_TIME = re.compile(r"([0-9-]{10}T[0-9:]{8})(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})")


def refusal(records: Records, store: Store, repository: str, name: ObjectName, *, approved: bool) -> str:
    """Why an object is not set aside, in words; empty where it is. ``approved``: a person at this executor said so."""
    if name.kind is Kind.KEY:
        there = records.first_seen(repository, str(name))
        if there is None or there[0] == 0:
            return "is a key that was there from the first, and no such key goes"
        if not approved and _is_well_formed(store, name):
            return WELL_FORMED
        return ""
    if name.kind is Kind.INDEX or approved or not is_true_to_name(store, name):
        return ""
    return TRUE_TO_NAME


def fit_for_today(
    records: Records, store: Store, repository: str, names: Iterable[str], now_ns: int, *, approved: bool
) -> tuple[list[str], int, list[tuple[str, str]]]:
    """Which of these go today, how many are left for tomorrow, and which never go, with the reason.

    ``approved``: a person at this executor said so, which lifts the bound of a day.
    """
    room = max(0, MOST_A_DAY - records.set_aside(repository, now_ns - DAY_NS))
    chosen, left, refused = [], 0, []
    for name in names:
        kind, _, rest = name.partition("/")
        why = refusal(records, store, repository, ObjectName(Kind(kind), rest), approved=approved)
        if why:
            refused.append((name, why))
            continue
        if not approved and name.startswith(("index/", "keys/")):
            if room == 0:
                left += 1
                continue
            room -= 1
        chosen.append(name)
    return chosen, left, refused


def is_true_to_name(store: Store, name: ObjectName) -> bool:
    """Whether an object's bytes are what its name promises, read now. What is gone is true to it."""
    digest = hashlib.sha256()
    try:
        with store.read(name) as reader:
            while block := reader.read(_BLOCK):
                digest.update(block)
    except Missing:
        return True
    return digest.hexdigest() == name.name


def _is_well_formed(store: Store, name: ObjectName) -> bool:
    """Whether clients could try this key: JSON that names scrypt with parameters within its budget, and nothing that
    ends stock restic (``reading/as_restic.py``, which the executor does not import)."""
    try:
        if store.stat(name).size > _LARGEST_KEY:
            return False
        return _can_be_tried(json.loads(store.read_bytes(name), object_pairs_hook=_once))
    except Missing:
        return True
    except (ValueError, RecursionError, KeyError, TypeError):
        return False


def _can_be_tried(members: dict[str, Any]) -> bool:
    """Raises errors of Python's for members that are none, or of another type."""
    n, r, p = (members[letter] for letter in "Nrp")
    known = members["kdf"] == "scrypt" and n > 1 and not n & (n - 1) and r > 0 and p > 0
    within = 128 * n * r <= _MOST_MEMORY and n * r * p <= _MOST_WORK
    salt, wrapped = (base64.b64decode(members[text], validate=True) for text in ("salt", "data"))
    texts = (members.get("username") or "", members.get("hostname") or "")
    if members.get("created") is not None:
        datetime.datetime.fromisoformat(_TIME.fullmatch(members["created"])[1])  # type: ignore[index]
    fits = len(salt) == _SALT and len(wrapped) >= _ENVELOPE
    return bool(known and within and fits and all(isinstance(text, str) for text in texts))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len({key.lower() for key in found}) < len(pairs):
        raise ValueError
    return found
