"""The alert rules and the dashboard that are delivered: do they fire as they say, over metrics that there are?"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from strongroom.fleet.protocol.statement import STATEMENT, StatedRepository, Statement
from strongroom.fleet.server.api.metrics import metrics
from strongroom.fleet.server.api.tokens import ApiToken
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from tests.support import peers
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess
from tests.support.waiting import PATIENCE

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
NAME = re.compile(r"\bstrongroom_[a-z_]+")


def test_the_rules_fire_when_they_should_and_not_before() -> None:
    """By Prometheus' own tool, over made series: a missed deadline, a pause, a server that fell silent."""
    promtool = peers.find("promtool")
    if promtool is None:
        pytest.skip("promtool is missing (make peers obtains it)")
    for words in (("check", "rules", "fleet.rules.yml"), ("test", "rules", "fleet.tests.yml")):
        said = subprocess.run(
            [promtool, *words], cwd=DEPLOY / "alerts", capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert said.returncode == 0, said.stdout + said.stderr


def test_rules_and_dashboard_speak_of_metrics_that_there_are(tmp_path: Path) -> None:
    """Of each there is a sample once a custodian cares for a repository, too."""
    server = ServerInProcess(tmp_path)
    server.take(server.join(FleetHost("web01")))
    custodian = key_of("custodian")
    trust_custodian(server.state, custodian.public, "card")
    about = StatedRepository("ab" * 32, "web01", "well", server.now, server.now, True, 2, (), (), server.now)
    statement = Statement(1, server.now, (about,))
    take_statement(server.state, custodian.sign(STATEMENT, statement.to_document()))
    server.turn()
    token = ApiToken("all", "", b"", "*", 0, 0)
    text = metrics(server.state, server.standing().watches, [], server.evaluator.turned, token)
    server.close()
    there = {line.partition("{")[0].partition(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    rules = (DEPLOY / "alerts" / "fleet.rules.yml").read_text()
    board = json.loads((DEPLOY / "grafana" / "fleet.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert set(NAME.findall(rules)) <= there
    assert set(NAME.findall(" ".join(asked))) <= there and len(asked) > 10
