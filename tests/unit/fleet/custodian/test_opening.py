"""M-5: does the custodian open what a host sealed to it, and nothing that somebody put in its place?"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.base.errors import Damaged, Missing, Refused
from strongroom.base.objects import Kind
from strongroom.custody.identity import generate, seal
from strongroom.fleet.custodian import opening
from strongroom.fleet.custodian.opening import ASK, KeyOpener, OpeningPlace, OpeningResult
from strongroom.fleet.protocol.decisions import DECISIONS, AwaitedOpening, decisions_answer, parse_decisions, question
from strongroom.fleet.protocol.enrolment import AWAITED, NOBODY, OPEN, OPENED, EnrolDone, EnrolledRepository
from strongroom.fleet.protocol.signed import Forged, SignedMessage, sign_with
from strongroom.fleet.protocol.strict_json import encode
from strongroom.fleet.server.following.openings import opening_of, take_opened, take_question
from strongroom.fleet.server.following.statements import trust_custodian
from strongroom.fleet.server.joining import begin, done
from strongroom.format.config import RepositoryConfig
from strongroom.repository.keyring import make_key, store_made_key
from strongroom.repository.opening import initialise, open_repository
from strongroom.storage.local.store import LocalStore
from tests.support.custody.in_process import Custody
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess

HOUR = 3600
URL = "rest:https://backup:8000/hosts/web01/"
CHEAP = (1024, 8, 1)


@dataclass
class Machine(FleetHost):
    """A host that joins with a real repository, and seals a key of it to the custodian."""

    folder: Path = Path()
    sealed: dict[str, bytes] = field(default_factory=dict)
    made: EnrolledRepository = field(init=False)

    def make(self, custody: Custody, recipient: str) -> None:
        """The repository, its two keys, and what is sealed."""
        store = LocalStore(str(self.folder))
        with initialise(store, b"own", surroundings=custody.surroundings) as repository:
            password = secrets.token_urlsafe(32).encode()
            file = make_key(repository.key, password, custody.surroundings, username="custody", scrypt=CHEAP)
            name = store_made_key(store, repository.key, password, file)
            self.sealed[name] = seal(password, (recipient,))
            keys = tuple(sorted(info.name.name for info in store.list(Kind.KEY)))
            self.repository_id = repository.id
        self.made = EnrolledRepository(
            "offsite", URL, self.repository_id, keys, hashlib.sha256(self.sealed[name]).hexdigest()
        )

    def done(self) -> SignedMessage:
        """What it made."""
        return EnrolDone(self.pair.id, (self.made,), self.schedules).signed(self.pair)


@pytest.fixture
def machine(custody: Custody, server: ServerInProcess, tmp_path: Path) -> Machine:
    """A host that has joined, and whose key waits."""
    trust_custodian(server.state, custody.signer.verifier.public, "card")
    made = Machine("web01", folder=tmp_path / "web01")
    made.make(custody, custody.identity.recipient)
    return made


def join(server: ServerInProcess, machine: Machine) -> None:
    """It joins."""
    begin(server.state, machine.begin(server.invite("web01")))
    done(server.state, machine.done())


def opener(
    custody: Custody, server: ServerInProcess, machine: Machine, answer: Callable[[], bytes] | None = None
) -> KeyOpener:
    """The custodian's side; ``answer``: what a server that lies says is waiting."""

    def post(path: str, message: SignedMessage) -> bytes:
        if path == ASK:
            return answer() if answer is not None else take_question(server.state, message)
        return take_opened(server.state, message).encode()

    def sealed_at(_url: str, name: str) -> bytes:
        if name not in machine.sealed:
            raise Missing("nothing is sealed for this key")
        return machine.sealed[name]

    return KeyOpener(
        custody.state, custody.identity, custody.signer, OpeningPlace("rest:https://custodian:token@backup:8000/", ""),
        custody.surroundings, post, lambda _url: LocalStore(str(machine.folder)), sealed_at,
    )  # fmt: skip


def test_a_sealed_key_opens_and_the_repository_is_in_care(
    custody: Custody, server: ServerInProcess, machine: Machine
) -> None:
    """M-5: from joining to a round over it, without the host's password; then nothing waits."""
    join(server, machine)
    assert opening_of(server.state, machine.pair.id) == NOBODY
    results = list(opener(custody, server, machine).open_all(adopting="test"))
    assert results == [OpeningResult("web01", machine.repository_id, True, "")]
    assert opening_of(server.state, machine.pair.id) == OPEN
    adopted = custody.state.repository("web01")
    assert (adopted.id, adopted.store) == (machine.repository_id, URL.replace("https://", "https://custodian:token@"))
    assert adopted.key_name in machine.sealed and len(machine.made.keys) == 2
    assert list(opener(custody, server, machine).open_all(adopting="test")) == []


def test_a_server_that_names_hosts_without_end_fills_no_state(
    custody: Custody, server: ServerInProcess, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-5: so many repositories come into care by themselves in a day; the next waits for another day, and still counts
    as not opened. One that is in care already is asked for again at no cost."""
    monkeypatch.setattr(opening, "MOST_A_DAY", 1)
    join(server, machine)
    (found,) = opener(custody, server, machine).open_all(adopting="test")
    assert (found.adopted, "1 repositories came into care within a day" in found.trouble) == (False, True)
    assert opening_of(server.state, machine.pair.id) == AWAITED
    custody.clock.advance(86_400)
    server.clock.advance(86_400)
    (found,) = opener(custody, server, machine).open_all(adopting="test")
    assert (found.adopted, found.trouble) == (True, "")


def trouble(custody: Custody, server: ServerInProcess, machine: Machine) -> str:
    """Why a key was not opened; then it still waits, and is an alarm an hour later."""
    (found,) = opener(custody, server, machine).open_all(adopting="test")
    assert opening_of(server.state, machine.pair.id) == AWAITED
    assert {one.name for one in custody.state.repositories()} == {"web"}
    server.clock.advance(HOUR + 1)
    assert ("sealed", "web01") in {(one.kind, one.subject) for one in server.standing().wrong}
    return found.trouble


def test_a_key_that_was_sealed_to_somebody_else(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """A foreign age key in the place of the custodian's."""
    machine.folder = machine.folder.with_name("other")
    machine.sealed.clear()
    machine.make(custody, generate()[0].recipient)
    join(server, machine)
    assert "sealed to another identity" in trouble(custody, server, machine)


def test_a_third_key(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """Whoever planted one before the keys were frozen reads along."""
    join(server, machine)
    store = LocalStore(str(machine.folder))
    with open_repository(store, b"own", surroundings=custody.surroundings) as repository:
        file = make_key(repository.key, b"planted", custody.surroundings, username="x", scrypt=CHEAP)
        store_made_key(store, repository.key, b"planted", file)
    assert "has 3 keys" in trouble(custody, server, machine)


def test_sealed_bytes_that_are_not_the_hosts(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """A gateway that shows something else than the host says it sealed."""
    join(server, machine)
    for name in machine.sealed:
        machine.sealed[name] = seal(b"x", (custody.identity.recipient,))
    assert "is not at the gateway" in trouble(custody, server, machine)


def test_a_repository_elsewhere(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """A host cannot send the custodian's token to a machine of its choice."""
    machine.made = EnrolledRepository(
        "offsite", "rest:https://evil:8000/hosts/web01/", machine.made.id, machine.made.keys, machine.made.seal
    )
    join(server, machine)
    assert "at another gateway" in trouble(custody, server, machine)


@pytest.mark.parametrize("path", ["https://backup:8000@evil/x/", "https://backup:8001/x/", "http://backup:8000/x/"])
def test_urls_that_are_nearly_ours(path: str) -> None:
    """Another port, another scheme, a name that looks like it."""
    with pytest.raises(Damaged):
        OpeningPlace("rest:https://me:secret@backup:8000/", "").url_of(f"rest:{path}")


def test_a_server_that_forges_a_host(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """What waits is signed by hosts: another key, or a changed word, is opened nowhere."""
    join(server, machine)
    other = key_of("other")
    changed = SignedMessage("enrol-done", machine.pair.id, b"x" * 64, machine.done().body)
    for one in (
        AwaitedOpening("web01", other.public, machine.done()),
        AwaitedOpening("web01", machine.pair.public, changed),
        AwaitedOpening("web01", other.public, other.sign("enrol-done", machine.done().document("it"))),
    ):
        lies = decisions_answer(server.now, [one])
        (found,) = opener(custody, server, machine, lambda lies=lies: lies).open_all(adopting="test")  # type: ignore[misc]
        assert found.trouble and not found.adopted
    assert {one.name for one in custody.state.repositories()} == {"web"}


def test_a_server_that_exchanges_names(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """M-2, M-3: a repository comes into care under the name that its gateway gave it, whatever the server calls it."""
    join(server, machine)
    for called in ("web02", "web01~\x1b[2J", "web"):
        lies = decisions_answer(server.now, [AwaitedOpening(called, machine.pair.public, machine.done())])
        (found,) = opener(custody, server, machine, lambda lies=lies: lies).open_all(adopting="test")  # type: ignore[misc]
        assert not found.trouble and "\x1b" not in found.host
    assert {one.name for one in custody.state.repositories()} == {"web", "web01"}


def test_a_repository_with_anothers_id(
    custody: Custody, server: ServerInProcess, machine: Machine, tmp_path: Path
) -> None:
    """M-2, M-3: made by who heard the ID, and shown by the server first: the honest one is not taken for it."""
    join(server, machine)
    thief = Machine("thief", folder=tmp_path / "thief")
    thief.make(custody, custody.identity.recipient)
    with open_repository(LocalStore(str(thief.folder)), b"own", surroundings=custody.surroundings) as opened:
        config = RepositoryConfig(2, machine.repository_id, opened.config.polynomial)
        sealed = opened.key.seal(config.encode())
    (thief.folder / "config").chmod(0o600)
    (thief.folder / "config").write_bytes(sealed)
    url = URL.replace("web01", "thief")
    thief.made = EnrolledRepository("offsite", url, machine.repository_id, thief.made.keys, thief.made.seal)
    shown = decisions_answer(server.now, [AwaitedOpening("thief", thief.pair.public, thief.done())])
    list(opener(custody, server, thief, lambda: shown).open_all(adopting="test"))
    assert {one.name for one in custody.state.repositories()} == {"web", "thief"}
    (found,) = opener(custody, server, machine).open_all(adopting="test")
    assert "of another key, is in care" in found.trouble
    assert opening_of(server.state, machine.pair.id) != OPEN


def test_what_makes_no_sense_hides_no_other_key(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """M-2, M-3: rows of the server's that were spoilt."""
    join(server, machine)
    good = AwaitedOpening("web01", machine.pair.public, machine.done()).to_document()
    spoilt = [good | one for one in ({"name": 1}, {"public": "ab"}, {"done": "!"}, {"done": None})]
    lies = encode({"now": server.now, "openings": [*spoilt, good, *spoilt]})
    (found,) = opener(custody, server, machine, lambda: lies).open_all(adopting="test")
    assert found.adopted


def test_keys_that_never_open_keep_no_other_waiting(custody: Custody, server: ServerInProcess) -> None:
    """M-5: many hosts that sealed nothing of sense, and one before them: the custodian hears of each."""
    trust_custodian(server.state, custody.signer.verifier.public, "card")
    names = [f"h{number:02}" for number in range(45)]
    for name in names:
        server.join(FleetHost(name))
        server.clock.advance(1)
    heard: set[str] = set()
    public, sign = custody.signer.verifier.public, custody.signer.sign_bytes
    for _ in range(5):
        answer = take_question(server.state, sign_with(sign, public, DECISIONS, question(server.now)))
        asked = [one.name for one in parse_decisions(answer)]
        assert asked[:10] == names[:-11:-1] and len(set(asked)) == 20
        heard |= set(asked)
        server.clock.advance(300)
    assert heard == set(names)
    server.clock.advance(HOUR)
    assert {one.subject for one in server.standing().wrong if one.kind == "sealed"} == set(names)


def test_who_may_ask_and_when(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """Nobody but the custodian, and not with a question that was heard before."""
    join(server, machine)
    public, sign = custody.signer.verifier.public, custody.signer.sign_bytes
    asked = sign_with(sign, public, DECISIONS, question(server.now))
    assert b"openings" in take_question(server.state, asked)
    with pytest.raises(Missing):
        take_question(server.state, key_of("x").sign(DECISIONS, {"at": server.now}))
    with pytest.raises(Forged):
        take_question(server.state, sign_with(sign, public, "statement", question(server.now)))
    server.clock.advance(601)
    with pytest.raises(Refused):
        take_question(server.state, asked)


def test_a_word_about_other_keys_counts_nothing(custody: Custody, server: ServerInProcess, machine: Machine) -> None:
    """The custodian opened another repository than the host made, or one with other keys."""
    join(server, machine)
    public, sign = custody.signer.verifier.public, custody.signer.sign_bytes
    for repository, keys in ((machine.made.id, ["cd" * 32] * 2), ("ab" * 32, list(machine.made.keys))):
        body = {"host": machine.pair.id, "repository": repository, "keys": keys, "at": server.now}
        with pytest.raises(Damaged):
            take_opened(server.state, sign_with(sign, public, OPENED, encode(body)))
    assert opening_of(server.state, machine.pair.id) == NOBODY
