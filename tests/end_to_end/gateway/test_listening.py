"""Where a gateway listens: TLS that is renewed, sockets of the file system and of systemd, ports, graceful stops."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import trustme

from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.log_source import FolderSource
from strongroom.receipts.log import promise
from strongroom.receipts.log.note import Verifier
from tests.support.command import STRONGROOM, environment
from tests.support.servers.gateways import Gateway, name_of
from tests.support.servers.replies import read_reply
from tests.support.waiting import PATIENCE, until

DATA = os.urandom(3_000_000)


NAME = name_of(DATA)


def certificates(folder: Path, authority: trustme.CA, name: str) -> None:
    """A certificate for localhost and this name, as rest-server calls its files."""
    made = authority.issue_cert("localhost", name)
    (folder / "public_key").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    (folder / "private_key").write_bytes(made.private_key_pem.bytes())


def test_tls_is_renewed_while_a_pack_is_half_sent(tmp_path: Path) -> None:
    """After SIGHUP new connections see the new certificate, and an upload from before goes on to its end."""
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    (tmp_path / "data").mkdir()
    certificates(tmp_path / "data", authority, "old.example")
    with Gateway(tmp_path, flags=("--no-auth", "--append-only", "--tls")) as gateway:

        def connect() -> ssl.SSLSocket:
            return context.wrap_socket(gateway.connect(), server_hostname="localhost")

        def names(connection: ssl.SSLSocket) -> str:
            return str((connection.getpeercert() or {}).get("subjectAltName"))

        with connect() as connection:
            connection.sendall(
                gateway.head("POST", "/web01/?create=true", {"Content-Length": "0", "Connection": "close"})
            )
            assert read_reply(connection).status == 200
        upload = connect()
        headers = {"Content-Length": str(len(DATA)), "Connection": "close"}
        upload.sendall(gateway.head("POST", f"/web01/data/{NAME}", headers) + DATA[: len(DATA) // 2])
        assert "old.example" in names(upload)
        certificates(gateway.data, authority, "new.example")
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)

        def renewed() -> bool:
            with connect() as connection:
                return "new.example" in names(connection)

        until(renewed, gateway.said)
        upload.sendall(DATA[len(DATA) // 2 :])
        assert read_reply(upload).status == 200
        with connect() as connection:
            connection.sendall(gateway.head("GET", f"/web01/data/{NAME}", {"Connection": "close"}))
            assert read_reply(connection).body == DATA
        (gateway.data / "public_key").write_text("not a certificate")
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: "reload" in gateway.said())
        with connect() as connection:
            assert "new.example" in names(connection)


def test_a_unix_socket_and_a_stale_one(tmp_path: Path) -> None:
    """A unix socket is served, and one that a killed gateway left is taken over."""
    gateway = Gateway(tmp_path)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path must be short
        address = f"unix:{folder}/s"
        for _ in range(2):
            gateway.start(listen=address)
            assert gateway.address == address
            assert gateway.put("/web01/?create=true", b"") == 200
            gateway.kill()


def _zoned() -> str:
    """An address of this machine that is only whole with its interface; empty where there is none."""
    lines = Path("/proc/net/if_inet6").read_text().splitlines() if Path("/proc/net/if_inet6").exists() else []
    for packed, _index, _length, scope, _flags, interface in (line.split() for line in lines):
        if scope == "20":  # of a link
            return f"{ipaddress.IPv6Address(int(packed, 16))}%{interface}"
    return ""


@pytest.mark.parametrize("where", ["[::1]:0", "[::ffff:127.0.0.1]:0", "localhost:0", "ip6-localhost:0", "zoned"])
def test_addresses_of_ipv6(tmp_path: Path, where: str) -> None:
    """Plain, mapped, by a name, or with the interface that a link's address needs."""
    name = where.removesuffix(":0")
    if where == "zoned":
        if not (zoned := _zoned()):
            pytest.skip("no interface here has an address of its link")
        where = f"[{zoned}]:0"
    elif "[" not in where:
        try:
            socket.getaddrinfo(name, 0)
        except socket.gaierror:
            pytest.skip(f"{name} is not known here")
    gateway = Gateway(tmp_path)
    gateway.start(where)
    try:
        host, _, port = gateway.address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE) as connection:
            connection.sendall(gateway.head("GET", "/health", {"Connection": "close"}))
            assert read_reply(connection).status == 200
    finally:
        gateway.stop()


def test_a_socket_from_systemd(tmp_path: Path) -> None:
    """A socket that systemd opened is served (LISTEN_PID, LISTEN_FDS), and wins over --listen."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        script = f'exec 3<&{listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        command = [STRONGROOM, "gateway", "serve", "--path", tmp_path / "data", "--no-auth", "--listen", "127.0.0.1:1"]
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *map(str, command)],
            pass_fds=[listener.fileno()],
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        gateway = Gateway(tmp_path, address=f"127.0.0.1:{listener.getsockname()[1]}")
        assert gateway.ask("GET", "/health").status == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_port_is_free_again_and_a_stop_lets_uploads_end(tmp_path: Path) -> None:
    """SIGTERM lets a running upload finish and be logged; the same port is served again at once."""
    gateway = Gateway(tmp_path, workers=2)
    gateway.start()
    gateway.make()
    upload = gateway.connect()
    upload.sendall(gateway.head("POST", f"/web01/data/{NAME}", {"Content-Length": str(len(DATA))}) + DATA[:1_000_000])
    until(lambda: os.listdir(gateway.data / "web01/.strongroom/tmp"), gateway.said)  # it is being taken in
    assert gateway.process is not None
    gateway.process.terminate()
    time.sleep(0.3)
    upload.sendall(DATA[1_000_000:])
    reply = read_reply(upload)
    assert reply.status == 200
    assert gateway.process.wait(PATIENCE) == 0
    receipt = promise.check(Verifier.parse(gateway.key), reply.headers["strongroom-receipt"])
    assert receipt.name == NAME
    found = audit(FolderSource(str(gateway.log)), key=Verifier.parse(gateway.key))
    assert found.head.size == 2
    before = gateway.address
    gateway.start(listen=before)
    assert gateway.address == before
    assert gateway.ask("GET", f"/web01/data/{NAME}").body == DATA
    gateway.stop()


def test_a_stop_in_the_very_beginning_is_a_stop(tmp_path: Path) -> None:
    """SIGTERM while the workers are still being started ends all of them, with 0, each time."""
    gateway = Gateway(tmp_path, workers=2)
    for number in range(8):
        gateway.start()
        time.sleep(number * 0.005)
        gateway.stop()
        assert "Traceback" not in gateway.said()
