"""What a round writes beside the repository: a signed line with its number, and a sealed copy of what was decided.

``custody/rounds/NUMBER`` below ``.strongroom/``. Whoever may create there can write a file of the next number; it is
not ours, so it is passed over, and ours gets the number with ``-1`` behind it, and so on.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, Exists, LimitExceeded, Missing, Refused
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.receipts.log.note import Signer, Verifier
    from strongroom.storage.own.contract import OwnFiles

ROUNDS, AUDIT = "custody/rounds", "custody/audit"
MOST_STRANGERS = 100
"""So many files of others at one number are passed over."""
MOST_NUMBERS = 1000
"""So many numbers at which only others wrote are passed over."""
_TYPE = "strongroom custody round 1"
RECORD = re.compile(r"([0-9]{10})(-[0-9]{1,3})?\Z")
"""The name of a record's file, with its number."""


class Crowded(Refused):
    """Others wrote so much there that ours are not looked for any more, or find no place."""


@record
class RoundRecord:
    """One record. ``head`` is a hash over the state and the head before; ``copy``: the SHA-256 of the audit copy, or
    empty; ``epoch`` and ``plan``: the highest that the state had; ``good``: the name of the list of good snapshots that
    holds, or empty."""

    repository: str
    number: int
    head: str
    before: str
    at_ns: int
    epoch: int
    plan: int
    copy: str
    good: str = ""

    def sign(self, signer: Signer) -> bytes:
        """The file's bytes: a line of JSON, and the signature over it."""
        members = {"type": _TYPE, **{name: getattr(self, name) for name in self.__annotations__}}
        body = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
        return body + b"\n" + signer.sign_bytes(body).hex().encode() + b"\n"


def parse_record(data: bytes, verifier: Verifier, repository: str) -> RoundRecord:
    """The record in a file. Raises ``Damaged`` for what this key did not sign, or of another repository."""
    body, _, rest = data.partition(b"\n")
    try:
        signature = bytes.fromhex(rest.decode("ascii").strip())
    except ValueError:
        raise Damaged("has no signature", subject="a round's record") from None
    verifier.verify_bytes(signature, body)
    members: dict[str, Any] = json.loads(body)
    if members.pop("type", None) != _TYPE or members.get("repository") != repository:
        raise Damaged("is not of this repository", subject="a round's record")
    return RoundRecord(**members)


def write_record(files: OwnFiles, data: bytes, number: int, verifier: Verifier, repository: str) -> bool:
    """Make a record exist; false where another of ours has its number. Raises ``Crowded``, and the store's errors."""
    for path in _paths(number):
        try:
            files.write_once(path, data)
        except Exists:
            if _ours(files, path, verifier, repository) is not None:
                return False
            continue
        return True
    raise Crowded(f"others wrote {MOST_STRANGERS} files of one number there", subject=f".strongroom/{ROUNDS}")


def read_record(files: OwnFiles, number: int, verifier: Verifier, repository: str) -> RoundRecord | None:
    """Our record of a number; None where there is none. Raises the store's errors."""
    for path in _paths(number):
        try:
            found = _ours(files, path, verifier, repository)
        except Missing:
            return None
        if found is not None:
            return found
    return None


def all_records(files: OwnFiles, verifier: Verifier, repository: str, *, above: int = 0) -> Iterator[RoundRecord]:
    """Every record of ours with a number ``above``, by their numbers, whichever are taken away between.

    Raises ``Crowded`` where others wrote at more numbers than are passed over, and the store's errors.
    """
    numbers = {int(match[1]) for name in files.names(ROUNDS) if (match := RECORD.match(name))}
    others = 0
    for number in sorted(one for one in numbers if one > above):
        found = read_record(files, number, verifier, repository)
        if found is not None:
            yield found
            continue
        others += 1
        if others > MOST_NUMBERS:
            raise Crowded(f"others wrote records at {MOST_NUMBERS} numbers there", subject=f".strongroom/{ROUNDS}")


def newest_record(files: OwnFiles, verifier: Verifier, repository: str) -> RoundRecord | None:
    """Our record with the highest number; None where there is none. Raises ``Crowded``, and the store's errors."""
    numbers = {int(match[1]) for name in files.names(ROUNDS) if (match := RECORD.match(name))}
    for others, number in enumerate(sorted(numbers, reverse=True)):
        if others > MOST_NUMBERS:
            raise Crowded(f"others wrote records at {MOST_NUMBERS} numbers there", subject=f".strongroom/{ROUNDS}")
        found = read_record(files, number, verifier, repository)
        if found is not None and found.number == number:
            return found
    return None


def _paths(number: int) -> Iterator[str]:
    yield f"{ROUNDS}/{number:010d}"
    for stranger in range(1, MOST_STRANGERS):
        yield f"{ROUNDS}/{number:010d}-{stranger}"


def _ours(files: OwnFiles, path: str, verifier: Verifier, repository: str) -> RoundRecord | None:
    try:
        data = files.read(path)
    except LimitExceeded:
        return None
    return parsed(data, verifier, repository)


def parsed(data: bytes, verifier: Verifier, repository: str) -> RoundRecord | None:
    """The record in a file; None for what is none of ours."""
    try:
        return parse_record(data, verifier, repository)
    except (Damaged, ValueError, TypeError, RecursionError):
        return None


def copy_path(number: int, digest: str) -> str:
    """Where an audit copy is, by the SHA-256 of its bytes: a file of another's cannot have the name."""
    return f"{AUDIT}/{number:010d}-{digest[:32]}"


def read_copy(files: OwnFiles, found: RoundRecord) -> bytes:
    """The audit copy that a record names. Raises ``Missing``, ``Damaged``."""
    data = files.read(copy_path(found.number, found.copy))
    if hashlib.sha256(data).hexdigest() != found.copy:
        raise Damaged("is not what the record says", subject=f".strongroom/{copy_path(found.number, found.copy)}")
    return data
