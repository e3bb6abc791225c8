"""Lists of a gateway: types that clients compare, streams, and the paginated draft."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.servers.gateways import V2, Gateway, name_of

DATA = b"some bytes of a pack" * 100


NAME = name_of(DATA)


KINDS = ("data", "index", "keys", "locks", "snapshots")


def test_lists_have_exactly_the_types_that_clients_compare(gateway: Gateway) -> None:
    """Versions 1 and 2, empty and with objects, by Accept; strangers in the folder are not listed."""
    gateway.make("lists")
    empty = gateway.ask("GET", "/lists/data/", headers={"Accept": V2})
    assert (empty.status, empty.body, empty.headers["content-type"]) == (200, b"[]", V2)
    packs = [b"pack %d" % number for number in range(20)]
    for pack in packs:
        assert gateway.put(f"/lists/data/{name_of(pack)}", pack) == 200
    for shard in ("00", "ab", NAME[:2]):
        (gateway.data / "lists/data" / shard).mkdir(exist_ok=True)
    for stray in (".DS_Store", "ab/notes.txt", f"{NAME[:2]}/{NAME}.tmp"):
        path = gateway.data / "lists/data" / stray
        path.write_text("stray")
    (gateway.data / "lists/data/00" / ("0" * 64)).symlink_to("/etc/passwd")
    expected = {name_of(pack): len(pack) for pack in packs}
    found = gateway.ask("GET", "/lists/data/", headers={"Accept": V2}).json()
    assert {one["name"]: one["size"] for one in found} == expected
    one = gateway.ask("GET", "/lists/data/")
    assert one.headers["content-type"] == "application/vnd.x.restic.rest.v1"
    assert sorted(one.json()) == sorted(expected)
    assert gateway.ask("GET", "/lists/data/", headers={"Accept": "text/html, " + V2 + ";q=0.9"}).json() == found
    assert gateway.ask("GET", "/lists/data/", headers={"Accept": "application/vnd.x.restic.rest.v9"}).status == 406
    assert gateway.ask("GET", "/lists/data/", headers={"Accept": "application/vnd.x.restic.rest.v9, */*"}).status == 200
    assert gateway.ask("GET", "/lists/data").status == 404
    assert gateway.ask("HEAD", "/lists/data/").status == 405
    assert gateway.ask("GET", f"/lists/data/{'0' * 64}").status in (403, 500)
    assert gateway.ask("GET", "/never-made/data/", headers={"Accept": V2}).body == b"[]"


def test_a_large_list_streams(gateway: Gateway) -> None:
    """A list that is longer than a piece arrives whole, in chunks, and once."""
    gateway.make("many")
    names = [f"{number:064x}" for number in range(3000)]
    for name in names:
        (gateway.data / "many/snapshots" / name).write_bytes(b"12345")
    reply = gateway.ask("GET", "/many/snapshots/", headers={"Accept": V2})
    assert reply.headers["transfer-encoding"] == "chunked"
    assert [one["name"] for one in reply.json()] == names
    assert {one["size"] for one in reply.json()} == {5}


def test_the_paginated_draft(gateway: Gateway) -> None:
    """Version 3 gives pages by name; what is there throughout comes exactly once though others come and go."""
    v3 = {"Accept": "application/vnd.x.restic.rest.v3"}
    gateway.make("pages")
    folder = gateway.data / "pages/index"
    names = [f"{number * 10:064x}" for number in range(25)]
    for name in names:
        (folder / name).write_bytes(b"1")
    seen: list[str] = []
    token = ""
    for page in range(100):
        reply = gateway.ask("GET", f"/pages/index/?count=4&continue={token}", headers=v3)
        assert reply.headers["content-type"] == v3["Accept"]
        seen += [one["name"] for one in reply.json()["items"]]
        token = reply.json()["continue"]
        if not token:
            break
        (folder / f"{page * 10 + 5:064x}").write_bytes(b"1")
        Path(folder / f"{page * 10 + 5 - 10:064x}").unlink(missing_ok=True)
    assert [name for name in seen if name in names] == names
    assert len(seen) == len(set(seen))
    for bad in ("count=0", "count=10001", "count=x", "continue=../x"):
        assert gateway.ask("GET", f"/pages/index/?{bad}", headers=v3).status == 400


@pytest.mark.parametrize(
    "count",
    [
        "000000001999999999",
        "9" * 5000,
        "01",
        "+5",
        "-1",
        "0",
        "",
        "%D9%A5",
        "1_0",
        "1e3",
        "%205",
        "0x5",
        "10001",
        "5.0",
    ],
)
def test_a_pages_count_is_plain_digits(gateway: Gateway, count: str) -> None:
    """A count that is no number within its bounds is refused, however it is written."""
    gateway.make("counted")
    accept = {"Accept": "application/vnd.x.restic.rest.v3"}
    assert gateway.ask("GET", f"/counted/keys/?count={count}", headers=accept).status == 400
    assert gateway.ask("GET", "/counted/keys/?count=10000", headers=accept).status == 200
