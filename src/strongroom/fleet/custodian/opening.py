"""Opening the keys that hosts sealed to the custodian when they joined, and saying so.

A key that does not open is no alarm of ours: it stays unopened, which is the server's alarm. Nothing that the server
says is believed: the host signed what it made, and the repository is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from strongroom.base.errors import Damaged, Exists, LimitExceeded, StrongroomError
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.adopting import adopt
from strongroom.custody.evidence.pinning import LogPins
from strongroom.custody.policy import CustodyPolicy
from strongroom.fleet.protocol.decisions import DECISIONS, parse_decisions, question
from strongroom.fleet.protocol.enrolment import DONE, OPENED, CustodyOpened, parse_done
from strongroom.fleet.protocol.fields import NAME
from strongroom.fleet.protocol.signed import Forged, sign_with, signer_id
from strongroom.fleet.protocol.strict_json import encode
from strongroom.repository.opening import open_repository
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.custody.identity import Identity
    from strongroom.custody.state import State
    from strongroom.fleet.protocol.decisions import AwaitedOpening
    from strongroom.fleet.protocol.enrolment import EnrolledRepository
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store

ASK, OPENED_PATH = "/custodian/v1/decisions", "/fleet/v1/enrol/opened"
KEYS = 2
"""So many keys the repository of a host has that joined: its own, and the custodian's."""
_NANO = 1_000_000_000
MOST_A_DAY = 200
"""So many repositories come into care by themselves in a day: a server that was taken over may name hosts without end,
and each costs every round something."""


@record
class OpeningResult:
    """What became of one repository: opened, and perhaps taken into care; or why not."""

    host: str
    repository: str
    adopted: bool
    trouble: str


@record
class OpeningPlace:
    """Where hosts' repositories are: a gateway with our name and token, and its log's key where that is known."""

    gateway: str
    log_key: str

    def url_of(self, made: str) -> str:
        """The URL of a repository with our token, from the one that its host says. Raises ``Damaged`` for elsewhere."""
        ours, theirs = urlsplit(self.gateway.removeprefix("rest:")), urlsplit(made.removeprefix("rest:"))
        prefix, path = ours.path.strip("/"), unquote(theirs.path).strip("/")
        same = (ours.scheme, ours.hostname, ours.port) == (theirs.scheme, theirs.hostname, theirs.port)
        inside = not prefix or path == prefix or path.startswith(f"{prefix}/")
        if not same or not inside or ".." in path.split("/"):
            raise Damaged("is at another gateway than --gateway names", subject=made)
        return "rest:" + urlunsplit((ours.scheme, ours.netloc, f"/{quote(path)}/", "", ""))


class KeyOpener:
    """Opens what waits. ``post`` sends a message to the server; ``store_at`` and ``sealed_at`` reach a repository."""

    def __init__(
        self,
        state: State,
        identity: Identity,
        signer: Signer,
        place: OpeningPlace,
        surroundings: Surroundings,
        post: Callable[[str, SignedMessage], bytes],
        store_at: Callable[[str], Store],
        sealed_at: Callable[[str, str], bytes],
    ) -> None:
        self._state, self._identity, self._signer, self._place = state, identity, signer, place
        self._surroundings = surroundings
        self._post, self._store_at, self._sealed_at = post, store_at, sealed_at

    def open_all(self, *, adopting: str = "") -> Iterator[OpeningResult]:
        """Ask what waits, and open it. ``adopting``: take it into care as well, in this operator's name.

        Raises what ``post`` raises.
        """
        now = self._state.clock.now_ns() // _NANO
        for one in parse_decisions(self._post(ASK, self._sign(DECISIONS, question(now)))):
            host = signer_id(one.public)
            try:
                one.done.verify(DONE, one.public)
                said = parse_done(one.done)
                if said.host != host:
                    raise Forged("the message is about another host than its signer", subject=said.host)
            except StrongroomError as error:
                yield OpeningResult(one.name, "", False, error.what)
                continue
            for made in said.repositories:
                if made.seal:
                    yield self._open(one, host, made, adopting)

    def _open(self, waiting: AwaitedOpening, host: str, made: EnrolledRepository, adopting: str) -> OpeningResult:
        try:
            adopted = self._opened(waiting, host, made, adopting)
        except StrongroomError as error:
            return OpeningResult(waiting.name, made.id, False, str(error).splitlines()[0])
        return OpeningResult(waiting.name, made.id, adopted, "")

    def _opened(self, waiting: AwaitedOpening, host: str, made: EnrolledRepository, adopting: str) -> bool:
        url = self._place.url_of(made.url)
        name, sealed = self._find_sealed(url, made)
        password = self._identity.unseal(sealed, f"the key that {waiting.name} sealed")
        with (
            self._store_at(url) as store,
            contextlib.closing(
                open_repository(store, password, key_hint=name, surroundings=self._surroundings)
            ) as repository,
        ):
            keys = tuple(sorted(info.name.name for info in store.list(Kind.KEY)))
            if repository.id != made.id:
                raise Damaged("it opens another repository than the host says", subject=repository.id[:8])
            if set(keys) != set(made.keys) or len(keys) != KEYS:
                raise Damaged(f"it has {len(keys)} keys, where the host's and ours are due", subject=made.id[:8])
            word = CustodyOpened(host, made.id, keys, self._state.clock.now_ns() // _NANO)
            adopted = bool(adopting) and self._adopt(repository, url, (name, sealed), adopting)
            self._post(OPENED_PATH, self._sign(OPENED, encode(word.to_document())))
        return adopted

    def _find_sealed(self, url: str, made: EnrolledRepository) -> tuple[str, bytes]:
        """The key file's name, and what is sealed for it: the bytes that the host says. Raises ``Damaged``."""
        for name in made.keys:
            with contextlib.suppress(StrongroomError):
                sealed = self._sealed_at(url, name)
                if hashlib.sha256(sealed).hexdigest() == made.seal:
                    return name, sealed
        raise Damaged("what the host sealed is not at the gateway", subject=url.rpartition("@")[2])

    def _adopt(self, repository: Repository, url: str, own_key: tuple[str, bytes], who: str) -> bool:
        """Take it into care with the key that the host made for us; nothing where it is. Raises ``Refused``, …

        It is called what the gateway calls it, where a name belongs to a key: a server could exchange two hosts' names.
        """
        self._check_room(repository.id)
        last = unquote(urlsplit(url.removeprefix("rest:")).path).strip("/").rpartition("/")[2]
        name = last if NAME.match(last) else repository.id[:8]
        log = LogPins(url, self._place.log_key, "", "") if self._place.log_key else None
        taken = {one.name for one in self._state.repositories(released=True)}
        called = name if name not in taken else f"{name[:50]}-{repository.id[:8]}"
        try:
            adopt(
                self._state, repository, called, url, self._identity, CustodyPolicy(), who=who, log=log, own_key=own_key
            )
        except Exists:  # by an earlier turn that came no further, or another one that was given the same ID
            self._check_same(repository)
            return False
        return True

    def _check_room(self, repository_id: str) -> None:
        """Raises ``LimitExceeded`` where so many came into care within a day that this one waits; not for one that is
        there already."""
        since_ns = self._state.clock.now_ns() - DAY
        known = self._state.repositories(released=True)
        lately = sum(one.adopted_ns > since_ns for one in known)
        if lately >= MOST_A_DAY and all(one.id != repository_id for one in known):
            raise LimitExceeded(
                f"{lately} repositories came into care within a day, so this one waits: did so many hosts join? "
                "`custody adopt` takes one in at once"
            )

    def _check_same(self, repository: Repository) -> None:
        """Whoever knows a repository's ID could make one with it, and have it taken into care first."""
        for known in self._state.repositories(released=True):
            if known.id == repository.id:
                master = self._identity.unseal(known.sealed_master, f"master key of {known.name}")
                if json.loads(master) != [part.hex() for part in repository.key.material()]:
                    raise Damaged("another one with this ID, of another key, is in care", subject=known.name)

    def _sign(self, kind: str, body: bytes) -> SignedMessage:
        return sign_with(self._signer.sign_bytes, self._signer.verifier.public, kind, body)
