"""What the judge says of a replica: which of its objects nothing needs any more. Signed, numbered, and no more than
words: who keeps the replica holds them against what it saw itself.

``custody/going/NUMBER`` below ``.strongroom/`` of the replica, written once. Files of others there are passed over.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, Exists, Refused
from strongroom.base.record import record

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer, Verifier
    from strongroom.storage.own.contract import OwnFiles

FOLDER = "custody/going"
_TYPE = "strongroom custody going 1"
_NAME = re.compile(r"[0-9]{10}\Z")
_STRANGERS = 1000
"""So many files of others are passed over."""


@record
class GoingStatement:
    """``names``, with their folders, of objects of the replica of ``repository`` at ``store`` that may go; the next
    ``number`` takes the place of this. ``at_ns``: when it was made, in nanoseconds since 1970 UTC."""

    repository: str
    store: str
    number: int
    at_ns: int
    names: tuple[str, ...]

    def sign(self, signer: Signer) -> bytes:
        """The file's bytes: a line of JSON, and the signature over it."""
        members = {"type": _TYPE, **{name: getattr(self, name) for name in self.__annotations__}}
        body = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
        return body + b"\n" + signer.sign_bytes(body).hex().encode() + b"\n"


def newest_statement(files: OwnFiles, judge: Verifier, repository: str, store: str) -> GoingStatement | None:
    """The newest that this judge signed for this replica; None where there is none. Raises the store's errors, and
    ``Refused`` where others wrote too many."""
    numbers = sorted((name for name in files.names(FOLDER) if _NAME.match(name)), reverse=True)
    for strangers, name in enumerate(numbers):
        if strangers > _STRANGERS:
            raise Refused(f"others wrote {_STRANGERS} files there", subject=f".strongroom/{FOLDER}")
        try:
            found = _parse(files.read(f"{FOLDER}/{name}"), judge)
        except Damaged:
            continue
        if (found.repository, found.store, found.number) == (repository, store, int(name)):
            return found
    return None


def write_statement(files: OwnFiles, made: GoingStatement, signer: Signer) -> GoingStatement:
    """Write it with the first number that is free from its own on; as it was written. Raises the store's errors."""
    for number in range(made.number, made.number + _STRANGERS):
        numbered = GoingStatement(made.repository, made.store, number, made.at_ns, made.names)
        try:
            files.write_once(f"{FOLDER}/{number:010d}", numbered.sign(signer))
        except Exists:
            continue
        return numbered
    raise Refused(f"others wrote {_STRANGERS} files there", subject=f".strongroom/{FOLDER}")


def _parse(data: bytes, judge: Verifier) -> GoingStatement:
    body, _, rest = data.partition(b"\n")
    try:
        judge.verify_bytes(bytes.fromhex(rest.decode("ascii").strip()), body)
        members: dict[str, Any] = json.loads(body)
        if members.pop("type") != _TYPE:
            raise ValueError
        names = tuple(map(str, members.pop("names")))
        found = GoingStatement(names=names, **members)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged("is no statement of what may go", subject=f".strongroom/{FOLDER}") from None
    if type(found.number) is not int or type(found.at_ns) is not int:
        raise Damaged("is no statement of what may go", subject=f".strongroom/{FOLDER}")
    return found
