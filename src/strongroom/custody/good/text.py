"""The list as a text that a person reads with any program, and that stock ``ssh-keygen`` verifies.

``custody/good/NUMBER-DIGEST`` below ``.strongroom/``: lines, and behind them the signature over these lines. The number
is that of the round whose record goes with it; the digest is of the file's bytes, so no file of another's has the name.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged
from strongroom.base.record import record
from strongroom.receipts.log.ssh_signature import BEGIN, sign_ssh, verify_ssh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.receipts.log.note import Signer, Verifier

FOLDER = "custody/good"
NAME = re.compile(r"([0-9]{10})-([0-9a-f]{32})\Z")
"""The name of a list's file."""
NAMESPACE = "strongroom-good"
"""What the signature says that it is for."""
_TITLE = "Strongroom: good snapshots, list of a custodian, format 1"
_NONE = "none"
_MEMBERS = ("repository", "number", "made", "before")
_COLUMNS = "Each line: snapshot, arrived, claims to be of, good since. Times in UTC, newest first."
_COUNT = re.compile(r"good ([0-9]+), of which ([0-9]+) stand here\Z")
_LINE = re.compile(r"([0-9a-f]{64})  (\S+Z)  (\S+Z)  (\S+Z)\Z")


@record
class GoodSnapshot:
    """One line. Times in RFC 3339; ``claimed`` is what the host says."""

    id: str
    arrival: str
    claimed: str
    since: str


@record
class GoodSource:
    """A source: host and paths. ``good``: how many good snapshots it has; ``snapshots``: those that stand here."""

    name: str
    good: int
    snapshots: tuple[GoodSnapshot, ...]


@record
class GoodList:
    """One list. ``before``: the name of the one that it takes the place of, empty for the first."""

    repository: str
    number: int
    made: str
    before: str
    sources: tuple[GoodSource, ...]

    def text(self) -> str:
        """What is signed."""
        values = (self.repository, str(self.number), self.made, self.before or _NONE)
        head = [_TITLE, "", *(f"{name} {value}" for name, value in zip(_MEMBERS, values, strict=True)), "", _COLUMNS]
        return "".join(f"{line}\n" for line in (*head, *body(self.sources)))

    def sign(self, signer: Signer) -> bytes:
        """The file's bytes."""
        text = self.text()
        return (text + sign_ssh(signer, NAMESPACE, text.encode())).encode()


def body(sources: Sequence[GoodSource]) -> Iterator[str]:
    """The lines that say which are good: all but who says so, and when."""
    for one in sources:
        yield ""
        yield f"source {one.name}"
        yield f"good {one.good}, of which {len(one.snapshots)} stand here"
        for line in one.snapshots:
            yield f"{line.id}  {line.arrival}  {line.claimed}  {line.since}"


def file_name(number: int, data: bytes) -> str:
    """The name of the file with these bytes."""
    return f"{number:010d}-{hashlib.sha256(data).hexdigest()[:32]}"


def parse_list(name: str, data: bytes, verifier: Verifier, repository: str) -> GoodList:
    """The list in a file of this name. Raises ``Damaged``, with what is wrong, for what is not this key's word on this
    repository under this name."""
    head, begin, rest = data.partition(b"\n" + BEGIN.encode())
    if not begin:
        raise Damaged("has no signature")
    try:
        text, signature = head.decode() + "\n", BEGIN + rest.decode()
    except UnicodeDecodeError:
        raise Damaged("is no text") from None
    try:
        verify_ssh(verifier, NAMESPACE, text.encode(), signature)
    except Damaged:
        raise Damaged("is not signed by this custodian") from None
    found = _parse(text)
    if found.repository != repository:
        raise Damaged(f"is of another repository, {found.repository}")
    if file_name(found.number, data) != name:
        raise Damaged(f"is list {found.number}, of {found.made}, under another name")
    return found


def _parse(text: str) -> GoodList:
    lines = text.split("\n")
    values = dict(line.partition(" ")[::2] for line in lines[2:6])
    if lines[0] == _TITLE and tuple(values) == _MEMBERS and values["number"].isdecimal():
        blocks = "\n".join(lines[8:-1]).split("\n\n") if len(lines) > 9 else ()
        sources = tuple(_source(block.strip("\n").split("\n")) for block in blocks)
        before = "" if values["before"] == _NONE else values["before"]
        found = GoodList(values["repository"], int(values["number"]), values["made"], before, sources)
        if found.text() == text:
            return found
    raise Damaged("is signed, and of a form that this release does not know")


def _source(lines: list[str]) -> GoodSource:
    count = _COUNT.match(lines[1]) if len(lines) > 1 else None
    rows = [_LINE.match(line) for line in lines[2:]]
    if count is None or not lines[0].startswith("source "):
        raise Damaged("is signed, and of a form that this release does not know")
    found = tuple(GoodSnapshot(*row.groups()) for row in rows if row is not None)
    return GoodSource(lines[0].removeprefix("source "), int(count[1]), found)
