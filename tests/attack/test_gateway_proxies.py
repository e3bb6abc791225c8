"""The threat catalogue at the gateway: row G-8, whose word counts behind a proxy."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.gateways import Gateway

HEADER = "X-Remote-User"


def test_g_8_a_proxys_word_counts_from_trusted_addresses_alone(tmp_path: Path) -> None:
    """G-8: the header names the user when a trusted proxy sends it; from elsewhere it is worth nothing."""
    flags = ("--append-only", "--private-repos", "--proxy-auth-username", HEADER)
    with Gateway(tmp_path / "trusted", flags=flags) as gateway:
        assert gateway.ask("POST", "/alice/?create=true", b"", {HEADER: "alice"}).status == 200
        assert gateway.ask("GET", "/bob/config", headers={HEADER: "alice"}).status == 403
        assert gateway.ask("GET", "/alice/config").status == 401
        assert gateway.ask("GET", "/alice/config", headers={HEADER: ""}).status == 401
    elsewhere = (*flags, "--trusted-proxies", "192.0.2.0/24")
    with Gateway(tmp_path / "elsewhere", flags=elsewhere) as gateway:
        for headers in ({HEADER: "alice"}, {HEADER: "alice", "X-Forwarded-For": "192.0.2.1"}):
            assert gateway.ask("POST", "/alice/?create=true", b"", headers).status == 401
    assert not (tmp_path / "elsewhere/data/alice").exists()


def test_g_8_the_budget_of_failures_is_the_connections(tmp_path: Path) -> None:
    """G-8: an address that keeps guessing gets no new budget by claiming to be others, unless its word counts."""
    log = tmp_path / "access.log"
    flags = ("--append-only", "--trusted-proxies", "192.0.2.0/24", "--log", str(log))
    with Gateway(tmp_path, flags=flags, users={"alice": "pw"}) as gateway:
        statuses = [
            gateway.ask(
                "GET", "/alice/config", headers={"X-Forwarded-For": f"198.51.100.{number}"}, user=f"alice:no{number}"
            ).status
            for number in range(20)
        ]
        assert statuses[0] == 401
        assert statuses[-1] == 503
    assert all(line.startswith("127.0.0.1 ") for line in log.read_text().splitlines())
    log.unlink()
    with Gateway(tmp_path, flags=("--append-only", "--log", str(log)), users={"alice": "pw"}) as gateway:
        for number in range(20):
            headers = {"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"}
            assert gateway.ask("GET", "/alice/config", headers=headers, user=f"alice:no{number}").status == 401
    assert log.read_text().splitlines()[3].startswith("198.51.100.3 - alice ")


def test_g_8_addresses_of_a_principal_behind_a_proxy(tmp_path: Path) -> None:
    """G-8: the allow-list of a principal is held against the client's address as a trusted proxy tells it."""
    policy = tmp_path / "gateway.toml"
    token = "srg1_" + "0" * 16 + "_" + "A" * 43
    policy.write_text(
        f'version = 1\n[principal.web]\ntoken_sha256 = ["{"0" * 16}:{hashlib.sha256(token.encode()).hexdigest()}"]\n'
        'addresses = ["198.51.100.0/24"]\n[[rule]]\nprincipal = "web"\nrepositories = ["web"]\nrole = "host"\n'
    )
    with Gateway(tmp_path, flags=("--append-only", "--config", str(policy))) as gateway:
        who = f"web:{token}"
        for address, status in (("198.51.100.7", 200), ("203.0.113.1", 401), ("198.51.100.7, 203.0.113.1", 401)):
            headers = {"X-Forwarded-For": address}
            assert gateway.ask("POST", "/web/?create=true", b"", headers, who).status == status, address
        assert gateway.ask("POST", "/web/?create=true", b"", user=who).status == 401
