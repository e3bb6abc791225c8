"""A channel that asks for some kinds of alerts hears of those, and of an outage that speaks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import ConfigurationError
from strongroom.fleet.server.alerting.routing import KINDS, terms_of
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.phones import Phones
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import web_sink


def test_each_hears_of_its_kinds(tmp_path: Path) -> None:
    """An outage of six that are late: who asked for quotas hears nothing of it."""
    server = ServerInProcess(tmp_path)
    phones = Phones(server)
    with web_sink() as late, web_sink() as quotas, web_sink() as everything:
        phones.add("late", late, kinds="late")
        phones.add("quotas", quotas, kinds="quota,expiry")
        phones.add("everything", everything)
        hosts = [server.join(FleetHost(f"web{number}")) for number in range(6)]
        server.until("2027-02-02T02:10")
        for host in hosts[1:]:
            server.take(host)
        server.until("2027-02-03T15:30")
        phones.turn()
        said = [[body.decode() for _, body in one.posted] for one in (late, quotas, everything)]
    assert said[0] and said[0] == said[2] and said[1] == []
    assert any("outage" in one or "late" in one or "did not come" in one for one in said[0])
    server.close()


def test_a_kind_that_there_is_not_is_refused() -> None:
    """Mistyped it would be silence. All that a server says of itself can be asked for."""
    for wrong in ("lat", "quota, expiry", "*"):
        with pytest.raises(ConfigurationError, match="no such kind"):
            terms_of({"kinds": wrong})
    assert terms_of({"kinds": ",".join(KINDS)}).kinds[:2] == ("late", "failed")
    assert "outage" in terms_of({"kinds": "failed"}).kinds
    assert terms_of({"kinds": "quota"}).kinds == ("quota",)
