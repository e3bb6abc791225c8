"""What an operator says, signed with a key of their own: the bytes that travel, and who may have signed them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, Refused
from strongroom.base.record import record
from strongroom.custody.planned.orders import SignedBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.receipts.log.note import Signer, Verifier

APPROVE, CONDEMN, ACCEPT, UNPIN = "approve", "condemn", "accept", "unpin"
SET_ASIDE, RELEASE, RETIRE, REISSUE = "set-aside", "release", "retire", "reissue"
ADD, REMOVE, REQUIRE = "add-operator", "remove-operator", "require-operators"
PIN_RECOVERY, RECOVER, KEEP = "pin-recovery", "recover-operators", "keep-operators"
_WORD = "strongroom custody word 1"


@record
class OperatorWord:
    """``verb`` of ``thing``, in one repository at one place; both empty where it is about the roster itself.

    A plan is named with the digest of its bytes, so that the word is about each object in it and about its epoch.
    ``nonce``: a word is heard once.
    """

    repository: str
    store: str
    verb: str
    thing: str
    at_ns: int
    nonce: str

    def sign(self, signer: Signer) -> SignedBytes:
        """As it is handed over."""
        members = {
            "type": _WORD,
            "repository": self.repository,
            "store": self.store,
            "verb": self.verb,
            "thing": self.thing,
            "at_ns": self.at_ns,
            "nonce": self.nonce,
        }
        body = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
        return SignedBytes(body, signer.sign_bytes(body))


def plan_thing(number: int, digest: str) -> str:
    """How a word names a plan."""
    return f"plan {number} {digest}"


def recover_thing(keys: Iterable[Verifier]) -> str:
    """How the recovery identity names new operators."""
    return " ".join(sorted(map(str, keys)))


def require_thing(count: int, change: int) -> str:
    """How a word names another number of operators: each change has its own number, so that none is said again."""
    return f"operators/{count} change {change}"


def read_word(signed: SignedBytes, roster: Iterable[Verifier]) -> tuple[OperatorWord, Verifier]:
    """The word in signed bytes, and whose it is. Raises ``Refused`` for a stranger's, ``Damaged`` for what is none."""
    whose = _signed_by(signed, roster)
    try:
        members: Any = json.loads(signed.body)
        if members.pop("type") != _WORD:
            raise ValueError
        word = OperatorWord(**members)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged("is no word of an operator's") from None
    texts = (word.repository, word.store, word.verb, word.thing, word.nonce)
    if not all(isinstance(text, str) for text in texts) or type(word.at_ns) is not int:
        raise Damaged("is no word of an operator's")
    return word, whose


def _signed_by(signed: SignedBytes, roster: Iterable[Verifier]) -> Verifier:
    for verifier in roster:
        try:
            verifier.verify_bytes(signed.signature, signed.body)
        except Damaged:
            continue
        return verifier
    raise Refused(
        "is signed by no operator whom the executor knows",
        subject="the signature",
        hint="`strongroom custody operator list` shows whom it knows.",
    )
