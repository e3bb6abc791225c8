"""X-3, M-2: does a fleet's server see a gateway's log that is forked, shortened, rewritten, or leaves receipts out?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import Unavailable
from strongroom.fleet.server.following.follower import believe_log, follow_once
from strongroom.fleet.server.judging.states import WatchState
from strongroom.receipts.log.leaf import NO_HASH
from tests.support.fleet.gateway import LoggingGateway, new_signer
from tests.support.fleet.hosts import snapshot_of
from tests.support.fleet.server import ServerInProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerInProcess]:
    """A server."""
    made = ServerInProcess(tmp_path)
    yield made
    made.close()


@pytest.fixture
def gateway(server: ServerInProcess) -> LoggingGateway:
    """A gateway that was honest until now."""
    made = LoggingGateway(server)
    for _ in range(5):
        made.snapshot("old01", "old01")
    made.follow()
    return made


def doubts(server: ServerInProcess) -> list[str]:
    """What is critical of logs."""
    return [one.words for one in server.standing().wrong if one.kind == "log" and one.critical]


def test_a_forked_log(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """M-2: another past under the log's own key: nothing of it counts, though its snapshot would end an alarm."""
    before = server.watch("old01").last_good
    gateway.leaves, gateway.ends = [], {}
    server.clock.advance(100)
    for _ in range(7):
        gateway.snapshot("old01", "old01")
    gateway.follow()
    assert "it was forked" in doubts(server)[0]
    assert server.watch("old01").last_good == before


def test_a_shortened_log(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """X-3: an old head, signed as it was then."""
    gateway.shown = gateway.sign(3)
    gateway.follow()
    assert "it was shortened: it has 3 entries, and 5 were signed" in doubts(server)[0]


def test_an_emptied_log(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """No head at all where there was one."""
    gateway.leaves = []
    gateway.follow()
    assert "it is empty" in doubts(server)[0]


def test_another_key(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """The same name, signed by a key that fleet.toml does not name."""
    honest, pinned = gateway.signer, gateway.followed
    gateway.signer = new_signer()
    head = gateway.sign()
    gateway.signer = honest
    assert gateway.followed.key is pinned.key
    gateway.shown = head
    gateway.follow()
    assert "not signed by the pinned key" in doubts(server)[0]


def test_entries_that_are_not_those_of_the_head(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """A true head, and a snapshot slipped in under it."""
    gateway.snapshot("old01", "old01")
    gateway.shown = gateway.sign()
    gateway.leaves.pop()
    server.clock.advance(1000)
    gateway.ends = {}
    other = LoggingGateway(server)
    other.snapshot("old01", "old01")
    gateway.leaves.append(other.leaves[0])
    gateway.follow()
    assert doubts(server) and server.watch("old01").last_good == server.now - 1000


def test_a_gateway_that_leaves_receipts_out(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """A log that is whole as a tree, in which a repository's receipts do not follow one another."""
    gateway.snapshot("old01", "old01")
    gateway.leaves.pop()
    gateway.snapshot("old01", "old01")
    gateway.follow()
    assert "does not follow the one before it" in doubts(server)[0]


def test_a_log_that_begins_in_the_middle(server: ServerInProcess) -> None:
    """Whoever hides the first receipts of a repository from one that reads the log for the first time."""
    gateway = LoggingGateway(server)
    gateway.snapshot("old01", "old01")
    gateway.leaves.pop()
    gateway.snapshot("old01", "old01")
    gateway.follow()
    assert doubts(server) and not server.standing().watches


def test_a_gateway_that_shows_no_entries(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """Its head grows, and what came is not shown: no doubt, but an alarm after 15 minutes; then it is late."""
    gateway.snapshot("old01", "old01")

    class Hiding:
        head = gateway.head

        def entries(self, _number: int, _width: int) -> list[bytes]:
            raise Unavailable("the gateway answers 500")

    server.clock.advance(16 * 60)
    with pytest.raises(Unavailable):
        follow_once(server.state, gateway.followed, Hiding(), gateway.names)
    (wrong,) = server.standing().wrong
    assert wrong.kind == "log" and "answers 500" in wrong.words
    server.clock.advance(40 * 3600)
    assert server.watch("old01").judgement.state is WatchState.LATE


def test_a_frozen_log_makes_backups_late(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """A gateway that shows the same true head for ever: no contradiction, and the alarm comes from the calendar."""
    gateway.shown = gateway.sign()
    for _ in range(40):
        server.clock.advance(3600)
        gateway.snapshot("old01", "old01")
        gateway.follow()
    assert server.watch("old01").judgement.state is WatchState.LATE


def test_an_arrival_that_is_still_to_come(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """A gateway's clock lets no backup be late later than it is."""
    gateway.snapshot("old01", "old01", at=server.now + 10**8)
    gateway.follow()
    assert server.watch("old01").last_good == server.now


def test_names_that_change_move_no_watch(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """A gateway that calls another's busy repository by the name of one that stopped: both are watched, one is late."""
    gateway.receive("db01", "db01", "config", snapshot_of("config"))
    gateway.follow()
    server.clock.advance(36 * 3600)
    for repository in list(gateway.called.repositories):
        gateway.called.repositories[repository] = "old01"
    gateway.snapshot("db01", "db01")
    gateway.follow()
    server.clock.advance(2 * 3600)
    gateway.follow()
    assert {one.host: one.judgement.state for one in server.standing().watches} == {
        "old01": WatchState.LATE,
        "db01": WatchState.OK,
    }


def test_a_doubt_stays_until_an_operator_has_looked(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """Honest again by itself is not enough; then it is read anew, from its first entry, and checked."""
    gateway.shown = gateway.sign(3)
    gateway.follow()
    gateway.shown = None
    gateway.snapshot("old01", "old01")
    assert gateway.follow() == 0 and doubts(server)
    assert believe_log(server.state, "offsite") and not believe_log(server.state, "offsite")
    assert gateway.follow() == 6 and not doubts(server)
    assert gateway.ends and NO_HASH not in {leaf for _, leaf in gateway.ends.values()}


def test_a_page_that_is_no_head_is_no_doubt(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """A proxy's page of errors with the status 200."""
    gateway.shown = b"<html>we are upgrading</html>"
    with pytest.raises(Unavailable, match="in the gateway's place"):
        gateway.follow()
    assert not doubts(server)
