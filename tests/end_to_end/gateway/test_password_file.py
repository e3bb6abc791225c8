"""Password files as people have them: written elsewhere, with hashes of all kinds."""

from __future__ import annotations

import base64
import codecs
import hashlib
from pathlib import Path

import bcrypt

from tests.support.servers.gateway_inside import put_in_place
from tests.support.servers.gateways import Gateway
from tests.support.waiting import until

NOBODY = "warning: nobody can log in as {!r}: the password's hash is neither bcrypt nor {{SHA}}"


def hashed(password: str) -> str:
    """A bcrypt hash as Apache's htpasswd writes it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")


def test_who_can_never_log_in_is_named(tmp_path: Path) -> None:
    """A byte order mark and other line ends are no part of a name; hashes that are not read are told at once, also in a
    file that comes later, since an answer of 401 does not say what is wrong."""
    sha = "{SHA}" + base64.b64encode(hashlib.sha1(b"d").digest()).decode()
    lines = {
        "alice": hashed("a"),
        "bob": "$apr1$xW9Xc5sO$Fm8fXkQmAyPpMXYtUGs0Q.",  # htpasswd without -B
        "carl": "$5$rounds=5000$abcdefgh$0123456789",  # htpasswd -2
        "dora": sha,
        "emil": hashed("e").replace("$", "$$"),  # escaped for a compose file
    }
    text = "".join(f"{user}:{word}\r\n" for user, word in lines.items())
    data = tmp_path / "data"
    data.mkdir()
    (data / ".htpasswd").write_bytes(codecs.BOM_UTF8 + text.encode())
    with Gateway(tmp_path, flags=("--append-only", "--private-repos")) as gateway:
        for user, password in {"alice": "a", "dora": "d"}.items():
            assert gateway.put(f"/{user}/?create=true", b"", f"{user}:{password}") == 200
        for user in ("bob", "carl", "emil"):
            assert gateway.put(f"/{user}/?create=true", b"", f"{user}:{user[0]}") == 401
            assert gateway.said().count(NOBODY.format(user)) == 1
        assert NOBODY.format("alice") not in gateway.said()
        assert "the password of 'dora' is kept in a way that is quick to guess" in gateway.said()
        put_in_place(data / ".htpasswd", f"{text}fred:f\n".encode())
        until(lambda: NOBODY.format("fred") in gateway.said(), gateway.said)
        assert gateway.said().count(NOBODY.format("bob")) == 1


def test_a_users_folder_is_for_the_server_alone(tmp_path: Path) -> None:
    """All folders that a user's repository makes have rest-server's modes, the one with his name, too."""
    data = tmp_path / "data"
    data.mkdir()
    (data / ".htpasswd").write_text(f"alice:{hashed('a')}\n")
    with Gateway(tmp_path, flags=("--append-only", "--private-repos")) as gateway:
        assert gateway.put("/alice/repo/?create=true", b"", "alice:a") == 200
    for folder in ("alice", "alice/repo", "alice/repo/keys"):
        assert (data / folder).stat().st_mode & 0o777 == 0o700, folder


def test_what_is_no_password_file_takes_nobodys_access(tmp_path: Path) -> None:
    """Other text in its place does not load, and `/health` says so; an empty file is one without users, and is told
    of; a line too many is told of, too."""
    file = tmp_path / "data/.htpasswd"
    file.parent.mkdir()
    line = f"alice:{hashed('a')}\n"
    file.write_text(line)
    with Gateway(tmp_path, flags=("--append-only",)) as gateway:

        def status() -> int:
            return gateway.ask("GET", "/alice/data/", user="alice:a").status

        assert status() == 200
        put_in_place(file, b"\xff\xfe<html>502 Bad Gateway</html>\n")
        until(lambda: "has no line of the form user:hash" in gateway.said(), gateway.said)
        until(lambda: gateway.ask("GET", "/health").status == 503, gateway.said)
        assert status() == 200
        put_in_place(file, f"{line}mallory\n".encode())
        until(lambda: "not of the form user:hash: 1" in gateway.said(), gateway.said)
        until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said)
        assert status() == 200
        put_in_place(file, b"")
        until(lambda: status() == 401, gateway.said)
        assert "the password file names nobody" in gateway.said()
