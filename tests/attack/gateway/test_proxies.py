"""The threat catalogue at the gateway: row G-8, whose word counts behind a proxy."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from strongroom.gateway.access.proxies import Proxies
from strongroom.gateway.http.request import Request
from tests.support import peers
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateways import Gateway
from tests.support.servers.ports import reserve
from tests.support.waiting import PATIENCE, until

PAGE = Path(__file__).parents[3] / "docs/guides/gateway.md"

HEADER = "X-Remote-User"
TRUSTED = ("--trusted-proxies", "127.0.0.1")


def test_g_8_a_proxys_word_counts_from_trusted_addresses_alone(tmp_path: Path) -> None:
    """G-8: the header names the user when a trusted proxy sends it; from elsewhere it is worth nothing."""
    flags = ("--append-only", "--private-repos", "--proxy-auth-username", HEADER)
    with Gateway(tmp_path / "trusted", flags=(*flags, *TRUSTED)) as gateway:
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
        assert 503 in statuses  # the last may be the one more that three seconds allow
    assert all(line.startswith("127.0.0.1 ") for line in log.read_text().splitlines())
    log.unlink()
    trusted = ("--append-only", "--log", str(log), *TRUSTED)
    with Gateway(tmp_path, flags=trusted, users={"alice": "pw"}) as gateway:
        for number in range(20):
            headers = {"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"}
            assert gateway.ask("GET", "/alice/config", headers=headers, user=f"alice:no{number}").status == 401
    # A line is written when its answer has been sent: the next one's may be before it.
    assert sum(line.startswith("198.51.100.3 - alice ") for line in log.read_text().splitlines()) == 1


def test_g_8_addresses_of_a_principal_behind_a_proxy(tmp_path: Path) -> None:
    """G-8: the allow-list of a principal is held against the client's address as a trusted proxy tells it."""
    policy = tmp_path / "gateway.toml"
    token = "srg1_" + "0" * 16 + "_" + "A" * 43
    policy.write_text(
        f'version = 1\n[principal.web]\ntoken_sha256 = ["{"0" * 16}:{hashlib.sha256(token.encode()).hexdigest()}"]\n'
        'addresses = ["198.51.100.0/24"]\n[[rule]]\nprincipal = "web"\nrepositories = ["web"]\nrole = "host"\n'
    )
    with Gateway(tmp_path, flags=("--append-only", "--config", str(policy), *TRUSTED)) as gateway:
        who = f"web:{token}"
        for address, status in (("198.51.100.7", 200), ("203.0.113.1", 401), ("198.51.100.7, 203.0.113.1", 401)):
            headers = {"X-Forwarded-For": address}
            assert gateway.ask("POST", "/web/?create=true", b"", headers, who).status == status, address
        assert gateway.ask("POST", "/web/?create=true", b"", user=who).status == 401


@pytest.mark.parametrize(
    ("named", "peer", "words", "expected"),
    [
        ((), "127.0.0.1", "198.51.100.7", "127.0.0.1"),
        ((), "::1", "198.51.100.7", "::1"),
        ((), "", "198.51.100.7", ""),
        (("unix",), "", "198.51.100.7", "198.51.100.7"),
        (("127.0.0.1",), "", "198.51.100.7", ""),
        (("127.0.0.1",), "127.0.0.1", None, "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", "", "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", "192.0.2.1, 198.51.100.7", "198.51.100.7"),
        (("127.0.0.1", "10.0.0.0/8"), "127.0.0.1", "192.0.2.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        (("127.0.0.1", "10.0.0.0/8"), "127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        (("127.0.0.1", "10.0.0.0/8"), "127.0.0.1", "198.51.100.7, unknown, 10.1.2.3", "10.1.2.3"),
        (("127.0.0.1",), "127.0.0.1", "192.0.2.1, junk", "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        (("127.0.0.1",), "127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        (("127.0.0.1",), "127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        (("2001:db8::/32",), "2001:db8::1", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_address_is_the_last_that_a_trusted_proxy_wrote(
    named: tuple[str, ...], peer: str, words: str | None, expected: str
) -> None:
    """From the right, what trusted proxies wrote is passed over; what a client says of itself is never reached."""
    headers = {} if words is None else {"x-forwarded-for": words}
    request = Request("GET", "/", headers, keep_alive=True, length=None, peer=peer)
    assert Proxies(named).client(request) == expected


def test_an_ipv6_network_is_one_address(tmp_path: Path) -> None:
    """G-8: whoever has 64 bits of addresses has one budget of wrong passwords; the log has the address itself."""
    log = tmp_path / "access.log"
    with Gateway(tmp_path, flags=("--append-only", "--log", str(log), *TRUSTED), users={"alice": "pw"}) as gateway:
        statuses = [
            gateway.ask(
                "GET", "/", headers={"X-Forwarded-For": f"2001:db8::{number:x}"}, user=f"alice:no{number}"
            ).status
            for number in range(1, 20)
        ]
        assert statuses[0] == 401
        assert 503 in statuses  # the last may be the one more that three seconds allow
        elsewhere = {"X-Forwarded-For": "2001:db8:0:1::1"}
        assert gateway.ask("GET", "/", headers=elsewhere, user="alice:no").status == 401
    assert sum(line.startswith("2001:db8::2 - alice ") for line in log.read_text().splitlines()) == 1


def test_an_unnamed_proxy_is_told_of(tmp_path: Path) -> None:
    """G-8: that all clients of a proxy share one budget is said at the start and, once one is seen, at /health."""
    flags = ("--append-only", "--clock-kept-outside")
    with Gateway(tmp_path, flags=flags, users={"alice": "pw"}) as gateway:
        assert "--trusted-proxies" in gateway.said()
        assert gateway.ask("GET", "/health").json()["warnings"] == []
        gateway.ask("GET", "/alice/config", headers={"X-Forwarded-For": "192.0.2.1"})
        (warning,) = until(lambda: gateway.ask("GET", "/health").json()["warnings"], gateway.said)
        assert "--trusted-proxies" in warning
        assert "127.0.0.1" not in warning
    with Gateway(tmp_path, flags=(*flags, *TRUSTED), users={"alice": "pw"}) as gateway:
        assert "--trusted-proxies" not in gateway.said()
        gateway.ask("GET", "/alice/config", headers={"X-Forwarded-For": "192.0.2.1"})
        assert gateway.ask("GET", "/health").json()["warnings"] == []
    words = ["gateway", "serve", "--path", str(tmp_path), "--listen", "127.0.0.1:0", "--proxy-auth-username", HEADER]
    done = run([STRONGROOM, *words], env=environment(tmp_path))
    assert done.code == 1
    assert "--trusted-proxies" in done.err


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_g_8_the_lines_of_our_page_behind_nginx(tmp_path: Path, way: str) -> None:
    """G-8: with nginx as docs/guides/gateway.md has it, what a client says of its address counts for nothing."""
    program = peers.require("nginx")
    log = tmp_path / "access.log"
    trusted = TRUSTED if way == "tcp" else ("--trusted-proxies", "unix")
    flags = ("--append-only", "--log", str(log), *trusted)
    gateway = Gateway(tmp_path / "gateway", flags=flags, users={"alice": "pw"}, user="alice")
    gateway.start(f"unix:{tmp_path}/socket" if way == "unix" else "")
    gateway.make("alice")
    block = re.search(r"^    location / \{\n(?:.*\n)*?    \}\n", PAGE.read_text(), re.MULTILINE)
    assert block
    upstream = f"http://unix:{tmp_path}/socket" if way == "unix" else f"http://{gateway.address}"
    lines = re.sub(r"proxy_pass [^;]*;", f"proxy_pass {upstream};", block[0])
    keeper = reserve()
    port = keeper.getsockname()[1]
    temporary = "".join(
        f"{one}_temp_path {tmp_path}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "" if peers.without_root() else "user root; "
    (tmp_path / "nginx.conf").write_text(
        f"{user}daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; server_name _;\n{lines}}} }}\n"
    )
    with subprocess.Popen([program, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]) as nginx:
        try:
            outside = Gateway(tmp_path / "gateway", users={"alice": "pw"}, user="alice", address=f"127.0.0.1:{port}")
            until(lambda: _answers(port))
            data = b"x" * 3_000_000
            assert outside.put(f"/alice/data/{hashlib.sha256(data).hexdigest()}", data) == 200
            assert outside.ask("GET", f"/alice/data/{hashlib.sha256(data).hexdigest()}").body == data
            statuses = [
                outside.ask(
                    "GET", "/", headers={"X-Forwarded-For": f"198.51.100.{number}"}, user=f"alice:no{number}"
                ).status
                for number in range(20)
            ]
            assert statuses[0] == 401
            assert 503 in statuses  # the last may be the one more that three seconds allow
        finally:
            nginx.send_signal(signal.SIGTERM)
            nginx.wait(PATIENCE)
            gateway.stop()
    guesses = [line for line in log.read_text().splitlines() if '" 401 ' in line or '" 503 ' in line]
    assert len(guesses) == 20
    assert {line.split(" ")[0] for line in guesses} == {"127.0.0.1"}


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        time.sleep(0.1)
        return False
    return True
