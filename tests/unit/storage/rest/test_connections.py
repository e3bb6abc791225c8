"""Connections of the REST store: kept, closed, absent, with credentials, by sockets and TLS; whom it asks first."""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.removal import removal_of
from strongroom.storage.rest.url import parse
from strongroom.storage.transient import Unreachable
from tests.support.servers.ports import free_port
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.storage.contract import Store


DATA = b"the bytes of a pack"


PACK = ObjectName(Kind.DATA, hashlib.sha256(DATA).hexdigest())


KEY = f"repo/{PACK}"


ONCE = StoreOptions(retry_for=0)


def test_connections_are_kept(server: RestServer, store: Store) -> None:
    """Many requests go over one connection, also after refusals and reads that were left early."""
    store.create(PACK, DATA)
    for _ in range(10):
        store.stat(PACK)
        store.create(PACK, DATA)
        with store.read(PACK) as reader:
            reader.read(1)
        with pytest.raises(errors.Missing):
            store.stat(ObjectName(Kind.KEY, "0" * 64))
    assert server.connections <= 2


def test_a_connection_that_the_server_closed(server: RestServer, store: Store) -> None:
    """A kept connection that is gone is replaced without a word."""
    store.create(PACK, DATA)
    for _ in range(5):
        server.fail("GET", "lost")
        assert store.read_bytes(PACK) == DATA
        server.fail("HEAD", "lost")
        assert store.stat(PACK).size == len(DATA)


def test_nobody_there() -> None:
    """A port where nobody listens is Unreachable, with the address."""
    port = free_port()
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        open_store(f"rest:http://127.0.0.1:{port}/", ONCE).stat(CONFIG)


def test_credentials(server: RestServer) -> None:
    """From the URL with percent signs, else from the environment, ours before restic's; wrong ones are Refused."""
    server.credentials = ("me", "p@ss/word:1")
    address = server.url.removeprefix("http://")

    def stat(url: str, **environment: str) -> None:
        with pytest.raises(errors.Missing):
            open_store(url, StoreOptions(retry_for=0, environment=environment)).stat(PACK)

    stat(f"rest:http://me:p%40ss%2Fword%3A1@{address}")
    stat(f"rest:http://{address}", RESTIC_REST_USERNAME="me", RESTIC_REST_PASSWORD="p@ss/word:1")
    stat(
        f"rest:http://{address}",
        RESTIC_REST_USERNAME="other",
        STRONGROOM_REST_USERNAME="me",
        RESTIC_REST_PASSWORD="p@ss/word:1",
    )
    with pytest.raises(errors.Refused) as caught:
        stat(f"rest:http://me:wrong@{address}", RESTIC_REST_PASSWORD="p@ss/word:1")
    assert "wrong" not in str(caught.value)
    assert server.heads[0]["authorization"].startswith("Basic ")


def test_append_only(server: RestServer, store: Store) -> None:
    """Where the server forbids deleting, removal is Refused and locks still go."""
    server.append_only = True
    store.create(PACK, DATA)
    lock = ObjectName(Kind.LOCK, PACK.name)
    store.create(lock, DATA)
    with pytest.raises(errors.Refused):
        removal_of(store).remove(PACK)
    store.release_lock(lock.name)
    assert list(server.objects) == [KEY]


def test_unix_socket(tmp_path: Path) -> None:
    """A server behind a socket in the file system."""
    with RestServer(unix=tmp_path / "sock") as server, open_store(f"rest:{server.url}", ONCE) as store:
        store.create(PACK, DATA)
        assert store.read_bytes(PACK) == DATA
        assert store.location == f"rest:http+unix://{tmp_path}/sock:/repo/"
    with pytest.raises(Unreachable):
        open_store(f"rest:http+unix://{tmp_path}/none:/", ONCE).stat(CONFIG)


def test_tls(tmp_path: Path) -> None:
    """An authority of one's own, a client certificate, the insecure flag, and each failing without."""
    authority, clients = trustme.CA(), trustme.CA()
    identity, client = authority.issue_cert("127.0.0.1"), clients.issue_cert("me@example.org")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    (tmp_path / "empty.pem").write_text("")

    def certificate(context: ssl.SSLContext) -> None:
        identity.configure_cert(context)
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    def stat(**more: object) -> None:
        open_store(f"rest:{server.url}", StoreOptions(retry_for=0, **more)).stat(PACK)  # type: ignore[arg-type]

    ca, mine = (str(tmp_path / "ca.pem"),), str(tmp_path / "client.pem")
    with RestServer(certificate=certificate) as server:
        server.objects[KEY] = DATA
        stat(cacert=ca, client_certificate=mine)
        stat(insecure_tls=True, client_certificate=mine)
        with pytest.raises(errors.Refused, match="not trusted"):
            stat(client_certificate=mine)
        with pytest.raises(errors.StoreError):
            stat(cacert=ca)
        for bad in ("missing.pem", "empty.pem"):
            with pytest.raises(errors.ConfigurationError, match=bad):
                stat(cacert=(str(tmp_path / bad),))
    with RestServer() as plain, pytest.raises(errors.Refused, match="TLS"):
        open_store(f"rest:{plain.url.replace('http', 'https', 1)}", ONCE).stat(PACK)


def test_all_spellings_of_a_place_are_one() -> None:
    """Letters of the host, the usual port, slashes, percent signs and credentials do not make another place."""
    options = StoreOptions(environment={})
    spellings = ("http://a.example/r/", "HTTP://A.example:80//r", "http://u:p@a.example/%72/", "http://a.example./r")
    assert len({parse(text, options).place for text in spellings}) == 1
    others = ("https://a.example/r", "http://a.example:81/r", "http://a.example/R", "http://a.example/r/r")
    assert len({parse(text, options).place for text in (*others, spellings[0])}) == 5
