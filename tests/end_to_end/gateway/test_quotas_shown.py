"""What a gateway says of room, as a fleet's server reads it with an auditor's token."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import Refused
from strongroom.fleet.server.following.gateway_source import AuditedGateway, UsedQuota
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of


def test_quotas_and_what_is_used_of_them(tmp_path: Path) -> None:
    """Bytes and objects as the log has them, also after a change of the limit; no word of who has none, or is
    disabled; for auditors alone."""
    with Gateway(tmp_path, flags=("--append-only", "--max-size", "1000000"), users={"x": "y"}) as gateway:
        limits = "--quota", "10000", "--objects", "9"
        token = operate(gateway, "principal", "add", "web01", "--repository", "r", *limits)
        operate(gateway, "principal", "add", "free", "--repository", "f")
        operate(gateway, "principal", "add", "gone", "--repository", "g", "--quota", "1000")
        operate(gateway, "principal", "disable", "gone")
        auditor = operate(gateway, "principal", "add", "log", "--role", "auditor", "--repository", "*")[1].strip()
        host = f"web01:{token[1].strip()}"
        config = gateway.make("r", host)
        data = b"x" * 9000
        assert gateway.put(f"/r/data/{name_of(data)}", data, host) == 200
        source = AuditedGateway(f"http://{gateway.address.removeprefix('http://').rstrip('/')}", "log", auditor)
        found = {(one.name, one.unit): one for one in source.quotas() or ()}
        assert set(found) == {("web01", "bytes"), ("web01", "objects"), ("*", "bytes")}
        used = len(config) + len(data)
        ours = found["web01", "bytes"]
        assert ours == UsedQuota(ours.principal, "web01", "bytes", used, 10000) and len(ours.principal) == 32
        assert (found["web01", "objects"].used, found["web01", "objects"].most) == (2, 9)
        assert found["*", "bytes"].used == used
        operate(gateway, "principal", "set", "web01", "--quota", "50000")
        assert {one.most for one in source.quotas() or () if (one.name, one.unit) == ("web01", "bytes")} == {50000}
        stranger = AuditedGateway(source.url, "web01", token[1].strip())
        with pytest.raises(Refused):
            stranger.quotas()
        for one in (source, stranger):
            one.close()
