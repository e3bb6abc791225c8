"""Incidents: what an operator must see, each with a code that programs may rely on."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What was seen. The words of an incident are made from its code; nothing is ever decided by the words."""

    MISSING = "missing"
    ALTERED = "altered"
    DAMAGED = "damaged"
    LOST = "lost"
    UNINDEXED = "unindexed"
    LYING_INDEX = "lying-index"
    PLANTED_KEY = "planted-key"
    CONFIG = "config"
    LOG = "log"
    CLOCK = "clock"
    TRASH = "trash"
    UNREADABLE = "unreadable"
    DRILL = "drill"
    UNLOGGED = "unlogged"
    WITNESS = "witness"
    CLOCKS = "clocks"
    SUSPICIOUS = "suspicious"
    OVERDUE = "overdue"
    LOCK = "lock"
    ROLLED_BACK = "rolled-back"
    REPLICA = "replica"
    DRIFT = "drift"
    REISSUED = "reissued"
    OPERATORS = "operators"


FREEZING = frozenset(
    {
        Code.MISSING,
        Code.ALTERED,
        Code.DAMAGED,
        Code.LOST,
        Code.UNINDEXED,
        Code.LYING_INDEX,
        Code.CONFIG,
        Code.CLOCK,
        Code.ROLLED_BACK,
        Code.DRIFT,
        Code.REISSUED,
        Code.LOG,
        Code.TRASH,
    }
)
"""While one of these is open, nothing of its repository is planned to go."""

NOT_GIVEN_BEFORE = "judging needs "
"""Before the name of an object that judging needs and the store does not give: such an incident freezes as well."""

ADVICE = {
    Code.REISSUED: "Its master key leaked, and another repository has what was good. Back up there; once nobody needs "
    "this one, `custody release`.",
    Code.MISSING: "It is gone. Who can delete there? Bring it back from a copy, or by `strongroom heal` on the host.",
    Code.ALTERED: "Size or stamp of a stored object changed. It is read again; until then nothing is deleted.",
    Code.DAMAGED: "Not what the name promises. If it was sound, bring it back from a copy, or by `strongroom heal` on "
    "the host; if it never was, `custody set-aside NAME KIND/ID`.",
    Code.LOST: "A snapshot lost data that it had. Bring the packs back that are missing or damaged; it is judged anew.",
    Code.UNINDEXED: "No listed index names packs that snapshots need. A round writes one, and the next looks again. "
    "Who can delete there?",
    Code.LYING_INDEX: "An index claims what no pack proves. A round sets it aside once all it names was read. A host "
    "wrote it: look at that host before you trust it.",
    Code.PLANTED_KEY: "A key that nobody announced. If it was you, `custody accept --key`; if not, `custody set-aside "
    "NAME keys/ID`, and look at the host.",
    Code.CONFIG: "The repository's config is gone, or another one. Is its disk there? If so, bring back the first; it "
    "never changes.",
    Code.LOG: "The gateway's log contradicts itself. Take that gateway for taken over; `custody accept --log-key` pins "
    "another log.",
    Code.TRASH: "The gateway's trash holds for less than `expiry`: raise its --trash-days.",
    Code.UNLOGGED: "It came past the gateway. If it was you: `gateway reconcile` there; if not, who can write there?",
    Code.WITNESS: "The witness cannot be believed, or does not answer. Receipts go on; look at that machine.",
    Code.CLOCKS: "Clocks of two machines differ. Mend the wrong one; until then only what you approve goes.",
    Code.CLOCK: "The clock went back, or jumped. Mend it; nothing is deleted while it is in doubt.",
    Code.UNREADABLE: "The store could not be read. The next round tries again.",
    Code.SUSPICIOUS: "A snapshot is not like those before it: `custody explain`, then `custody accept` or `condemn`.",
    Code.DRILL: "What a drill restored is not right. A failed drill outranks a good backup: look at it first.",
    Code.OVERDUE: "Bytes were not read again in time. Give rounds a larger budget, or run them more often.",
    Code.ROLLED_BACK: "The custodian's state is older than its records beside the repository, or these are gone or "
    "crowded out. If it was not you who brought one back, look at who can write there. It ends once the detection "
    "window is over.",
    Code.DRIFT: "The bucket's settings are not those that were pinned, or a rule ends what must stay. Put them right, "
    "and look at who may change them; if it was you, `custody accept --settings`.",
    Code.REPLICA: "Something of the replica is not right. Who can write there? `custody replicate` says what it is.",
    Code.OPERATORS: "The recovery identity names new operators. If it was not you, one operator ends it: `custody "
    "operator keep --sign-with FILE`.",
    Code.LOCK: "A lock stays, and `custody incidents` says whose. Look at that host; if nothing runs there: "
    "`restic unlock --remove-all`.",
}
"""What to do about each."""
