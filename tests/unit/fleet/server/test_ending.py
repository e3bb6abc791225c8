"""M-5: what ends by itself is said two weeks before, and ends no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.clock import SYSTEM
from strongroom.base.errors import ConfigurationError
from strongroom.cli.fleet.shared import card_of, ending_files, pin_for
from strongroom.fleet.protocol.token import CARD, Card
from strongroom.fleet.server.certificates import CERTIFICATE, make_certificate
from strongroom.fleet.server.evaluating import Evaluator
from strongroom.fleet.server.following.ending import DAY, EndingFiles
from tests.support.fleet.hosts import key_of
from tests.support.fleet.server import ServerInProcess

CUSTODIAN = key_of("custodian")


def make_card(folder: Path, until: int) -> str:
    """A card that ends then."""
    card = Card(CUSTODIAN.public, ("age1",), (), 0, until)
    (folder / "card").write_bytes(CUSTODIAN.sign(CARD, card.to_document()).to_bytes())
    return str(folder / "card")


def test_a_card_that_ends_is_an_alarm_and_stops_no_server(server: ServerInProcess, tmp_path: Path) -> None:
    """M-5: A server that was started again after 90 days did not start, and alarmed nobody of anything."""
    path = make_card(tmp_path, server.now + 15 * DAY)
    evaluator = server.evaluator = Evaluator(server.state, EndingFiles(card=path))
    heard = [(one.said.value, one.alert.kind, one.alert.critical) for one in evaluator.turn() or []]
    for days in (2, 20):
        server.clock.advance(days * DAY)
        heard += [(one.said.value, one.alert.kind, one.alert.critical) for one in evaluator.turn() or []]
    assert heard == [("opened", "card", False), ("worse", "card", True)]
    assert card_of({"card": path}, None) is not None
    with pytest.raises(ConfigurationError, match="has ended"):  # no token is made with it
        card_of({"card": path}, server.now)
    make_card(tmp_path, server.now + 90 * DAY)
    assert [one.said.value for one in evaluator.turn() or []] == ["resolved"]


def test_a_certificate_of_an_authority_has_no_pin_and_an_end(tmp_path: Path) -> None:
    """A renewed certificate has another hash: each host would refuse it. What has a pin needs no date."""
    make_certificate(str(tmp_path), "127.0.0.1", SYSTEM)
    server = {"url": "https://127.0.0.1:8040"}
    now = SYSTEM.now_ns() // 10**9
    assert len(pin_for(str(tmp_path), server)) == 64
    assert ending_files(str(tmp_path), server).soon(now + 3650 * DAY) == []
    authority = {**server, "pin": False, "tls_cert": str(tmp_path / CERTIFICATE)}
    assert pin_for(str(tmp_path), authority) == ""
    (found,) = ending_files(str(tmp_path), authority).soon(now + 3640 * DAY)
    assert (found.kind, found.critical) == ("certificate", False)
