"""What passes between judge and executor: plans and confirmations, signed, and nothing else.

Both are JSON in one line, signed as raw bytes. Whoever holds the judge's key can write them; what the executor makes of
them is decided by what it has seen itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged
from strongroom.base.objects import is_object_name
from strongroom.base.record import record

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer, Verifier

SNAPSHOTS, INDEXES, PACKS, PURGE, ASIDE = "snapshots", "indexes", "packs", "purge", "aside"
KINDS = (SNAPSHOTS, INDEXES, PACKS, PURGE, ASIDE)
FOLDERS = {SNAPSHOTS: "snapshots/", INDEXES: "index/", PACKS: "data/", PURGE: "trash/", ASIDE: ""}
"""How the names in a plan of each kind begin: but what is set aside, a plan never mixes them."""
_MAY_GO = ("snapshots/", "index/", "data/", "keys/")
SIGNER = "strongroom-judge"
_ORDER, _CONFIRMATION = "strongroom custody plan 1", "strongroom custody confirmation 1"


@record
class SignedBytes:
    """Bytes with the judge's signature over them."""

    body: bytes
    signature: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes."""
        return hashlib.sha256(self.body).hexdigest()


@record
class Item:
    """An object that would go: its name with its folder, its size in bytes, and why."""

    name: str
    size: int
    reason: str = ""


@record
class Order:
    """A plan. ``policy`` is the SHA-256 of the policy; ``successors`` of index files must be there before those go.

    ``made_ns`` is what the judge says; the executor counts from its own first sight.
    """

    repository: str
    store: str
    epoch: int
    number: int
    kind: str
    made_ns: int
    policy: str
    items: tuple[Item, ...]
    successors: tuple[str, ...] = ()

    def sign(self, signer: Signer) -> SignedBytes:
        """As it is handed over."""
        members = {
            "type": _ORDER,
            "repository": self.repository,
            "store": self.store,
            "epoch": self.epoch,
            "number": self.number,
            "kind": self.kind,
            "made_ns": self.made_ns,
            "policy": self.policy,
            "items": [[item.name, item.size, item.reason] for item in self.items],
            "successors": list(self.successors),
        }
        return _sign(members, signer)


@record
class Confirmation:
    """What of a plan goes now. ``order`` is the digest of the plan; ends ``LIFETIME_NS`` after it was issued.

    ``boot`` and ``boot_ns`` say when by the time since the system's start, which nobody sets; ``issued_ns`` counts
    where the executor stands on another machine. ``locks`` are those that the judge saw, ``held`` its own among them.
    """

    repository: str
    store: str
    epoch: int
    number: int
    order: str
    names: tuple[str, ...]
    issued_ns: int
    boot: str
    boot_ns: int
    nonce: str
    locks: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    def sign(self, signer: Signer) -> SignedBytes:
        """As it is handed over."""
        members = {
            "type": _CONFIRMATION,
            "repository": self.repository,
            "store": self.store,
            "epoch": self.epoch,
            "number": self.number,
            "order": self.order,
            "names": list(self.names),
            "issued_ns": self.issued_ns,
            "boot": self.boot,
            "boot_ns": self.boot_ns,
            "nonce": self.nonce,
            "locks": list(self.locks),
            "held": list(self.held),
        }
        return _sign(members, signer)


LIFETIME_NS = 3600 * 10**9
"""A confirmation is good for so long."""


def _sign(members: dict[str, Any], signer: Signer) -> SignedBytes:
    body = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return SignedBytes(body, signer.sign_bytes(body))


def read_order(signed: SignedBytes, verifier: Verifier) -> Order:
    """The plan in signed bytes. Raises ``Damaged``."""
    members = _members(signed, verifier, _ORDER)
    try:
        order = Order(
            repository=_text(members["repository"]),
            store=_text(members["store"]),
            epoch=_number(members["epoch"]),
            number=_number(members["number"]),
            kind=_text(members["kind"]),
            made_ns=_number(members["made_ns"]),
            policy=_text(members["policy"]),
            items=tuple(Item(_text(name), _number(size), _text(why)) for name, size, why in members["items"]),
            successors=tuple(map(_text, members["successors"])),
        )
    except (KeyError, TypeError, ValueError):
        raise Damaged("a plan that is not spelled as one") from None
    folder = FOLDERS.get(order.kind)
    if folder is None or not all(_fits(item.name, folder) for item in order.items):
        raise Damaged(f"a plan of {order.kind} that names something else", subject=f"plan {order.number}")
    return order


def _fits(name: str, folder: str) -> bool:
    if not name.startswith(folder):
        return False
    if folder in (FOLDERS[PURGE], FOLDERS[ASIDE]):
        return any(_fits(name.removeprefix(folder), one) for one in _MAY_GO)
    return is_object_name(name.removeprefix(folder))


def read_confirmation(signed: SignedBytes, verifier: Verifier) -> Confirmation:
    """The confirmation in signed bytes. Raises ``Damaged``."""
    members = _members(signed, verifier, _CONFIRMATION)
    try:
        return Confirmation(
            repository=_text(members["repository"]),
            store=_text(members["store"]),
            epoch=_number(members["epoch"]),
            number=_number(members["number"]),
            order=_text(members["order"]),
            names=tuple(map(_text, members["names"])),
            issued_ns=_number(members["issued_ns"]),
            boot=_text(members["boot"]),
            boot_ns=_number(members["boot_ns"]),
            nonce=_text(members["nonce"]),
            locks=tuple(map(_text, members["locks"])),
            held=tuple(map(_text, members.get("held", ()))),
        )
    except (KeyError, TypeError, ValueError):
        raise Damaged("a confirmation that is not spelled as one") from None


def _members(signed: SignedBytes, verifier: Verifier, kind: str) -> dict[str, Any]:
    verifier.verify_bytes(signed.signature, signed.body)
    try:
        members: Any = json.loads(signed.body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict) or members.get("type") != kind:
        raise Damaged(f"is no {kind}")
    return members


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value
