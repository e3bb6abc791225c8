"""Reading on condition of an entity tag, as caches and those who go on with half a download do (RFC 9110, 13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.servers.gateways import Gateway, name_of, over_bucket

PACK = b"ten bytes!"
TAG = f'"{name_of(PACK)}"'
OTHER = '"another"'

CASES: list[tuple[dict[str, str], int, bytes]] = [
    ({"If-None-Match": TAG}, 304, b""),
    ({"If-None-Match": f"{OTHER}, W/{TAG}"}, 304, b""),
    ({"If-None-Match": "*"}, 304, b""),
    ({"If-None-Match": OTHER}, 200, PACK),
    ({"If-Match": TAG}, 200, PACK),
    ({"If-Match": "*"}, 200, PACK),
    ({"If-Match": OTHER}, 412, b""),
    ({"If-Match": f"W/{TAG}"}, 412, b""),
    ({"If-Range": TAG, "Range": "bytes=0-2"}, 206, b"ten"),
    ({"If-Range": OTHER, "Range": "bytes=0-2"}, 200, PACK),
    ({"If-Range": "Sat, 01 Jan 2000 00:00:00 GMT", "Range": "bytes=0-2"}, 200, PACK),
    ({"If-None-Match": TAG, "Range": "bytes=0-2"}, 304, b""),
]


@pytest.mark.parametrize("before_bucket", [False, True], ids=["disk", "bucket"])
def test_conditions_are_heeded(tmp_path: Path, before_bucket: bool) -> None:
    """304, 412, or all in place of a part; what is not there is 404; and the connection goes on."""
    with over_bucket(tmp_path) if before_bucket else Gateway(tmp_path) as gateway:
        gateway.make()
        path = f"/web01/data/{name_of(PACK)}"
        assert gateway.put(path, PACK) == 200
        for headers, status, body in CASES:
            answer = gateway.ask("GET", path, headers=headers)
            assert (answer.status, answer.body) == (status, body), headers
            assert answer.headers["etag"] == TAG
            assert gateway.ask("HEAD", path, headers=headers).status == (200 if status == 206 else status)
        absent = f"/web01/data/{64 * '0'}"
        assert gateway.ask("GET", absent, headers={"If-None-Match": "*"}).status == 404
        with gateway.connect() as connection:
            for _ in range(2):
                connection.sendall(gateway.head("GET", path, {"If-None-Match": TAG}))
                assert connection.recv(4096).endswith(b"\r\n\r\n")
