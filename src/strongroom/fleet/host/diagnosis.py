"""What a host finds out about itself: who answers, whose clock is right, and that a delete fails where it must."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import Refused, StrongroomError
from strongroom.base.record import record
from strongroom.fleet.host.reporting.sending import REPLACING
from strongroom.storage.rest.client import RestClient
from strongroom.storage.rest.url import parse

if TYPE_CHECKING:
    from strongroom.fleet.host.reporting.member import FleetMember
    from strongroom.storage.options import StoreOptions

MOST_OFFSET = 300_000
"""Milliseconds that two clocks may differ: more, and due dates mean different things to host and server."""
_WITHIN = 2000
"""Milliseconds within which nobody can tell: the server says seconds, and its answer takes a while."""
_GONE_ALREADY = (200, 204, 404)


@record
class DiagnosisRow:
    """One question: what was asked, whether the answer is good, and the answer in words."""

    question: str
    good: bool
    words: str


def ask_server(member: FleetMember) -> list[DiagnosisRow]:
    """Whether the server takes reports, and how far the clocks differ. What waits is sent now. Raises OSError."""
    try:
        sent = member.send(at_once=True)
    except StrongroomError as error:
        return [DiagnosisRow("the server", False, str(error))]
    state = member.outbox.state()
    if sent.trouble:
        rows = [DiagnosisRow("the server", False, f"{sent.trouble}; {sent.waiting} reports wait")]
    else:
        rows = [DiagnosisRow("the server", True, f"{member.file.url} takes reports, {state.accepted} so far")]
    if state.replacing:
        rows.append(DiagnosisRow("this host's place", False, REPLACING))
    if state.offset is not None:
        good = abs(state.offset) <= MOST_OFFSET
        ahead = "ahead of" if state.offset > 0 else "behind"
        hint = "" if good else "; set this machine's clock"
        words = f"{abs(state.offset) / 1000:.0f} s {ahead} the server's{hint}"
        if abs(state.offset) <= _WITHIN:
            words = "agrees with the server's"
        rows.append(DiagnosisRow("the clock", good, words))
    return rows


def ask_for_a_delete(label: str, url: str, options: StoreOptions) -> DiagnosisRow:
    """Ask a gateway to delete an object that is not there, which an append-only one refuses before it looks.

    Nothing can be lost by it: nobody has an object of that name. Raises nothing.
    """
    question = f"{label}: a delete"
    client = RestClient(parse(url.removeprefix("rest:"), options), options)
    name = os.urandom(32).hex()
    try:
        answer = client.ask("DELETE", f"data/{name}")
        with contextlib.closing(answer):
            status = answer.status
    except Refused:
        status = 403
    except StrongroomError as error:
        return DiagnosisRow(question, False, str(error).splitlines()[0])
    finally:
        client.pool.close()
    if status in _GONE_ALREADY:
        return DiagnosisRow(
            question, False, "is allowed: whoever takes this host over can destroy its backups; "
            "serve with --append-only, and give hosts the role `host`",
        )  # fmt: skip
    if status in (403, 405):
        return DiagnosisRow(question, True, "is refused, as it must be")
    return DiagnosisRow(question, False, f"the server answered {status}, neither yes nor no")
