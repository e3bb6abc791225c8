"""An answer that ends before it is whole is no answer: not of the log, and not of a file of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from strongroom.base.errors import Unavailable
from strongroom.receipts.audit.log_source import open_source
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.storage.options import StoreOptions
from strongroom.storage.rest.rest_files import RestFiles
from strongroom.storage.rest.store import RestStore
from strongroom.storage.rest.url import parse

CUT = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\n" + b"x" * 50


@pytest.fixture
def address() -> Iterator[str]:
    """A server that announces a hundred bytes, and sends fifty."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(CUT)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "http://{}:{}/r/".format(*listening.getsockname())
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_file_of_the_log_that_breaks_off_is_not_believed(address: str) -> None:
    """It would be damage, for which a gateway is called a liar and all is frozen; it is a fault that passes."""
    options = StoreOptions(retry_for=0)
    log = GatewayLog(parse(address, options), options)
    for asked in (lambda: log.file("checkpoint"), log.health):
        with pytest.raises(Unavailable, match="ended within an answer"):
            asked()
    log.close()
    with pytest.raises(Unavailable, match="ended within an answer"):
        open_source(address, options).read("checkpoint")


def test_a_file_of_ours_that_breaks_off_is_not_believed(address: str) -> None:
    """A record that is half there would be none of ours."""
    options = StoreOptions(retry_for=0)
    store = RestStore(parse(address, options), options)
    store.keeps_own_files = True
    with pytest.raises(Unavailable, match="ended within an answer"):
        RestFiles(store).read("custody/rounds/0000000001")
    store.close()
