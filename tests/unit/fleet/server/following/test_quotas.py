"""Is a quota that is nearly used up said once, in time, and no longer than it holds?"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from strongroom.fleet.server.following.follower import forget_others
from strongroom.fleet.server.following.gateway_source import UsedQuota
from strongroom.fleet.server.following.quotas import (
    EVERYBODY,
    LOOK_SECONDS,
    MOST_SAID,
    OLD_SECONDS,
    look_at_quotas,
)
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess


@dataclass
class Gateway:
    """A gateway that says what a test tells it to; ``asked``: how often it was asked."""

    server: ServerInProcess
    said: list[UsedQuota] | None = field(default_factory=list)
    asked: int = 0

    def quotas(self) -> list[UsedQuota] | None:
        """As the server asks."""
        self.asked += 1
        return self.said

    def look(self) -> list[str]:
        """The server looks after a while, and judges; what is said."""
        self.server.clock.advance(LOOK_SECONDS)
        look_at_quotas(self.server.state, "offsite", self)
        return [f"{one.said.value} {one.alert.host}: {one.alert.words}" for one in self.server.turn()]


def quota(used: int, most: int = 100, unit: str = "bytes", name: str = "web01") -> UsedQuota:
    """Of a principal."""
    return UsedQuota(f"id of {name}", name, unit, used, most)


@pytest.fixture
def gateway(server: ServerInProcess) -> Gateway:
    """A gateway at which web01 is, and its host."""
    server.join(FleetHost("web01"))
    return Gateway(server)


def test_nine_tenths_are_said_once_until_there_is_room(gateway: Gateway) -> None:
    """Once; again after a week; it ends when a good deal less is used, or more is allowed."""
    gateway.said = [quota(89)]
    assert gateway.look() == []
    gateway.said = [quota(90)]
    words = "90 % of what may be stored is used: 90 B of 100 B; beyond it no backup is taken in"
    assert gateway.look() == [f"opened web01: {words}"]
    for used in (95, 89, 85, 91):
        gateway.said = [quota(used)]
        assert gateway.look() == []
    gateway.said = [quota(84)]
    assert [one.split(":")[0] for one in gateway.look()] == ["resolved web01"]
    gateway.said = [quota(89)]
    assert gateway.look() == []
    gateway.said = [quota(90)]
    assert len(gateway.look()) == 1
    gateway.server.clock.advance(7 * 86400)
    assert [one.split(":")[0] for one in gateway.look() if "may be stored" in one] == [
        "unacknowledged web01", "reminder web01",
    ]  # fmt: skip
    gateway.said = [quota(90, 1000)]
    assert [one.split(":")[0] for one in gateway.look() if "may be stored" in one] == ["resolved web01"]


def test_what_is_no_quota_any_more_is_no_alert(gateway: Gateway) -> None:
    """Its limit was taken away, or fleet.toml names that gateway no more; one that says nothing changes nothing."""
    gateway.said = [quota(100), quota(10, 10, "objects", "stranger"), quota(99, name=EVERYBODY)]
    assert [one.split(":")[0] for one in gateway.look()] == ["opened ", "opened ", "opened web01"]
    gateway.said = None
    assert gateway.look() == []
    gateway.said = [quota(100)]
    assert [one.split(":")[0] for one in gateway.look()] == ["resolved ", "resolved "]
    forget_others(gateway.server.state, ["another"])
    assert [one.said.value for one in gateway.server.turn()] == ["resolved"]


def test_the_last_word_of_a_gateway_that_says_nothing_ages(gateway: Gateway) -> None:
    """For a day it counts; then it is said that the gateway is silent, until it says something again."""

    def warned() -> list[str]:
        gateway.look()
        return [f"{one.host}: {one.words}" for one in gateway.server.standing().wrong if one.kind == "quota"]

    gateway.said = [quota(95), quota(10, 100, "objects")]
    (first,) = warned()
    gateway.said = None
    gateway.server.clock.advance(OLD_SECONDS - 2 * LOOK_SECONDS)
    assert warned() == [first]
    (silent,) = warned()
    assert silent.startswith(": it has not said for 24 hours how much of its quotas is used; 1 were used up to 90 %")
    gateway.said = [quota(95)]
    assert warned() == [first]


def test_a_silent_gateway_without_quotas_is_no_alert(gateway: Gateway) -> None:
    """Nobody waits for its word."""
    gateway.look()
    gateway.said = None
    gateway.server.clock.advance(2 * OLD_SECONDS)
    gateway.look()
    assert not [one for one in gateway.server.standing().wrong if one.kind == "quota"]


def test_m_5_very_many_are_one_alert(gateway: Gateway) -> None:
    """M-5: a gateway that says it of everybody drowns nothing, and control characters in its names are shown."""
    gateway.said = [quota(95, name=f"web{number:02}\x1b") for number in range(MOST_SAID + 1)]
    (one,) = gateway.look()
    assert f"{MOST_SAID + 1} quotas there" in one
    gateway.said = gateway.said[:1]
    assert len(gateway.look()) == 2
    (alert,) = [one for one in gateway.server.standing().wrong if one.kind == "quota"]
    assert "web00\\x1b" in alert.subject


def test_a_gateway_is_not_asked_at_each_look(gateway: Gateway) -> None:
    """Its list may be long; a clock that was set back asks at once."""
    for _ in range(3):
        look_at_quotas(gateway.server.state, "offsite", gateway)
    assert gateway.asked == 1
    gateway.server.clock.advance(-3600)
    look_at_quotas(gateway.server.state, "offsite", gateway)
    assert gateway.asked == 2


def test_bytes_are_said_as_people_read_them(gateway: Gateway) -> None:
    """Units for bytes, and plain numbers for objects."""
    gateway.said = [quota(95 << 30, 100 << 30), quota(19, 20, "objects")]
    said = "\n".join(gateway.look())
    assert "95.000 GiB of 100.000 GiB;" in said
    assert "19 of 20 objects;" in said
