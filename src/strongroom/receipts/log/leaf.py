"""A receipt as data: one leaf of the log, its one spelling in bytes, and a strict parser with a budget.

The spelling is JSON in ASCII with the keys in the order of the fields below and no white space, so that anybody can
read a log with the tools at hand; what does not come out of the encoder byte for byte is refused, so a leaf has one
hash. A repository's receipts are chained by sequence number and by the hash of the previous leaf, which lets an
auditor of one repository notice a missing receipt without seeing those of others.

``first`` is the sequence number, within the repository, of the first receipt for the name where the name was here
before. It is not the index in the log, because that may not be given yet when the answer goes out.
"""

from __future__ import annotations

import enum
import json
import operator
import re
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.receipts.log.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION = 1
MAX_LEAF = 8192
"""Bytes. A leaf without a detail has about 500."""
MAX_DETAIL = 4096
"""Characters of the free text, in its ASCII spelling."""
GATEWAY = "0" * 32
"""The repository ID of what concerns the whole gateway (roles, the origin of a log)."""
NO_HASH = "0" * 64
"""The previous hash of a repository's first receipt, and the name of what has none."""

_ID = re.compile(r"[0-9a-f]{32}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_KIND = re.compile(r"(?:[a-z]{1,16})?\Z")
_PRINCIPAL = re.compile(r"[A-Za-z0-9._@:-]{0,64}\Z")
_BOOT = re.compile(r"[0-9a-f-]{0,36}\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e\n]*\Z")
_LARGEST = 2**63 - 1
_TEXT = {str}


class LeafType(enum.Enum):
    """What happened to a repository."""

    CREATE = "create"
    """An object arrived."""
    ADOPTED = "adopted"
    """An object was there before us; the time is the store's stamp."""
    RECOVERED = "recovered"
    """An object was published, but the gateway ended before its receipt: the receipt was made at the next start."""
    TRASH = "trash"
    RESTORE = "restore"
    PURGE = "purge"
    KEY_WINDOW = "key-window"
    PANIC = "panic"
    ROLE = "role"
    RECONCILED = "reconciled"
    """An operator says that an object went behind the gateway's back, and why."""
    ALARM = "alarm"
    """A principal read far more than usual; the detail says how much."""
    ORIGIN = "origin"
    """The first leaf of a log that continues another: the detail is the last checkpoint of the old one."""


ARRIVALS = (LeafType.CREATE, LeafType.ADOPTED, LeafType.RECOVERED, LeafType.RESTORE)
"""After these the object is there; after trash, purge and reconciled it is not."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One leaf. IDs and hashes are lower-case hexadecimal."""

    type: LeafType
    repository: str
    """32 digits, immutable; ``GATEWAY`` for what concerns no repository."""
    sequence: int
    """Counts from 0 within the repository, without a gap."""
    previous: str
    """The leaf hash of the repository's receipt before this one, ``NO_HASH`` for the first."""
    kind: str
    """The kind of object as in URLs, or empty."""
    name: str
    """The object's name, ``NO_HASH`` where there is none (the config)."""
    sha256: str
    """SHA-256 of the stored bytes, which for a config is in no name."""
    size: int
    """Bytes."""
    principal: str
    """The immutable ID of who asked; empty when the gateway acted by itself."""
    time_ns: int
    """The gateway's raw wall clock, in nanoseconds since 1970 UTC, never forced upwards."""
    boot: str
    """The boot ID of the gateway's system, within which clocks may be compared."""
    suspect: bool
    """Whether the clock was known to be doubtful."""
    first: int | None
    """The sequence number of the name's first receipt, where the name was here before."""
    detail: str
    """Printable ASCII with line feeds: a reason, a role, a window's end, a checkpoint."""
    salt: str
    """128 random bits, so that a hash tells nothing of what it covers."""
    version: int = VERSION

    def __post_init__(self) -> None:
        _check(self)

    def encode(self) -> bytes:
        """The one spelling of this receipt."""
        return spelt(self, self.sequence, self.previous, self.time_ns, self.boot, self.first, self.salt, self.suspect)

    def utc(self) -> str:
        """The time, in UTC, to the second."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time_ns // 10**9))

    def row(self) -> dict[str, object]:
        """The fields as they are spelt, in their order."""
        return {
            "v": self.version,
            "type": self.type.value,
            "repository": self.repository,
            "sequence": self.sequence,
            "previous": self.previous,
            "kind": self.kind,
            "name": self.name,
            "sha256": self.sha256,
            "size": self.size,
            "principal": self.principal,
            "time": self.time_ns,
            "boot": self.boot,
            "suspect": self.suspect,
            "first": self.first,
            "detail": self.detail,
            "salt": self.salt,
        }


class Told(Protocol):
    """What a receipt says of its object, as ``Receipt`` does: what whoever asks for one knows beforehand."""

    @property
    def type(self) -> LeafType: ...
    @property
    def repository(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def principal(self) -> str: ...
    @property
    def detail(self) -> str: ...


def spelt(
    told: Told, sequence: int, previous: str, time_ns: int, boot: str, first: int | None, salt: str, suspect: bool
) -> bytes:
    """The spelling of a receipt, whose fields are of their form already."""
    # By hand, as json.dumps spells ``row`` without white space: all texts but the detail hold nothing to escape.
    detail = json.dumps(told.detail) if told.detail else '""'
    return (
        f'{{"v":{VERSION},"type":"{told.type.value}","repository":"{told.repository}"'
        f',"sequence":{sequence},"previous":"{previous}","kind":"{told.kind}","name":"{told.name}"'
        f',"sha256":"{told.sha256}","size":{told.size},"principal":"{told.principal}","time":{time_ns}'
        f',"boot":"{boot}","suspect":{"true" if suspect else "false"},"first":{"null" if first is None else first}'
        f',"detail":{detail},"salt":"{salt}"}}'
    ).encode("ascii")


def parse(data: bytes) -> Receipt:
    """The receipt that these bytes spell. Raises ``Damaged``, or ``LimitExceeded`` beyond ``MAX_LEAF``."""
    if len(data) > MAX_LEAF:
        raise LimitExceeded(f"a leaf of {len(data)} bytes; at most {MAX_LEAF} are read")
    try:
        row = json.loads(data)
        receipt = Receipt(
            type=LeafType(row["type"]),
            time_ns=row["time"],
            version=row["v"],
            **{f.name: row[f.name] for f in fields(Receipt) if f.name not in ("type", "time_ns", "version")},
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"not a leaf of this log: {type(error).__name__}") from None
    if receipt.encode() != data:
        raise Damaged("a leaf that is not in its one spelling")
    return receipt


def hash_of(data: bytes) -> str:
    """The leaf hash (RFC 6962) of an encoded receipt, in hexadecimal."""
    return leaf_hash(data).hex()


_PATTERNS = {
    "repository": _ID,
    "previous": _HASH,
    "name": _HASH,
    "sha256": _HASH,
    "salt": _ID,
    "principal": _PRINCIPAL,
    "boot": _BOOT,
    "kind": _KIND,
    "detail": _PRINTABLE,
}
_BETWEEN = "\x1f"


def _at_once(*names: str) -> re.Pattern[str]:
    """The patterns of these texts as one, which is a third of the price of one match for each. What stands between them
    is admitted by none, so a text that holds it makes one too many.
    """
    return re.compile(_BETWEEN.join(f"(?:{_PATTERNS[name].pattern[:-2]})" for name in names) + r"\Z")


_TEXTS = operator.attrgetter(*_PATTERNS)
_ALL = _at_once(*_PATTERNS)
_TOLD = ("repository", "name", "sha256", "principal", "kind", "detail")
_TOLD_TEXTS = operator.attrgetter(*_TOLD)
_ALL_TOLD = _at_once(*_TOLD)


def check_told(told: Told, time_ns: int | None) -> None:
    """Raise ``ValueError`` when something of what a receipt is to say is not of its form, its time among it."""
    texts = _TOLD_TEXTS(told)
    if set(map(type, texts)) != _TEXT or _ALL_TOLD.match(_BETWEEN.join(texts)) is None:
        _check_each(told, _TOLD)
    if len(told.detail) > MAX_DETAIL:
        raise ValueError("detail is too long")
    _check_number(told.size)
    if time_ns is not None:
        _check_number(time_ns)


def _check(receipt: Receipt) -> None:
    texts = _TEXTS(receipt)
    if set(map(type, texts)) != _TEXT or _ALL.match(_BETWEEN.join(texts)) is None:
        _check_each(receipt, _PATTERNS)
    if len(receipt.detail) > MAX_DETAIL:
        raise ValueError("detail is too long")
    if type(receipt.version) is not int or receipt.version != VERSION:
        raise ValueError("another version")
    if type(receipt.suspect) is not bool:
        raise ValueError("suspect is no flag")
    _check_number(receipt.sequence)
    _check_number(receipt.size)
    _check_number(receipt.time_ns)
    if receipt.first is not None:
        _check_number(receipt.first)


def _check_number(number: int) -> None:
    if type(number) is not int or not 0 <= number <= _LARGEST:
        raise ValueError("a number is not of its range")


def _check_each(told: Told, names: Iterable[str]) -> None:
    """Name the text that is not of its form."""
    for what in names:
        text = getattr(told, what)
        if not isinstance(text, str) or _PATTERNS[what].match(text) is None:
            raise ValueError(f"{what} is not of its form")
    raise ValueError("a text is not of its form")
