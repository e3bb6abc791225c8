"""The messages of joining: the token is believed, the server proves that it made it, and hears what the host made."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import Refused, Unavailable, UsageError
from strongroom.base.record import as_dict, replace
from strongroom.fleet.host.joining.beginning_anew import PASSWORD, begin_anew, finish
from strongroom.fleet.host.reporting.member import host_key
from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.fleet.protocol.enrolment import AWAITED, NOBODY, OPEN, EnrolBegin, EnrolDone, parse_enrol_answer
from strongroom.fleet.protocol.fields import NAME, Fields, visible
from strongroom.fleet.protocol.fingerprint_words import parse_words
from strongroom.fleet.protocol.gateway_claim import make_claim, new_tokens
from strongroom.fleet.protocol.strict_json import decode
from strongroom.fleet.protocol.token import check_custodian, parse_card, parse_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.fleet.host.joining.progress import JoinProgress, ProgressFile
    from strongroom.fleet.protocol.enrolment import EnrolAnswer, EnrolledRepository
    from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.fleet.protocol.token import Card, InvitationToken, Ticket

BEGIN, DONE = "/fleet/v1/enrol/begin", "/fleet/v1/enrol/done"
_NANO = 1_000_000_000
_LOOK_SECONDS = 10.0
_OPERATOR_SECONDS = 3600.0
_MOST_ANSWER = 64 * 1024


class Joining:
    """One host's joining. ``folder``: the state of the fleet on this host."""

    def __init__(self, folder: str, file: ProgressFile, version: str, clock: Clock) -> None:
        finish(folder)
        self._folder = folder
        self._file = file
        self._version = version
        self._clock = clock
        self.progress: JoinProgress = file.read()
        self._opening = OPEN
        self._said: SignedMessage | None = None

    def believe(self, text: str, custodian: str | None) -> tuple[InvitationToken, Card | None]:
        """The token and its card. ``custodian``: the words by which its signer is known.

        Raises ``Damaged``, ``Forged``, ``LimitExceeded``, or ``UsageError`` where there is nothing to compare.
        """
        token = parse_token(text)
        card = None if token.card is None else parse_card(token.card, self._clock.now_ns() // _NANO)
        if custodian is not None:
            wanted = parse_words(custodian)
            if card is None:
                hint = "Ask for a token of a server that knows the custodian, or leave out --custodian."
                raise UsageError("this token has no custodian's card to compare with", hint=hint)
            check_custodian(card, wanted)
        return token, card

    def begin(
        self,
        token: InvitationToken,
        name: str,
        card: Card | None,
        kept: bytes | None = None,
        waits: Callable[[], None] | None = None,
    ) -> None:
        """Let the server know this host, unless that was done. ``kept``: the password of the repository that goes on,
        of the machine whose place this one takes. ``waits`` is called once if an operator has to let it in, for whom
        it waits an hour. Raises ``Refused``, ``Unavailable``, ``Forged``, …
        """
        ticket = token.ticket
        if kept is not None and not ticket.replace:
            hint = "Ask for one that replaces a host: `strongroom fleet invite NAME --replace`."
            raise UsageError("this token lets a new host join, which keeps no repository", hint=hint)
        if self.progress.done and self.progress.ticket != ticket.id and ticket.replace:
            begin_anew(self._folder, kept)
            self.progress = self._file.read()
        if self.progress.ticket and self.progress.ticket != ticket.id and not self.progress.done:
            hint = f"Go on with that token, or move {self._folder} away to begin anew."
            raise UsageError("this host has begun to join with another token", hint=hint)
        if self.progress.ticket == ticket.id:
            return
        if self.progress.done:
            hint = "`strongroom fleet invite NAME --replace` prints a token with which it joins once more."
            raise UsageError("this host is in a fleet already", subject=self.progress.url, hint=hint)
        pair = host_key(self._folder, make=True)
        progress = self.progress
        if not progress.tokens:  # kept before anybody hears of them, so that a kill in between makes no others
            progress.tokens = new_tokens()
            self._file.write(progress)
        if kept is not None:
            replace_file(os.path.join(self._folder, PASSWORD), kept)
        claim = make_claim(pair, name, progress.tokens, keep=kept is not None)
        request = EnrolBegin(ticket.id, pair.public, name, self._version, claim).signed(pair, ticket.proof_key)
        answer = self._let_in(FleetServer(ticket.url, ticket.pin), request, ticket, waits)
        _check_gateways(answer, card)
        progress.replaces, progress.keep = ticket.replace, kept is not None
        progress.ticket, progress.name, progress.profile = ticket.id, answer.name, answer.profile
        progress.url, progress.pin = ticket.url, ticket.pin
        tokens = zip(answer.gateways, progress.tokens, strict=False)
        progress.gateways = [as_dict(replace(one, token=token)) for one, token in tokens]
        self._file.write(progress)

    def _let_in(
        self, server: FleetServer, request: SignedMessage, ticket: Ticket, waits: Callable[[], None] | None
    ) -> EnrolAnswer:
        """The answer once this host is in. A server that is away for a while loses nobody his place."""
        answer = parse_enrol_answer(server.post(BEGIN, request), request, ticket.proof_key)
        if answer.pending and waits is not None:
            waits()
        end = self._clock.monotonic() + _OPERATOR_SECONDS
        while answer.pending and self._clock.monotonic() < end:
            self._clock.sleep(_LOOK_SECONDS)
            with contextlib.suppress(Unavailable):
                answer = parse_enrol_answer(server.post(BEGIN, request), request, ticket.proof_key)
        if answer.pending:
            hint = "Run the same command again: its place is kept for a week."
            raise Refused("no operator has let this host in yet", subject=ticket.url, hint=hint)
        return answer

    def save(self) -> None:
        """Keep what was done. Raises OSError."""
        self._file.write(self.progress)

    def done(self, repositories: list[EnrolledRepository], schedules: list[ScheduleTerms]) -> None:
        """Tell the server what this host made, unless it knows. Raises as ``begin``."""
        if self.progress.done:
            return
        pair = host_key(self._folder)
        message = EnrolDone(pair.id, tuple(repositories), tuple(schedules)).signed(pair)
        self._opening = _opening(FleetServer(self.progress.url, self.progress.pin).post(DONE, message))
        self._said = message
        self.progress.done = True
        self.progress.custody = {}  # sealed and stored, and the tokens are in the configuration: no copy stays here
        self.progress.gateways, self.progress.tokens = [], []
        self._file.write(self.progress)

    def await_opening(self, patience: float, waits: Callable[[], None]) -> str:
        """Wait until the custodian has opened the key that was sealed to it; how it stands then. ``waits`` is called
        once, if it is not open yet. Where no custodian comes for keys nothing is waited for. Raises ``Interrupted``.
        """
        end = self._clock.monotonic() + patience
        first = True
        while self._said is not None and self._opening == AWAITED and self._clock.monotonic() < end:
            if first:
                waits()
            first = False
            self._clock.sleep(_LOOK_SECONDS)
            with contextlib.suppress(Unavailable):
                server = FleetServer(self.progress.url, self.progress.pin)
                self._opening = _opening(server.post(DONE, self._said))
        return self._opening


def _check_gateways(answer: EnrolAnswer, card: Card | None) -> None:
    """Raise ``Refused`` for a gateway that the custodian's card does not name: who names another one, a server that was
    taken over, would hear this host's tokens there and use them elsewhere. A card may name none, and none is there.
    """
    if card is None or not card.gateways:
        return
    known = {one.url.rstrip("/"): one.prefix.strip("/") for one in card.gateways}
    for one in answer.gateways:
        prefix = known.get(one.url.rstrip("/"))
        hint = "Do not go on before the custodian's operator has said where hosts back up to."
        if prefix is None:
            raise Refused("the server names a gateway that the custodian's card does not", subject=one.url, hint=hint)
        if prefix and not one.path.startswith(f"{prefix}/"):
            words = f"the server gives this host the place {one.path}, and the custodian's card has {prefix}/ alone"
            more = f"{hint} Another place is another card's: `strongroom custody card --prefix`."
            raise Refused(visible(words), subject=one.url, hint=more)


def _opening(data: bytes) -> str:
    """How it stands with the keys, as the server answers. One that does not say opens none."""
    fields = Fields(decode(data, _MOST_ANSWER, "the server's answer"), "the server's answer")
    return NOBODY if fields.absent("opening") else fields.one_of("opening", (OPEN, AWAITED, NOBODY))


def usual_name() -> str:
    """This machine's name as a fleet takes it."""
    name = re.sub(r"[^a-z0-9._-]", "-", os.uname().nodename.lower()).strip("-._")[:63]
    return name if NAME.match(name) else "host"


def checked_name(name: str) -> str:
    """The name, if a fleet takes it. Raises ``UsageError``."""
    if not NAME.match(name):
        hint = "Lower-case letters, digits, dots, dashes and underscores, 63 at most."
        raise UsageError("cannot be a host's name", subject=name, hint=hint)
    return name
