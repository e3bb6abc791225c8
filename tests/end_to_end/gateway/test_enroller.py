"""M-2, M-3: an enroller's token lets hosts in below its prefix and its own go again, and does nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from strongroom.fleet.server.gateways import EnrollingGateway
from tests.support.servers.gateways import Gateway, operate
from tests.support.waiting import until

PAGE = "/.strongroom/v1/principals"


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
        made = door.admit("web01")
        assert (made.user, made.path) == ("web01", "hosts/web01")
        host = f"web01:{made.token}"
        gateway.make("hosts/web01", host)
        assert gateway.put("/hosts/web02/?create=true", b"", host) == 403

        renewed = f"web01:{door.admit('web01').token}"
        until(lambda: gateway.ask("GET", "/hosts/web01/config", user=host).status == 401, gateway.said)
        assert gateway.ask("GET", "/hosts/web01/config", user=renewed).status == 200

        for path in (
            "/hosts/web01/config",
            "/hosts/config",
            "/hosts/web01/keys/",
            "/old/config",
        ):
            assert gateway.ask("GET", path, user=fleet).status in (403, 404), path
        assert gateway.put("/hosts/?create=true", b"", fleet) == 403
        assert gateway.ask("DELETE", "/hosts/web01/config", user=fleet).status == 403

        def ask(document: object, user: str = fleet) -> int:
            return gateway.ask("POST", PAGE, json.dumps(document).encode(), user=user).status

        assert [ask({"name": one}) for one in ("old", "fleet", "operator")] == [403] * 3
        assert [ask({"name": one}) for one in ("../up", "a/b", "", "A", "x" * 64)] == [403] * 5
        junk: list[object] = [[], {}, {"name": 1}, "x"]
        assert [ask(one) for one in junk] == [400] * 4
        assert gateway.ask("POST", PAGE, b"x" * 5000, user=fleet).status == 413
        assert gateway.ask("GET", PAGE, user=fleet).status == 405
        assert [ask({"name": "web02"}, web), ask({"name": "old", "disabled": True})] == [403, 403]
        assert ask({"name": "stranger", "disabled": True}) == 404
        assert gateway.ask("GET", "/old/config", user=web).status == 404

        door.revoke("web01")
        door.revoke("web01")
        until(lambda: gateway.ask("GET", "/hosts/web01/config", user=renewed).status == 401, gateway.said)
        back = door.admit("web01")
        assert gateway.ask("GET", "/hosts/web01/config", user=f"web01:{back.token}").status == 200
