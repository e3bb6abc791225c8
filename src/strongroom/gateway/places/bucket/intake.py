"""Taking an object into a bucket, in the one order that loses nothing:

spool and hash → ask whether it may be published → intent written down → one PUT that does not replace, whose SHA-256
the store checks → a look that it is there (``retained``) → receipt committed → answer. An intent without a receipt is
settled by asking the store (``settling``).

The answer comes before restic's watchdog of five minutes: a PUT is given up after ``PATIENCE`` seconds, and 503 makes
the client send it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import time
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import Damaged, Exists, Full, Missing, Refused, StoreError, Unavailable
from strongroom.base.file_lock import file_lock
from strongroom.base.objects import Kind
from strongroom.gateway.places.arrival import Taken, WrongBytes
from strongroom.gateway.places.found import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.places.arrival import IncomingObject
    from strongroom.gateway.places.bucket.spool import Spooled
    from strongroom.gateway.places.bucket.works import Prefix, Works
    from strongroom.gateway.places.repository import ServedRepository

PATIENCE = 180.0
"""Seconds after the end of the body in which attempts are begun; the last may take ``ANSWER_SECONDS`` more."""
ANSWER_SECONDS = 60.0
FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
STRIPES = 64


def receive(repository: ServedRepository, prefix: Prefix, arrival: IncomingObject) -> Taken:
    """As ``ServedRepository.receive``, for everything but locks."""
    name = arrival.name
    with contextlib.closing(prefix.works.spool.open(arrival.principal, arrival.body.length)) as spooled:
        digest = spooled.fill(arrival)
        if name.kind is not Kind.CONFIG and digest != name.name:
            if repository.has(name):
                raise Exists("other bytes stand under this name", subject=str(name))
            raise WrongBytes("these bytes have another SHA-256 than the name says")
        with repository.publishing(arrival, spooled.size):
            return Taken(digest, spooled.size, _publish(repository, prefix, arrival, spooled, digest))


def _publish(
    repository: ServedRepository, prefix: Prefix, arrival: IncomingObject, spooled: Spooled, digest: str
) -> bool:
    """Store what may be published, with its receipt; whether it is new."""
    intents, name = prefix.works.intents, arrival.name
    intent = intents.begin(repository, name, digest, spooled.size, arrival.principal)
    try:
        new = put(repository, prefix, name, spooled, digest, again=arrival.again)
    except _Forbidden as forbidden:  # an earlier attempt may have stored it
        intents.give_up(intent)
        raise forbidden.error from None
    except (Refused, Exists, Damaged, Full) as error:  # nothing of ours was stored
        intents.done(intent)
        if isinstance(error, Refused):  # of the gateway's key: no client can help it, and 403 would be for ever
            raise StoreError(f"the store refuses: {error.what}", subject=error.subject) from None
        raise
    except BaseException:
        intents.give_up(intent)
        raise
    try:
        arrival.receipt(digest, spooled.size)
    except BaseException:
        intents.give_up(intent)
        raise
    intents.done(intent)
    return new


class _Forbidden(Exception):
    """What was allowed before a wait is so no more."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def put(
    repository: ServedRepository,
    prefix: Prefix,
    name: ObjectName,
    spooled: Spooled,
    digest: str,
    *,
    again: Callable[[], None],
) -> bool:
    """Store a spooled body, unless these bytes are there; whether it is new.

    ``again`` is asked before each further attempt. Raises ``Exists`` and ``Damaged`` for what stands there, what the
    store raises, and ``Unavailable`` where it keeps nothing of what it took.
    """
    keyed, works, pack = prefix.keyed, prefix.works, name.kind is Kind.DATA
    until = monotonic() + PATIENCE
    wait, doubtful, stored = FIRST_WAIT, False, False
    with _alone(repository, works, name):
        while True:
            spooled.file.seek(0)
            try:
                if works.guarded and repository.has(name):
                    break
                stored = keyed.put(name.path, spooled.file, spooled.size, digest, pack=pack, until=until)
                break
            except Unavailable:  # 409 of two conditional writes at once, a lost answer, a busy store
                doubtful = True
                if monotonic() + wait > until:
                    raise
                time.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(2 * wait, LONGEST_WAIT)
                try:
                    again()
                except Exception as error:
                    raise _Forbidden(error) from None
        if stored:
            works.keeping.check(keyed, name)
            return True
        if doubtful and _is_ours(prefix, name, spooled.size, digest):
            return True
        _compare(prefix, name, digest)
        return False


@contextlib.contextmanager
def _alone(repository: ServedRepository, works: Works, name: ObjectName) -> Iterator[None]:
    """Nobody else of this one gateway creates the name meanwhile, where the store itself would not refuse it."""
    if not works.guarded:
        yield
        return
    stripe = int(hashlib.sha256(f"{repository.id} {name}".encode()).hexdigest()[:8], 16) % STRIPES
    with file_lock(os.path.join(works.folder, f"create-{stripe}.lock")):
        yield


def _is_ours(prefix: Prefix, name: ObjectName, size: int, digest: str) -> bool:
    """Whether the name is taken by the attempt whose answer we lost: the store kept the sum that it checked."""
    try:
        held = prefix.keyed.head(name.path)
    except Missing:
        raise Unavailable("the store says both that it has the object and that it has not", subject=str(name)) from None
    return held.size == size and held.sha256 == digest


def _compare(prefix: Prefix, name: ObjectName, digest: str) -> None:
    """Hash what stands under the name. Raises ``Exists`` or ``Damaged`` unless it is the same."""
    try:
        stored = digest_of(prefix.objects, name)
    except Missing:
        raise Unavailable("the object went away while it was compared", subject=str(name)) from None
    if stored == digest:
        return
    if name.kind is Kind.CONFIG:
        raise Exists("a repository's config is written once", subject=str(name))
    raise Damaged("the stored copy is damaged", subject=str(name), hint="An incident was recorded.")
