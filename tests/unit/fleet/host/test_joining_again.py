"""Joining again: is what was there put aside whole, the file changed where it must be, a strange gateway refused?"""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.configuration import client
from strongroom.base.errors import ConfigurationError, Refused, Unavailable, UsageError
from strongroom.fleet.host.joining import asking
from strongroom.fleet.host.joining.asking import Joining
from strongroom.fleet.host.joining.beginning_anew import begin_anew, finish
from strongroom.fleet.host.joining.configuration import with_repositories
from strongroom.fleet.host.joining.progress import ProgressFile
from strongroom.fleet.protocol.enrolment import EnrolAnswer, GatewayAccess, parse_begin
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.token import Card, CardGateway, InvitationToken, Ticket
from tests.support.clock import ManualClock

URL = "https://backup:8000"


def token(ticket: str, *, replaces: bool) -> InvitationToken:
    """An invitation for web01."""
    return InvitationToken(
        None, Ticket("https://fleet:8040", "", ticket, "s" * 43, "web01", "server", 1 << 40, replaces)
    )


def card(*gateways: CardGateway) -> Card:
    """What a custodian vouches for."""
    return Card(b"k" * 32, (), gateways, 0, 1 << 40)


class Server:
    """Answers as the fleet's server does, with the gateway that it was told to name."""

    def __init__(self, path: str = "hosts/web01") -> None:
        self.path = path
        self.words: list[bool | None] = []
        """How it answers next: whether an operator is awaited, None for not at all; then that nobody is."""
        self.claims: list[object] = []

    def post(self, _url: str, message: SignedMessage) -> bytes:
        begin, _ = parse_begin(message)
        self.claims.append(begin.claim)
        pending = self.words.pop(0) if self.words else False
        if pending is None:
            raise Unavailable("the server does not answer")
        gateways = () if pending else (GatewayAccess(URL, "web01", self.path),)
        answer = EnrolAnswer(message.signer, "web01", "server", pending, gateways, 5)
        return answer.to_bytes(message, token("ab" * 8, replaces=True).ticket.proof_key)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server behind the host's own client."""
    made = Server()
    monkeypatch.setattr(asking, "FleetServer", lambda *_: made)
    return made


def joining(folder: Path) -> Joining:
    """As the command begins it."""
    return Joining(str(folder), ProgressFile(str(folder)), "0.2", ManualClock(10**18))


@pytest.mark.parametrize(
    ("gateway", "path"),
    [("https://elsewhere:8000", "hosts/web01"), (URL, "others/web01"), ("https://backup:8001", "hosts/web01")],
)
def test_a_gateway_that_the_card_does_not_name_is_refused(
    tmp_path: Path, server: Server, gateway: str, path: str
) -> None:
    """M-2: Whoever has the server would hear the host's token there, and use it elsewhere."""
    server.path = path
    named = card(CardGateway(gateway, "", "hosts", 0))
    with pytest.raises(Refused, match=r"custodian's card (does not|has hosts/ alone)"):
        joining(tmp_path).begin(token("ab" * 8, replaces=False), "web01", named)
    assert joining(tmp_path).progress.gateways == []
    server.path = "hosts/web01"
    joining(tmp_path).begin(token("ab" * 8, replaces=False), "web01", card(CardGateway(f"{URL}/", "", "hosts", 0)))
    assert server.claims[0] == server.claims[1]  # the same tokens, whenever it is killed
    (access,) = joining(tmp_path).progress.accesses()
    assert access.token.startswith("srg1_")


def test_what_was_there_is_put_aside_and_the_password_kept(tmp_path: Path, server: Server) -> None:
    """Another key and other tokens; a token for new hosts begins nothing anew."""
    folder = tmp_path / "fleet"
    first = joining(folder)
    first.begin(token("ab" * 8, replaces=False), "web01", None)
    first.progress.done = True
    first.save()
    key = (folder / "host.key").read_bytes()
    with pytest.raises(UsageError, match="in a fleet already"):
        joining(folder).begin(token("cd" * 8, replaces=False), "web01", None)
    with pytest.raises(UsageError, match="keeps no repository"):
        joining(folder).begin(token("cd" * 8, replaces=False), "web01", None, b"old\n")
    joining(folder).begin(token("cd" * 8, replaces=True), "web01", None, b"old\n")
    again = joining(folder).progress
    assert (again.ticket, again.keep, again.replaces, again.done) == ("cd" * 8, True, True, False)
    assert (folder / "password").read_bytes() == b"old\n"
    assert (folder / "host.key").read_bytes() != key == (tmp_path / "fleet.1" / "host.key").read_bytes()
    assert server.claims[0] != server.claims[1]


def test_killed_between_two_renames_nothing_is_lost(tmp_path: Path) -> None:
    """The new folder takes its place at the next start."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "host.key").write_text("old")
    (tmp_path / "fleet.new").mkdir()
    (tmp_path / "fleet.new" / "password").write_text("kept")
    folder.rename(tmp_path / "fleet.1")
    finish(str(folder))
    assert (folder / "password").read_text() == "kept"
    begin_anew(str(folder), None)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["fleet", "fleet.1", "fleet.2"]
    assert list(folder.iterdir()) == []


def test_the_file_gets_the_new_address_and_nothing_else() -> None:
    """A file that was restored names where the old machine's repository was, with its token."""
    old = (
        'version = 1\n\n[repository.local]\nurl = "/backup"\npassword = { file = "/a" }\n\n'
        '[repository.offsite]  # ours\npassword = { file = "/b" }\n'
        'url = "rest:https://web01:old@backup/hosts/web01/"  # there\n\n[source.home]\npaths = ["/home"]\n'
    )
    access = GatewayAccess(URL, "web01", "hosts/web01.2", "srg1_new")
    new = with_repositories(old, ("local", "offsite"), (access,), "/p", moved=True)
    assert new == old.replace("web01:old@backup/hosts/web01/", "web01:srg1_new@backup:8000/hosts/web01.2/")
    assert "/hosts/web01.2/" in str(client.parse(new, "file").repositories["offsite"])
    assert with_repositories(old, ("local", "offsite"), (access,), "/p") == old
    inline = "repository.offsite = { url = 'x' }\n"
    with pytest.raises(ConfigurationError, match="not found"):
        with_repositories(inline, ("offsite",), (access,), "/p", moved=True)


def test_a_host_waits_an_hour_for_an_operator(tmp_path: Path, server: Server) -> None:
    """It says so once; a server that is away meanwhile loses it no place; after the hour it ends."""
    said: list[str] = []
    server.words = [True, None, True]
    joining(tmp_path / "one").begin(token("ab" * 8, replaces=False), "web01", None, waits=lambda: said.append("waits"))
    assert said == ["waits"] and len(server.claims) == 4
    server.words = [True] * 1000
    with pytest.raises(Refused, match="no operator has let this host in") as ended:
        joining(tmp_path / "two").begin(token("ab" * 8, replaces=False), "web01", None, waits=lambda: said.append("w"))
    assert ended.value.hint is not None and "same command" in ended.value.hint
    assert 300 <= 1000 - len(server.words) <= 400 and said == ["waits", "w"]
    server.words = [None]
    with pytest.raises(Unavailable):
        joining(tmp_path / "three").begin(token("ab" * 8, replaces=False), "web01", None)
