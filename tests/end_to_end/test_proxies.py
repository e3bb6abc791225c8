"""The installed command through proxies."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.support.programs import Strongroom
from tests.support.proxies import Proxy
from tests.support.servers.rest_server import RestServer

AUTHORITY = trustme.CA()
HOST = "store.example"
CREDENTIALS = ("ann", "ge:heim")


@pytest.mark.parametrize(
    ("kind", "tls"), [("http", False), ("http", True), ("https", True), ("socks5", True), ("socks5h", False)]
)
def test_a_backup_goes_through_each_kind_of_proxy(
    strongroom: Strongroom, tmp_path: Path, source: Path, kind: str, tls: bool
) -> None:
    """Init and backup through a proxy with credentials, which looks the server's name up itself."""
    certificate = AUTHORITY.issue_cert(HOST, "127.0.0.1").configure_cert
    authority = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(authority))
    variable = "HTTPS_PROXY" if tls else "HTTP_PROXY"
    with (
        RestServer(certificate=certificate if tls else None) as server,
        Proxy(kind, server.port, CREDENTIALS, certificate if kind == "https" else None) as proxy,
    ):
        url = proxy.url.replace("ge:heim", "ge%3Aheim")
        strongroom.env |= {variable: url, "RESTIC_CACERT": str(authority), "NO_PROXY": "192.0.2.0/24"}
        place = f"rest:{server.scheme}://{HOST}:{server.port}/repo/"
        strongroom.init(place)
        strongroom.backup(place, source)
        assert set(proxy.asked) == {f"{HOST}:{server.port}"}
        refused = strongroom.on(place, "snapshots", env={variable: url.replace("heim", "raten")}).expect(1)
        assert "proxy" in refused.err
        assert "raten" not in refused.err


def test_s3_goes_through_the_same_proxy_and_loopback_never_does(strongroom: Strongroom, repository: Path) -> None:
    """A bucket's host is asked of the proxy; a server at 127.0.0.2 is not."""
    with RestServer() as server, Proxy("http", server.port) as proxy:
        strongroom.env |= {"HTTP_PROXY": proxy.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        strongroom.on("s3:http://bucket.example/bucket/x", "snapshots").expect(10)
        assert set(proxy.asked) == {"bucket.example:80"}
        proxy.asked.clear()
        strongroom.on("rest:http://127.0.0.2:9/", "snapshots", "-o", "rest.retry-for=0").expect(1)
        strongroom.init(f"rest:{server.url}")
        assert not proxy.asked
        strongroom.init(repository)
