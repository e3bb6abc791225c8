"""The threat catalogue at the gateway: what allowed an upload holds when it is published, or nothing is.

Bodies here are whole but for the last bytes that say that they have ended.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket, over_tls
from tests.support.servers.replies import chunked, read_reply
from tests.support.waiting import until

KINDS = ("data", "index", "snapshots", "keys")


@pytest.fixture(params=["disk", "disk over TLS", "bucket"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway over each kind of place, for principals with tokens; not started yet."""
    flags = ("--append-only",)
    made = over_bucket(tmp_path, flags=flags) if request.param == "bucket" else Gateway(tmp_path, flags=flags)
    made.users, made.workers = {"x": "y"}, 2
    if request.param == "disk over TLS":
        over_tls(made)
    yield made
    made.stop()


def add(gateway: Gateway, who: str, *more: str) -> str:
    """A host of the repository ``r``, unless said otherwise; its credentials."""
    code, said = operate(gateway, "principal", "add", who, *(more or ("--repository", "r")))
    assert code == 0, said
    return f"{who}:{said.strip()}"


def hold(gateway: Gateway, path: str, data: bytes, user: str, method: str = "POST") -> socket.socket:
    """An upload of which all has been sent but for the last five bytes of the chunked body."""
    connection = gateway.connect()
    headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
    connection.sendall(gateway.head(method, path, headers, user) + chunked(data)[:-5])
    return connection


def end(connection: socket.socket) -> int:
    """Send the five bytes; the answer's status."""
    with connection:
        connection.sendall(b"0\r\n\r\n")
        return read_reply(connection).status


def arrived(gateway: Gateway) -> None:
    """Let what was sent be read: what is tried here is a change after that."""
    del gateway
    time.sleep(0.7)


def identity(gateway: Gateway, label: str) -> str:
    """A repository's ID."""
    return str(gateway.rows(f"SELECT id FROM repository WHERE path = '{label}'")[0][0])


def test_what_a_right_was_is_nothing_when_the_body_ends(anywhere: Gateway) -> None:
    """K-1, K-4, G-8: a frozen folder, a disabled, renewed or ended token, another policy: at the last byte, too."""
    policy = anywhere.folder / "gateway.toml"
    rule = 'version = 1\n[[rule]]\nprincipal = "guest"\nrepositories = ["r"]\nrole = "{}"\n'
    policy.write_text(rule.format("host"))
    anywhere.flags = (*anywhere.flags, "--config", str(policy))
    with anywhere as gateway:
        host, thief, renewed = add(gateway, "host"), add(gateway, "thief"), add(gateway, "renewed")
        guest = add(gateway, "guest", "--repository", "other")
        gateway.make("r", host)
        brief = add(gateway, "brief", "--repository", "r", "--days", str(6 / 86400))
        made = time.monotonic()
        junk = {who: os.urandom(3000) for who in (thief, renewed, guest, brief)}
        held = {who: hold(gateway, f"/r/data/{name_of(data)}", data, who) for who, data in junk.items()}
        key = b"a junk key"
        junk_key = hold(gateway, f"/r/keys/{name_of(key)}", key, host)
        arrived(gateway)
        snapshot = b"the first snapshot"
        assert gateway.put(f"/r/snapshots/{name_of(snapshot)}", snapshot, host) == 200
        assert end(junk_key) == 403
        assert operate(gateway, "principal", "disable", "thief")[0] == 0
        assert end(held[thief]) == 401
        assert operate(gateway, "principal", "rotate", "renewed", "--all")[0] == 0
        assert end(held[renewed]) == 401
        policy.write_text(rule.format("auditor"))
        assert end(held[guest]) == 403
        time.sleep(max(0.0, made + 6.5 - time.monotonic()))
        assert end(held[brief]) == 401
        for data in junk.values():
            assert gateway.ask("HEAD", f"/r/data/{name_of(data)}", user=host).status == 404
        assert gateway.ask("HEAD", f"/r/keys/{name_of(key)}", user=host).status == 404
        assert not {name_of(one) for one in (*junk.values(), key)} & {leaf.name for leaf in leaves(gateway)}


def test_a_panic_holds_for_what_has_only_to_end(anywhere: Gateway) -> None:
    """K-1: once `gateway panic` has returned nothing is published but locks: no object, config or sealed key."""
    with anywhere as gateway:
        host = add(gateway, "host", "--repository", "r", "--repository", "e")
        gateway.make("r", host)
        assert gateway.put("/e/?create=true", b"", host) == 200
        made = {kind: f"junk for {kind}".encode() for kind in KINDS}
        held = [hold(gateway, f"/r/{kind}/{name_of(data)}", data, host) for kind, data in made.items()]
        held.append(hold(gateway, "/e/config", b"a config", host))
        sealed = f"/.strongroom/v1/repositories/{identity(gateway, 'r')}/sealed/{name_of(b'custodian')}"
        held.append(hold(gateway, sealed, b"sealed", host, "PUT"))
        lock = b"a lock"
        locking = hold(gateway, f"/r/locks/{name_of(lock)}", lock, host)
        arrived(gateway)
        for repository in ("r", "e"):
            assert operate(gateway, "panic", repository)[0] == 0
        assert [end(connection) for connection in held] == [403] * 6
        assert end(locking) == 200
        for kind, data in made.items():
            assert gateway.ask("HEAD", f"/r/{kind}/{name_of(data)}", user=host).status == 404
        assert gateway.ask("HEAD", "/e/config", user=host).status == 404
        assert gateway.ask("GET", sealed, user=host).status == 404
        assert {leaf.kind for leaf in leaves(gateway)} <= {"config", ""}


def test_only_the_bytes_make_a_lock_somebodys(anywhere: Gateway) -> None:
    """G-5: whoever names a lock before its maker, with other bytes or with none, has no claim to it."""
    with anywhere as gateway:
        host, thief = add(gateway, "host"), add(gateway, "thief")
        gateway.make("r", host)
        lock = secrets.token_bytes(200)
        path = f"/r/locks/{name_of(lock)}"
        assert gateway.put(path, b"other bytes", thief) == 400
        half = hold(gateway, path, lock[:100], thief)
        arrived(gateway)
        assert gateway.put(path, lock, host) == 200
        assert end(half) in (400, 403)
        assert gateway.put(path, b"other bytes", thief) in (400, 403)
        assert gateway.put(path, lock, thief) == 200  # the same again is a success, and claims nothing
        assert gateway.ask("DELETE", path, user=thief).status == 403
        assert gateway.ask("DELETE", path, user=host).status == 200
        assert gateway.ask("HEAD", path, user=host).status == 404
        assert gateway.rows("SELECT name FROM lock_owner") == []


def test_locks_are_no_more_than_allowed_also_when_they_race(anywhere: Gateway) -> None:
    """G-4: of 90 locks that are sent at once to two workers 64 are taken; one that is removed makes room for one."""
    with anywhere as gateway:
        host = add(gateway, "host")
        gateway.make("r", host)

        def lock(number: int) -> tuple[int, str]:
            data = b"lock %d" % number
            path = f"/r/locks/{name_of(data)}"
            status = 503  # too many uploads at once: restic asks again
            while status == 503:
                status = gateway.put(path, data, host)
            return status, path

        with ThreadPoolExecutor(45) as pool:
            answers = list(pool.map(lock, range(90)))
        assert sorted(status for status, _ in answers) == [200] * 64 + [507] * 26
        mine = next(path for status, path in answers if status == 200)
        assert gateway.ask("DELETE", mine, user=host).status == 200
        assert [lock(number)[0] for number in (91, 92)] == [200, 507]


def test_a_slow_key_holds_nobody_up(anywhere: Gateway) -> None:
    """G-2: while a key's body is on its way, other keys of the repository come in."""
    with anywhere as gateway:
        host, slow = add(gateway, "host"), add(gateway, "slow")
        gateway.make("r", host)
        late = hold(gateway, f"/r/keys/{name_of(b'late')}", b"late", slow)
        arrived(gateway)
        begun = time.monotonic()
        assert gateway.put(f"/r/keys/{name_of(b'key')}", b"key", host) == 200
        assert time.monotonic() - begun < 20
        assert end(late) == 200


def refused(gateway: Gateway, requests: Sequence[tuple[str, str]], user: str | None = None) -> None:
    """Each of the requests is 403, and what it is for is as it was."""
    for method, path in requests:
        assert gateway.ask(method, path, b"" if method == "POST" else None, user=user).status == 403, path


def test_read_only_is_read_only_without_append_only_too(tmp_path: Path) -> None:
    """A-9: in a panic nobody deletes, whatever he may else: no pack, no config, no key; locks come and go."""
    with Gateway(tmp_path, flags=("--no-auth",), workers=2) as gateway:
        config = gateway.make("r")
        made = {kind: f"one of {kind}".encode() for kind in KINDS}
        for kind, data in made.items():
            assert gateway.put(f"/r/{kind}/{name_of(data)}", data) == 200
        assert operate(gateway, "panic", "r")[0] == 0
        paths = {f"/r/{kind}/{name_of(data)}": data for kind, data in made.items()} | {"/r/config": config}
        refused(gateway, [("DELETE", path) for path in paths] + [("POST", "/r/?create=true")])
        for path, data in paths.items():
            assert gateway.ask("GET", path).body == data
        assert gateway.put(f"/r/locks/{name_of(b'lock')}", b"lock") == 200
        assert gateway.ask("DELETE", f"/r/locks/{name_of(b'lock')}").status == 200
        assert operate(gateway, "panic", "r", "--off")[0] == 0
        until(lambda: gateway.ask("DELETE", next(iter(paths))).status == 200, gateway.said)


def test_read_only_is_read_only_for_custodian_and_operator(tmp_path: Path) -> None:
    """A-9: a panic holds for a custodian's delete, and for an operator's trash and key windows until he ends it."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        host = add(gateway, "host")
        judge = add(gateway, "judge", "--repository", "r", "--role", "custodian")
        gateway.make("r", host)
        packs = [b"one pack", b"another"]
        for pack in packs:
            assert gateway.put(f"/r/data/{name_of(pack)}", pack, host) == 200
        assert gateway.ask("DELETE", f"/r/data/{name_of(packs[0])}", user=judge).status == 200
        assert operate(gateway, "panic", "r")[0] == 0
        refused(gateway, [("DELETE", f"/r/data/{name_of(packs[1])}")], judge)
        wanted = name_of(b"key")
        verbs = (("trash", "restore", "r", name_of(packs[0])), ("trash", "purge", "r", "--clock-kept-outside"))
        for verb in (*verbs, ("keys", "open", "r", "--key", wanted)):
            code, said = operate(gateway, *verb)
            assert code != 0
            assert "panic" in said
        assert gateway.rows("SELECT * FROM key_window") == []
        assert operate(gateway, "panic", "r", "--off")[0] == 0
        assert operate(gateway, "trash", "restore", "r", name_of(packs[0]))[0] == 0
