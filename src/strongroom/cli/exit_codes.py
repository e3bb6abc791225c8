"""Which exit code says what: restic's numbers, so that scripts carry over, and from 70 our own.

Debian's restic 0.14 is older than 10, 11 and 12; the numbers are those of restic 0.17 and later.
"""

from __future__ import annotations

from strongroom.base.errors import Interrupted, Locked, NoRepository, UsageError, WrongPassword

OK = 0
FAILED = 1
INCOMPLETE = 3
"""A snapshot was made, but some source data could not be read."""
NO_REPOSITORY = 10
LOCKED = 11
WRONG_PASSWORD = 12
SOME_REPOSITORIES_FAILED = 71
"""A repository got no snapshot while another did; wins over ``INCOMPLETE``."""
PROMISE_BROKEN = 72
"""All was done, but a gateway's log lacks what it promised, or contradicts itself; wins over ``INCOMPLETE`` alone."""
OPERATOR_AWAITED = 73
"""The custodian found something that a person must decide on."""
DELETING_FROZEN = 74
"""An incident is open because of which nothing of a repository goes."""
PROMISE_OF_CUSTODY_BROKEN = 75
"""Something is missing or damaged, was not read in time, or a round could not be made."""
DATABASE_MISSING = 76
"""All files were saved, and a database gave no whole dump; wins over ``INCOMPLETE``."""
WATCH_ALARMING = 77
"""A backup of the fleet did not come, failed, or is not to be believed."""
SKIPPED = 78
"""A ``before`` said that there shall be no backup now: no success, and nothing was tried."""
OVERLAP = 79
"""Another run of the same source is under way; nothing was done."""
REPORTS_WAIT = 80
"""The fleet's server is away: reports wait for it in the outbox, and nothing is lost."""
INTERRUPTED = 130
OUTPUT_CLOSED = 141
"""Whoever read our output has gone: what a shell reports of a program that SIGPIPE ended."""

MEANINGS = {
    OK: "all was done",
    FAILED: "something failed, or the command line makes no sense; standard error says what",
    INCOMPLETE: "a snapshot was made, but some of the source could not be read",
    NO_REPOSITORY: "there is no repository at this place",
    LOCKED: "another process has locked the repository",
    WRONG_PASSWORD: "no key of the repository opens with this password",
    SOME_REPOSITORIES_FAILED: "a repository got no snapshot while another did",
    PROMISE_BROKEN: "all was done, but a gateway's log lacks what it promised, or contradicts itself",
    OPERATOR_AWAITED: "the custodian waits for an operator's decision",
    DELETING_FROZEN: "an incident is open that freezes all deleting",
    PROMISE_OF_CUSTODY_BROKEN: "the custodian found something missing, damaged or not read in time",
    DATABASE_MISSING: "all files were saved, but a database gave no whole dump",
    WATCH_ALARMING: "a backup of the fleet did not come, failed, or is not to be believed",
    SKIPPED: "a hook said that there shall be no backup now",
    OVERLAP: "another run of the same source is under way",
    REPORTS_WAIT: "the fleet's server is away, and reports wait for it",
    INTERRUPTED: "a signal ended the command",
    OUTPUT_CLOSED: "whoever read the output has gone",
}
"""What help texts and manual pages say of each code."""
_WITHOUT_REPOSITORY = (
    *("cache", "config", "custody", "features", "fleet", "gateway", "generate"),
    *("log", "options", "schedule", "storage", "version", "witness"),
)
_OF_VERB = {
    "backup": (INCOMPLETE, SOME_REPOSITORIES_FAILED, PROMISE_BROKEN, DATABASE_MISSING, SKIPPED),
    "schedule run": (
        *(INCOMPLETE, NO_REPOSITORY, LOCKED, WRONG_PASSWORD),
        *(SOME_REPOSITORIES_FAILED, PROMISE_BROKEN, DATABASE_MISSING, SKIPPED, OVERLAP),
    ),
    "check": (PROMISE_BROKEN,),
    "host report": (REPORTS_WAIT,),
    "copy": (SOME_REPOSITORIES_FAILED, PROMISE_BROKEN),
    "forget": (INCOMPLETE,),
    "log trust": (PROMISE_BROKEN,),
    "custody adopt": (NO_REPOSITORY, LOCKED, WRONG_PASSWORD),
    "custody round": (OPERATOR_AWAITED, DELETING_FROZEN, PROMISE_OF_CUSTODY_BROKEN),
    "custody audit": (PROMISE_OF_CUSTODY_BROKEN,),
    "custody verify": (PROMISE_OF_CUSTODY_BROKEN,),
    "custody last-good": (PROMISE_OF_CUSTODY_BROKEN,),
    "custody heal": (PROMISE_OF_CUSTODY_BROKEN,),
    "custody purge": (DELETING_FROZEN,),
    "custody drill": (PROMISE_OF_CUSTODY_BROKEN,),
    "custody rewind": (PROMISE_OF_CUSTODY_BROKEN,),
    "custody keep": (OPERATOR_AWAITED,),
    "custody operator": (OPERATOR_AWAITED,),
    "custody replicate": (PROMISE_OF_CUSTODY_BROKEN,),
    "fleet status": (WATCH_ALARMING,),
    "custody status": (OPERATOR_AWAITED, DELETING_FROZEN, PROMISE_OF_CUSTODY_BROKEN),
}
_MEANINGS_OF_VERB = {"forget": {INCOMPLETE: "some snapshots could not be removed"}}

_BY_CLASS: tuple[tuple[type[BaseException], int], ...] = (
    (NoRepository, NO_REPOSITORY),
    (Locked, LOCKED),
    (WrongPassword, WRONG_PASSWORD),
    (UsageError, FAILED),  # restic exits with 1 for a wrong flag; scripts compare
    (Interrupted, INTERRUPTED),
    (KeyboardInterrupt, INTERRUPTED),
)


def of_verb(verb: str = "") -> dict[int, str]:
    """The codes that a verb may end with, in order, and what they mean; without a verb those of all."""
    codes = {OK, FAILED, INTERRUPTED, OUTPUT_CLOSED, *_OF_VERB.get(verb, ())}
    if verb.partition(" ")[0] not in _WITHOUT_REPOSITORY:
        codes |= {NO_REPOSITORY, LOCKED, WRONG_PASSWORD}
    meanings = MEANINGS | _MEANINGS_OF_VERB.get(verb, {})
    return {code: text for code, text in meanings.items() if code in codes or not verb}


def of_error(error: BaseException) -> int:
    """The exit code that an error which ends the command stands for."""
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), FAILED)


def with_alarm(code: int, *, alarm: bool) -> int:
    """The code of a command whose gateway is to be reproached: what failed is still the news."""
    return PROMISE_BROKEN if alarm and code in (OK, INCOMPLETE) else code


def of_standings(standings: list[str]) -> int:
    """The exit code for repositories in care: that of the worst."""
    codes = {"broken": PROMISE_OF_CUSTODY_BROKEN, "frozen": DELETING_FROZEN, "operator awaited": OPERATOR_AWAITED}
    return max((codes.get(standing, OK) for standing in standings), default=OK)


def of_repositories(codes: list[int], *, incomplete: bool = False) -> int:
    """The exit code of a command that wrote to several repositories, from the code of each (0 for success).

    71 when some failed and some did not; when all failed their common code, or 1 when they differ; otherwise 3 when
    the source could not be read completely.
    """
    failed = [code for code in codes if code != OK]
    if not failed:
        return INCOMPLETE if incomplete else OK
    if len(failed) < len(codes):
        return SOME_REPOSITORIES_FAILED
    return failed[0] if len(set(failed)) == 1 else FAILED


def of_run(
    codes: list[int], *, incomplete: bool = False, databases_missing: bool = False, skipped: bool = False
) -> int:
    """The exit code of a run over sources: as ``of_repositories``, unless a database is missing or one was skipped."""
    code = of_repositories(codes, incomplete=incomplete)
    if code not in (OK, INCOMPLETE):
        return code
    return DATABASE_MISSING if databases_missing else SKIPPED if skipped else code
