"""M-2, M-3: an enroller's token lets hosts in below its prefix and its own go again, and does nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strongroom.fleet.protocol.fingerprint_words import words_of
from strongroom.fleet.protocol.gateway_claim import make_claim
from strongroom.fleet.server.gateways import EnrollingGateway
from tests.support.fleet.hosts import FleetHost
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway
from tests.support.waiting import until

PAGE = "/.strongroom/v1/principals"


def claim_of(host: FleetHost, number: int = 0) -> dict[str, Any]:
    """The body with which a server asks for a host."""
    claim = make_claim(host.pair, host.name, host.tokens, keep=host.keep)
    return {"name": host.name, "claim": claim.to_document(), "number": number}


def test_an_enroller_lets_hosts_in_and_go_and_reaches_no_repository(tmp_path: Path) -> None:
    """M-2, M-3: who has taken over a fleet's server makes no reader, touches no other host, reads nothing."""
    with Gateway(tmp_path, flags=("--append-only",), users={"operator": "secret"}) as gateway:

        def add(name: str, *more: str) -> str:
            code, said = operate(gateway, "principal", "add", name, *more)
            assert code == 0, said
            return f"{name}:{said.strip()}"

        fleet = add("fleet", "--role", "enroller", "--repository", "hosts", "--quota", "1M")
        web = add("old", "--repository", "old")
        door = EnrollingGateway(f"http://{gateway.address}", *fleet.split(":", 1))

        def admit(host: FleetHost, number: int = 0) -> str:
            claim = make_claim(host.pair, host.name, host.tokens, keep=host.keep)
            return door.admit(host.name, claim, number).path

        def status(path: str, user: str) -> int:
            return gateway.ask("GET", path, user=user).status

        first = FleetHost("web01")
        host = f"web01:{first.tokens[0]}"
        assert [admit(first), admit(first)] == ["hosts/web01"] * 2
        gateway.make("hosts/web01", host)
        assert gateway.put("/hosts/web02/?create=true", b"", host) == 403
        assert status("/hosts/web01/config", f"web01:{first.tokens[1]}") == 401

        for path in (
            "/hosts/web01/config",
            "/hosts/config",
            "/hosts/web01/keys/",
            "/old/config",
        ):
            assert status(path, fleet) in (403, 404), path
        assert gateway.put("/hosts/?create=true", b"", fleet) == 403
        assert gateway.ask("DELETE", "/hosts/web01/config", user=fleet).status == 403

        def ask(document: object, user: str = fleet) -> int:
            return gateway.ask("POST", PAGE, json.dumps(document).encode(), user=user).status

        assert [ask(claim_of(FleetHost(one))) for one in ("old", "fleet", "operator")] == [403] * 3
        assert [ask(claim_of(FleetHost(one))) for one in ("../up", "a/b", "", "A", "x" * 64)] == [403] * 5
        junk: list[object] = [[], {}, {"name": 1}, "x"]
        assert [ask(one) for one in junk] == [400] * 4
        assert gateway.ask("POST", PAGE, b"x" * 5000, user=fleet).status == 413
        assert gateway.ask("GET", PAGE, user=fleet).status == 405
        assert [ask(claim_of(FleetHost("web02")), web), ask({"name": "old", "disabled": True})] == [403, 403]
        assert ask({"name": "stranger", "disabled": True}) == 404
        assert status("/old/config", web) == 404

        second = FleetHost("web01", key="the same machine, reinstalled")
        assert ask(claim_of(second)) == 403
        words = words_of(second.pair.id)
        assert operate(gateway, "principal", "readmit", "web01", "--key", words)[0] == 0
        assert [admit(second), admit(second)] == ["hosts/web01.2"] * 2
        new = f"web01:{second.tokens[0]}"
        gateway.make("hosts/web01.2", new)
        assert status("/hosts/web01/config", host) == 200  # until the new one is done
        door.settle("web01", second.pair.id)
        until(lambda: status("/hosts/web01/config", host) == 401, gateway.said)
        until(lambda: status("/hosts/web01/config", new) == 403, gateway.said)  # in each worker within two seconds
        assert status("/hosts/web01.2/config", new) == 200

        door.revoke("web01")
        door.revoke("web01")
        until(lambda: status("/hosts/web01.2/config", new) == 401, gateway.said)
        assert [ask(claim_of(second)), ask(claim_of(first))] == [403, 403]
