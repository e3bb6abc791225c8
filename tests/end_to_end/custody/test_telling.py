"""R-13: metrics and the sign that all is well, which no failed round gives."""

from __future__ import annotations

import http.server
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.custody.telling.all_is_well import say_all_is_well
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD
from tests.support.waiting import PATIENCE


@pytest.fixture
def pinged() -> Iterator[tuple[str, list[str]]]:
    """A server's URL, and the paths that it was asked for."""
    asked: list[str] = []

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/well", asked
        server.shutdown()
        thread.join(PATIENCE)


def test_metrics_are_deadlines_and_the_sign_comes_only_when_all_is_well(
    strongroom: Strongroom, tmp_path: Path, pinged: tuple[str, list[str]]
) -> None:
    """A good round gives the sign and deadlines to come; a planted key keeps the sign away, and is in the metrics."""
    url, asked = pinged
    forge = Forge(tmp_path / "repository")
    tree = forge.tree(node("file", "file", content=forge.pack(("data", b"content")), size=7))
    forge.index()
    snapshot = forge.snapshot(tree)
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    file = tmp_path / "strongroom.prom"
    told = ("--metrics", str(file), "--ping", url)
    os.utime(snapshot)
    custodian.run("round", "--all", *told)
    well = custodian.run("status", *told)
    text = file.read_text()
    deadlines = dict(
        re.findall(r'^strongroom_custody_(\w+)_deadline_timestamp_seconds{repository="web01"} (\d+)$', text, re.M)
    )
    assert set(deadlines) == {"round", "good", "verify", "drill"}
    assert int(deadlines["round"]) < int(deadlines["drill"]) < int(deadlines["verify"])
    assert 'state{repository="web01",state="well"} 1' in text, well.out
    assert asked == ["/well", "/well"]
    forge.key()
    custodian.run("round", "--all", *told)
    assert asked == ["/well", "/well"]
    assert 'incidents_open{repository="web01",code="planted-key"} 1' in file.read_text()
    gone = custodian.run("status", "--ping", "http://127.0.0.1:1/well")
    assert gone.code == 73


def test_r_13_a_failed_round_is_remembered_when_the_status_is_asked_by_hand(
    strongroom: Strongroom, tmp_path: Path, pinged: tuple[str, list[str]]
) -> None:
    """R-13: the config is away, and then the identity: no sign is given by hand either, until a round goes through."""
    url, asked = pinged
    forge = Forge(tmp_path / "repository")
    tree = forge.tree(node("file", "file", content=forge.pack(("data", b"content")), size=7))
    forge.index()
    os.utime(forge.snapshot(tree))
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.round().expect(0)
    identity = tmp_path / "state" / "identity"
    for away in (forge.place / "config", identity):
        away.rename(tmp_path / "away")
        assert custodian.round().code != 0
        (told,) = custodian.run("status", "--ping", url, "--json").expect(75).json()
        assert told["failure"]
        (tmp_path / "away").rename(away)
        said = custodian.run("status", "--ping", url).expect(75)
        assert "the newest did not go through" in said.out
        assert asked == []
    custodian.round().expect(0)
    custodian.run("status", "--ping", url).expect(0)
    assert asked == ["/well"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/5f2c-secret", "http://me:pass@127.0.0.1:1/x?y=5f2c-secret", "ftp:5f2c-secret"]
)
def test_errors_of_the_sign_name_the_server_alone(url: str) -> None:
    """The path is the secret: whoever knows it can say that all is well."""
    with pytest.raises((ConfigurationError, Unavailable)) as failed:
        say_all_is_well(url)
    assert "secret" not in str(failed.value)
    assert "pass" not in str(failed.value)


def test_an_answer_without_an_end_is_one() -> None:
    """The sign is given by the status: who answers without end holds up no round, and fills no memory."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\nOK")
                connection.recv(4096)  # until the other side closes

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        say_all_is_well(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join(PATIENCE)
