"""Who is let in and to what, by the parts that decide it: paths, password files, networks, TLS settings."""

from __future__ import annotations

import base64
import hashlib
import math
import time
from collections.abc import Iterable
from pathlib import Path

import bcrypt
import pytest
import trustme

from strongroom.base.errors import ConfigurationError
from strongroom.base.objects import Kind
from strongroom.gateway.access.access import Access
from strongroom.gateway.access.caller import Denied
from strongroom.gateway.access.htpasswd import PasswordFile
from strongroom.gateway.access.policy import allowed_address, check_addresses
from strongroom.gateway.http.request import Request
from strongroom.gateway.last_good import LastGoodFiles
from strongroom.gateway.paths import ObjectPath, parse_path
from strongroom.gateway.processes.serve import _certificates
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings

ID = "ab" * 32
SPLIT: list[tuple[str, tuple[str, ...] | None, Kind | None, bool]] = [
    ("/", (), None, False),
    ("/data/", (), Kind.DATA, False),
    ("/config", (), Kind.CONFIG, True),
    (f"/data/{ID}", (), Kind.DATA, True),
    (f"/locks/{ID}", (), Kind.LOCK, True),
    ("/foo/", ("foo",), None, False),
    ("/foo/config", ("foo",), Kind.CONFIG, True),
    ("/foo/snapshots/", ("foo",), Kind.SNAPSHOT, False),
    (f"/foo/keys/{ID}", ("foo",), Kind.KEY, True),
    ("/foo/bar/", ("foo", "bar"), None, False),
    (f"/foo/bar/index/{ID}", ("foo", "bar"), Kind.INDEX, True),
    ("/user%40example/", ("user@example",), None, False),
    ("/f%C3%BCr/", ("für",), None, False),
    ("", None, None, False),
    ("foo/", None, None, False),
    ("/foo", None, None, False),
    ("/foo/bar", None, None, False),
    ("/foo/bar/baz/", None, None, False),
    ("/foo/bar/baz/config", None, None, False),
    ("//", None, None, False),
    ("/foo//", None, None, False),
    ("/config/", None, None, False),
    ("/config/config", None, None, False),
    ("/data", None, None, False),
    (f"/data/{ID}/", None, None, False),
    (f"/data/{ID[:63]}", None, None, False),
    (f"/data/{ID.upper()}", None, None, False),
    ("/foo/data/index/", None, None, False),
    ("/foo%2Fbar/config", None, None, False),
    ("/foo%/config", None, None, False),
    ("/fo%00o/config", None, None, False),
    ("/%ff/config", None, None, False),
    ("/.foo/config", None, None, False),
]


@pytest.mark.parametrize(("path", "folders", "kind", "named"), SPLIT)
def test_split_url_path(path: str, folders: tuple[str, ...] | None, kind: Kind | None, named: bool) -> None:
    """TestSplitURLPath and more: each path names what it should, or nothing."""
    found = parse_path(path)
    if folders is None:
        assert found is None
        return
    assert isinstance(found, ObjectPath)
    assert (found.repository, found.kind, found.name is not None) == (folders, kind, named)


def test_password_files(tmp_path: Path) -> None:
    """TestValidate, TestCheckAuth: bcrypt in its three spellings and {SHA}; nobody else gets in; changes are read."""
    file = tmp_path / ".htpasswd"
    hashed = {prefix: bcrypt.hashpw(b"pw-" + prefix, bcrypt.gensalt(4)) for prefix in (b"2a", b"2b", b"2y")}
    lines = [b"user%b:%b" % (prefix, b"$" + prefix + one[3:]) for prefix, one in hashed.items()]
    sha = base64.b64encode(hashlib.sha1(b"weak", usedforsecurity=False).digest())
    strangers = [b"md5:$apr1$abcdefgh$0123456789012345678901", b"plain:plain", b"# comment:x", b":nobody", b"no-colon"]
    file.write_bytes(b"\n".join([*lines, b"sha:{SHA}" + sha, *strangers]) + b"\r\n")
    users = PasswordFile(str(file))
    for prefix in hashed:
        assert users.check(f"user{prefix.decode()}", b"pw-" + prefix)
        assert not users.check(f"user{prefix.decode()}", b"pw-")
        assert not users.check(f"user{prefix.decode()}", b"")
    assert users.check("sha", b"weak")
    assert not users.check("sha", sha)
    for stranger in ("md5", "plain", "# comment", "", "nobody", "no-colon", "user2a "):
        for password in (b"", b"plain", b"x", b"nobody"):
            assert not users.check(stranger, password)
    *weak, others = users.warnings
    assert [one.split("'")[1] for one in weak] == ["sha", "md5", "plain"]
    assert others.endswith("user:hash: 2")
    file.write_bytes(b"other:" + hashed[b"2b"])
    users.load()
    assert users.check("other", b"pw-2b")
    assert not users.check("sha", b"weak")
    file.unlink()
    with pytest.raises(ConfigurationError):
        users.load()
    assert users.check("other", b"pw-2b")  # those that were known stay


def test_nobody_is_let_in_by_a_file_that_is_being_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request within a reload, or one that began before it, does not bring back a password that was taken away."""
    file = tmp_path / ".htpasswd"
    file.write_bytes(b"user:" + bcrypt.hashpw(b"old", bcrypt.gensalt(4)))
    settings = GatewaySettings(path=str(tmp_path), htpasswd_file=str(file))
    database = open_database(settings)
    access = Access(settings, database)
    header = {"authorization": "Basic " + base64.b64encode(b"user:old").decode()}
    asked = Request("GET", "/", header, keep_alive=True, length=None)
    access.authenticate(asked)
    load, check = PasswordFile.load, PasswordFile.check

    def with_a_guest(users: PasswordFile) -> None:
        access.authenticate(asked)
        load(users)

    def slow_check(users: PasswordFile, user: str, password: bytes) -> bool:
        good = check(users, user, password)
        monkeypatch.setattr(PasswordFile, "check", check)
        access.reload()
        return good

    monkeypatch.setattr(PasswordFile, "load", with_a_guest)
    file.write_bytes(b"user:" + bcrypt.hashpw(b"new one", bcrypt.gensalt(4)))
    access.reload()
    with pytest.raises(Denied):
        access.authenticate(asked)
    monkeypatch.setattr(PasswordFile, "load", load)
    file.write_bytes(b"user:" + bcrypt.hashpw(b"old", bcrypt.gensalt(4)) + b"\n# another length\n")
    access.reload()
    monkeypatch.setattr(PasswordFile, "check", slow_check)
    file.write_bytes(b"user:" + bcrypt.hashpw(b"new one", bcrypt.gensalt(4)) + b"\n# and another length\n")
    access.authenticate(asked)  # it was looked up in the old file
    with pytest.raises(Denied):
        access.authenticate(asked)
    database.close()


def test_a_wrong_password_takes_as_long_for_every_user(tmp_path: Path) -> None:
    """G-8: the time of an answer does not tell which users there are, of whatever kind and cost their hashes are."""
    file = tmp_path / ".htpasswd"
    costs = {f"cost{cost}".encode(): bcrypt.hashpw(b"pw", bcrypt.gensalt(cost)) for cost in (4, 5, 6, 8)}
    others = {
        b"sha": b"{SHA}" + base64.b64encode(hashlib.sha1(b"pw", usedforsecurity=False).digest()),
        b"md5": b"$apr1$abcdefgh$0123456789012345678901",
        b"broken": b"$2y$10$short",
        b"beyond": b"$2y$99$" + b"." * 53,
        b"empty": b"",
    }
    file.write_bytes(b"\n".join(name + b":" + hashed for name, hashed in (costs | others).items()))
    users = PasswordFile(str(file))

    def differ(names: Iterable[str], password: bytes, most: float) -> dict[str, float]:
        """The seconds of each where they differ by more than allowed; none where they do not.

        A core that others work on, too, is slower for a while. The best of many is what the work itself takes, and
        those of unlike work stay apart however often they are measured.
        """
        took = dict.fromkeys(names, math.inf)
        for _ in range(40):
            for user in took:
                begun = time.thread_time()
                assert not users.check(user, password)
                took[user] = min(took[user], time.thread_time() - begun)
            if max(took.values()) < most * min(took.values()):
                return {}
        return took

    everybody = ("unknown", *(name.decode() for name in costs | others))
    for password in (b"wrong", b"", b"with\0zero", b"x" * 100):
        assert differ(everybody, password, 1.7) == {}, password
    file.write_bytes(b"quick:" + costs[b"cost5"] + b"\n# the costly one has gone\n")
    users.load()
    assert differ(("unknown", "quick"), b"wrong", 3.0) == {}


@pytest.mark.parametrize(
    ("networks", "address", "let_in"),
    [
        ([], "203.0.113.5", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.1", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["2001:db8::/32", "10.0.0.0/8"], "2001:db8:1::1", True),
        (["2001:db8::/32", "10.0.0.0/8"], "10.9.9.9", True),
        (["10.0.0.0/8"], "2001:db8::1", False),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], "10.0.0.1, 192.0.2.1", False),
    ],
)
def test_address_lists(networks: list[str], address: str, let_in: bool) -> None:
    """An address is let in from the networks that are named, and from all when none is."""
    assert allowed_address(check_addresses(networks, "addresses"), address) is let_in


@pytest.mark.parametrize("bad", [["10.0.0.0/33"], ["x"], "10.0.0.0/8", [5]])
def test_bad_address_lists(bad: object) -> None:
    """What is no list of networks is refused when it is read."""
    with pytest.raises(ConfigurationError):
        check_addresses(bad, "addresses")


TLS: list[tuple[dict[str, object], str]] = [
    ({}, "none"),
    ({"tls": True}, "default"),
    ({"tls": True, "tls_cert": "own.crt", "tls_key": "own.key"}, "own"),
    ({"tls": True, "tls_cert": "own.crt"}, "fault"),  # the default key is another certificate's
    ({"tls_cert": "own.crt"}, "fault"),
    ({"tls_key": "own.key"}, "fault"),
    ({"tls_cert": "own.crt", "tls_key": "own.key"}, "fault"),
    ({"tls": True, "tls_cert": "absent.crt", "tls_key": "own.key"}, "fault"),
]


@pytest.mark.parametrize(("given", "expected"), TLS)
def test_tls_settings(tmp_path: Path, given: dict[str, object], expected: str) -> None:
    """TestTLSSettings: default names, own names, and a certificate without --tls, which is a mistake to be told."""
    authority = trustme.CA()
    for certificate, key in (("public_key", "private_key"), ("own.crt", "own.key")):
        made = authority.issue_cert("localhost")
        (tmp_path / certificate).write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
        (tmp_path / key).write_bytes(made.private_key_pem.bytes())
    words = {key: str(tmp_path / str(value)) if isinstance(value, str) else value for key, value in given.items()}
    settings = GatewaySettings(path=str(tmp_path), **words)  # type: ignore[arg-type]
    if expected == "fault":
        with pytest.raises(ConfigurationError):
            _certificates(settings, LastGoodFiles())
    else:
        assert (_certificates(settings, LastGoodFiles()) is None) == (expected == "none")
