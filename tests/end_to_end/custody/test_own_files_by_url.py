"""What a custodian keeps beside a repository at a gateway, by its URL: over a folder and over a bucket, and for two
machines of its own, between which nothing else passes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.programs import Strongroom
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, over_bucket

ROUNDS = "/r/.strongroom/custody/rounds/"


@pytest.fixture(params=["folder", "bucket"])
def gateway(request: pytest.FixtureRequest, strongroom: Strongroom, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with two workers, and a repository with one snapshot behind it."""
    flags, users = ("--append-only",), {"x": "y"}
    if request.param == "folder":
        made = Gateway(tmp_path / "gateway", flags=flags, users=users, workers=2)
    else:
        made = over_bucket(tmp_path / "gateway", flags=flags, users=users, workers=2)
    with made:
        host = _token(made, "web01", "host")
        (tmp_path / "file").write_bytes(b"small")
        url = f"rest:http://{host}@{made.address}/r/"
        strongroom.init(url)
        strongroom.backup(url, tmp_path / "file").expect(0)
        yield made


def _token(gateway: Gateway, who: str, role: str) -> str:
    """User and token of a principal of that role."""
    words = ("principal", "add", who, "--repository", "r", "--role", role)
    return f"{who}:{operate(gateway, *words)[1].strip()}"


def _adopted(strongroom: Strongroom, gateway: Gateway, folder: Path, role: str = "custodian") -> tuple[Custodian, str]:
    """A custodian of it by its URL, and its token."""
    token = _token(gateway, "care", role)
    url = f"rest:http://{token}@{gateway.address}/r/"
    custodian = Custodian(strongroom, folder)
    hint = re.search(
        r"strongroom gateway (keys open r --key \w+ --for 1h) --path", custodian.run("adopt", "web", "--store", url).err
    )
    assert hint is not None
    assert operate(gateway, *hint[1].split())[0] == 0
    custodian.adopt("web", url)
    return custodian, token


def test_each_round_writes_its_record_through_the_gateway(
    strongroom: Strongroom, gateway: Gateway, tmp_path: Path
) -> None:
    """Records and the custodian's name stand there; another custodian's plans count nothing until it is released."""
    custodian, token = _adopted(strongroom, gateway, tmp_path / "state")
    for number in (1, 2):
        custodian.round().expect(0)
        assert gateway.ask("GET", f"{ROUNDS}{number:010d}", user=token).status == 200
    assert gateway.ask("GET", f"{ROUNDS}0000000003", user=token).status == 404
    mark = gateway.ask("GET", "/r/.strongroom/custodian", user=token).body
    assert mark.startswith(b"strongroom-judge+")
    other = Custodian(strongroom, tmp_path / "other")
    url = f"rest:http://{token}@{gateway.address}/r/"
    hint = re.search(r"keys open \w+ --key (\w+) --for", other.run("adopt", "web", "--store", url).err)
    assert hint is not None
    assert operate(gateway, "keys", "open", "r", "--key", hint[1], "--for", "1h")[0] == 0
    other.adopt("web", url)
    assert "names another custodian" in other.round().out
    custodian.run("release", "web").expect(0)
    assert "names another custodian" not in other.round().out


@pytest.mark.parametrize("gateway", ["folder"], indirect=True)
def test_an_executor_elsewhere_hears_of_its_judge_through_the_gateway(
    strongroom: Strongroom, gateway: Gateway, tmp_path: Path
) -> None:
    """Two machines, each with a token of its own, and the gateway between them: a key that was planted goes into its
    trash by the executor's. The judge's deletes nothing; neither host nor auditor says anything in their place."""
    judge, token = _adopted(strongroom, gateway, tmp_path / "judge", "judge")
    judge.round()
    executor = ("--executor", str(tmp_path / "executor"), "--json")
    url = f"rest:http://{_token(gateway, 'executor', 'custodian')}@{gateway.address}/r/"
    mark = gateway.ask("GET", "/r/.strongroom/custodian", user=token).body.decode().strip()
    identity = judge.run("repositories", "--json").expect(0).json()[0]["id"]
    words = ("web", "--store", url, "--repository", identity, "--judge", mark)
    made = strongroom.run("custody", "executor", "init", *words, *executor).expect(0)
    (judge.state / "custody.toml").write_text(
        f'version = 1\n[repository.web]\nexecutor = "{json.loads(made.out)["key"]}"\n'
    )
    planted = b"no key"
    path = gateway.data / "r" / "keys" / hashlib.sha256(planted).hexdigest()
    path.write_bytes(planted)
    judge.round()
    assert gateway.ask("DELETE", f"/r/keys/{path.name}", user=token).status == 403
    assert json.loads(strongroom.run("custody", "executor", "run", *executor).expect(0).out)["removed"] == []
    judge.round()
    judge.round()
    done = strongroom.run("custody", "executor", "run", *executor).expect(0)
    assert json.loads(done.out)["removed"] == [f"keys/{path.name}"]
    assert not path.exists()
    judge.round()
    assert judge.incidents("web") == []
    beside = [path.read_bytes() for path in (gateway.data / "r" / ".strongroom").rglob("*") if path.is_file()]
    tokens = [url.split(":")[2].split("@", maxsplit=1)[0].encode(), token.split(":")[1].encode()]
    assert len(beside) > 6 and not [data for data in beside for one in tokens if one in data]
    assert identity in judge.run("repositories").expect(0).out
    tried = {(row["credential"], row["what"]): row["state"] for row in judge.run("audit", "web", "--json").json()}
    assert tried["reader", "take an object away"] == "held"
    said = "/r/.strongroom/custody/to-executor/0000000099"
    for who, role, status in (("other", "host", 403), ("reader", "auditor", 403)):
        assert gateway.ask("PUT", said, body=b"{}", user=_token(gateway, who, role)).status == status
