"""What programs read: the API as its description says, tokens, pages, and metrics that fit one rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from prometheus_client.parser import text_string_to_metric_families
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from strongroom.base.errors import ConfigurationError, Missing
from strongroom.base.record import replace
from strongroom.fleet.server.alerting.tagging import tag_host
from strongroom.fleet.server.api.tokens import DAY, make_token, remove_token
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.channels.delivering import add_channel
from strongroom.fleet.server.operating import pause, retire
from tests.support.fleet.asgi import AppReply, ask
from tests.support.fleet.hosts import DAILY, FleetHost
from tests.support.fleet.server import ServerInProcess

DEADLINE = "strongroom_watch_deadline_timestamp_seconds"
OF_CARE = ("repositories", "incidents", "decisions", "invitations", "gateways", "quotas")
PATHS = (
    *("/api/v1/watches", "/api/v1/hosts", "/api/v1/hosts/web01/runs", "/api/v1/alerts", "/api/v1/channels"),
    *("/api/v1/hosts/web01/snapshots", "/api/v1/hosts/web01/reports", *(f"/api/v1/{one}" for one in OF_CARE)),
)


@pytest.fixture
def app(server: ServerInProcess) -> Iterator[FleetApp]:
    """The application over a server with three hosts, one of which is late, one suspicious."""
    hosts = [server.join(FleetHost(name)) for name in ("db01", "web01", "web02")]
    server.until("2027-02-02T02:10")
    for host in hosts[1:]:
        server.take(host)
    copy = hosts[1].copy()
    for one in (copy, hosts[1]):
        server.clock.advance(60)
        server.take(one)
    add_channel(server.state, "ops", "ntfy", {"url": "https://ntfy.example.org/secret-topic"})
    server.until("2027-02-03T03:00")
    server.take(hosts[2])
    server.until("2027-02-03T15:30")
    server.turn()
    made = FleetApp(server.state, (), server.evaluator)
    yield made
    made.close()


def get(app: FleetApp, path: str, token: str, **headers: str) -> AppReply:
    """One request by a token."""
    return ask(app.starlette, path, method="GET", headers={"Authorization": f"Bearer {token}", **headers})


def test_only_a_token_that_counts_reads(server: ServerInProcess, app: FleetApp) -> None:
    """Without one, with a wrong one, with one that ended or was taken away: 401 as problem+json."""
    token = make_token(server.state, "grafana", "*", 1)
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    for path in (*PATHS, "/metrics"):
        assert get(app, path, token).status == 200
        for bad in (wrong, "sra1_x", ""):
            reply = get(app, path, bad)
            assert (reply.status, reply.json()["status"]) == (401, 401)
            assert "bearer" in reply.headers["www-authenticate"].lower()
    server.clock.advance(DAY)
    assert get(app, PATHS[0], token).status == 401
    other = make_token(server.state, "other", "*", 1)
    server.clock.advance(3)
    assert get(app, PATHS[0], other).status == 200
    remove_token(server.state, "other")
    server.clock.advance(3)
    assert get(app, PATHS[0], other).status == 401
    with pytest.raises(ConfigurationError):
        make_token(server.state, "grafana", "*", 1)


def test_a_token_sees_its_hosts_alone(server: ServerInProcess, app: FleetApp) -> None:
    """Neither others' watches, runs and alerts nor what belongs to no host; secrets of channels nobody sees."""
    token, every = make_token(server.state, "team", "db*", 9), make_token(server.state, "all", "*", 9)
    assert {one["host"] for one in get(app, PATHS[0], token).json()["items"]} == {"db01"}
    assert [one["name"] for one in get(app, PATHS[1], token).json()["items"]] == ["db01"]
    assert get(app, PATHS[2], token).status == 404
    assert {one["host"] for one in get(app, PATHS[3], token).json()["items"]} == {"db01"}
    assert get(app, PATHS[4], token).json()["items"] == []
    assert 'host="web01"' not in get(app, "/metrics", token).body.decode()
    assert [one["name"] for one in get(app, PATHS[4], every).json()["items"]] == ["ops"]
    assert b"secret-topic" not in get(app, PATHS[4], every).body


def test_a_token_sees_hosts_with_its_tags(server: ServerInProcess, app: FleetApp) -> None:
    """Of which it must have one, as they are now; those of no host are for tokens without any."""
    token = make_token(server.state, "team", "*", 9, ("shop", "stock"))
    assert get(app, PATHS[0], token).json()["items"] == []
    assert tag_host(server.state, "db01", ["stock", "berlin"], []) == ("berlin", "stock")
    server.clock.advance(3)
    (seen,) = get(app, PATHS[1], token).json()["items"]
    assert (seen["name"], seen["tags"]) == ("db01", ["berlin", "stock"])
    assert {one["host"] for one in get(app, PATHS[0], token).json()["items"]} == {"db01"}
    assert get(app, PATHS[4], token).json()["items"] == []
    tag_host(server.state, "db01", [], ["stock"])
    server.clock.advance(3)
    assert get(app, PATHS[1], token).json()["items"] == []
    for words in (["No Tag"], [f"t{number}" for number in range(40)]):
        with pytest.raises(ConfigurationError):
            tag_host(server.state, "db01", words, [])
    with pytest.raises(Missing):
        tag_host(server.state, "nobody", ["shop"], [])
    with pytest.raises(ConfigurationError, match="names no tag"):  # such as the empty variable of a script
        make_token(server.state, "open", "*", 9, [""])


def test_pages_follow_each_other_and_do_not_change_for_nothing(server: ServerInProcess, app: FleetApp) -> None:
    """Worst first, each once; an ETag spares what was read already."""
    token = make_token(server.state, "all", "*", 9)
    whole = get(app, PATHS[0], token)
    assert [one["state"] for one in whole.json()["items"]] == ["suspicious", "late", "ok"]
    found, following = [], ""
    while following is not None:
        page = get(app, f"{PATHS[0]}?limit=1{following and '&cursor=' + following}", token).json()
        found += page["items"]
        following = page["next"]
    assert found == whole.json()["items"]
    assert get(app, PATHS[0], token, **{"If-None-Match": whole.headers["etag"]}).status == 304
    assert [one["host"] for one in get(app, f"{PATHS[0]}?state=late", token).json()["items"]] == ["db01"]
    runs = [get(app, f"{PATHS[2]}?limit=2", token).json()]
    runs.append(get(app, f"{PATHS[2]}?cursor={runs[0]['next']}", token).json())
    assert [[one["sequence"] for one in page["items"]] for page in runs] == [[2, 1], [1]] or runs[1]["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "state=x", "cursor=x", "cursor=WzEsMl0", "x=1"])
def test_a_parameter_without_sense_is_said(server: ServerInProcess, app: FleetApp, query: str) -> None:
    """400, with which one."""
    reply = get(app, f"{PATHS[0]}?{query}", make_token(server.state, "all", "*", 9))
    assert reply.status == 400 and reply.headers["content-type"] == "application/problem+json"


def test_one_rule_fits_all_schedules(server: ServerInProcess, app: FleetApp) -> None:
    """Deadlines: past for what is late or never can be, later by a pause, none for what is retired."""
    token = make_token(server.state, "prometheus", "*", 9)
    server.join(FleetHost("old", (replace(DAILY, calendar="*-02-30 02:00:00"),)))

    def deadlines() -> dict[str, float]:
        server.clock.advance(10)
        text = get(app, "/metrics", token).body.decode()
        families = {one.name: one for one in text_string_to_metric_families(text)}
        assert families["strongroom_alerts_open"].samples[0].value == 1
        assert families["strongroom_evaluation_deadline_timestamp_seconds"].samples[0].value > server.now
        series: dict[tuple[str, ...], int] = {}
        for one in families.values():
            for sample in one.samples:
                if "source" in sample.labels:
                    key = tuple(sample.labels[name] for name in ("host", "source", "repository"))
                    series[key] = series.get(key, 0) + 1
        assert max(series.values()) <= 15
        return {one.labels["host"]: one.value for one in families[DEADLINE].samples}

    first = deadlines()
    assert {host for host, value in first.items() if value < server.now} == {"db01", "web01", "old"}
    pause(server.state, "db01", "", "", 3600, "moving")
    retire(server.state, "old", "", "")
    second = deadlines()
    assert second["db01"] > server.now and "old" not in second
    assert second["web02"] == first["web02"]


def test_the_api_is_what_its_description_says(server: ServerInProcess, app: FleetApp) -> None:
    """OpenAPI 3.1 without authentication; schemathesis asks what it allows and what it does not."""
    token = make_token(server.state, "all", "*", 9)
    described = ask(app.starlette, "/api/v1/openapi.json", method="GET")
    assert described.status == 200 and described.json()["openapi"] == "3.1.0"
    config = SchemathesisConfig.from_dict({"generation": {"max-examples": 4}})
    schema = schemathesis.openapi.from_dict(described.json(), config=config)
    schema.app = app.starlette
    asked: set[str] = set()
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]
        asked.add(operation.path)

        @settings(
            max_examples=4,
            database=None,
            deadline=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            headers = {"Authorization": f"Bearer {token}"}
            # Which texts are cursors no description can say.
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        check()
    assert len(asked) == len(PATHS)
