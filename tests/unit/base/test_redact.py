"""Passwords in URLs are shown to nobody."""

from __future__ import annotations

import pytest

from strongroom.base import errors
from strongroom.base.redact import redact, without_login
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rest:https://me:secret@host/a/", "rest:https://me:***@host/a/"),
        ("rest:http://me:se/cr@et@host:8000/", "rest:http://me:***@host:8000/"),
        ("rest:http://:secret@host/", "rest:http://:***@host/"),
        ("two: http://a:b@c/ and https://d:e@f/", "two: http://a:***@c/ and https://d:***@f/"),
        (
            "s3:https://host/bucket?secret_access_key=abc&region=x",
            "s3:https://host/bucket?secret_access_key=***&region=x",
        ),
        ("az://c/p?sig=abc%2F", "az://c/p?sig=***"),
        ("postgresql://u:p@h/db?sslmode=require", "postgresql://u:***@h/db?sslmode=require"),
        ("rest:http://host:8000/a@b/", "rest:http://host:8000/a@b/"),
        ("rest:http://me@host/", "rest:http://me@host/"),
        ("/srv/backup", "/srv/backup"),
        ("'rest:http://u:p@h/'", "'rest:http://u:***@h/'"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    """The password goes, everything else stays."""
    assert redact(text) == shown


@pytest.mark.parametrize(
    "url",
    [
        "rest:http://me:hunter2@host/a?b",
        "rest:ftp://me:hunter2@host/",
        "rest:http://me:hunter2@host:port/",
        "https://me:hunter2@host/",
        "nonsense://me:hunter2@host/",
        "rest:http://me:hun/ter2@127.0.0.1:1/",
        "rest:http://me:hunter2@127.0.0.1:1/",
    ],
)
def test_errors_hold_no_password(url: str) -> None:
    """Neither a URL that makes no sense nor a server that is not there brings the password into the error."""
    with pytest.raises(errors.StrongroomError) as caught:
        open_store(url, StoreOptions(retry_for=0)).prepare()
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in repr(caught.value)


def test_unknown_kinds_name_what_there_is() -> None:
    """A scheme that we do not know gives a way out."""
    with pytest.raises(errors.UsageError) as caught:
        open_store("sftp:host:/path")
    assert "rclone:" in str(caught.value)
    with pytest.raises(errors.UsageError) as caught:
        open_store("foo:bar")
    assert "./a:b" in str(caught.value)
    assert "rest:" in str(caught.value)


def test_paths_are_paths() -> None:
    """A plain path, local:, and a colon behind a slash all mean a folder."""
    for path in ("/tmp/x", "local:/tmp/x"):
        assert open_store(path).location == "/tmp/x"
    assert open_store("./a:b").location.endswith("/a:b")
    assert open_store("local:a:b").location.endswith("/a:b")


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("rest:https://care:T0k@n@backup.example/web01/", "rest:https://backup.example/web01/"),
        ("rest:https://care:T0k/1@backup.example/web01/", "rest:https://backup.example/web01/"),
        ("rest:https://care:T0ken@backup.example:8000/team@x/", "rest:https://backup.example:8000/team@x/"),
        ("rest:https://care:T0ken@[2001:db8::1]:8000/team@x/", "rest:https://[2001:db8::1]:8000/team@x/"),
        ("rest:https://[2001:db8::1]:8000/team@x/", "rest:https://[2001:db8::1]:8000/team@x/"),
        ("rest:http://care@127.0.0.1:8000/r/", "rest:http://127.0.0.1:8000/r/"),
        ("s3:https://AK:SK@s3.example/vault/web01", "s3:https://s3.example/vault/web01"),
        ("s3://vault/web01?endpoint=http://127.0.0.1:9000", "s3://vault/web01?endpoint=http://127.0.0.1:9000"),
        ("rest:https://backup.example:8000/a@b/", "rest:https://backup.example:8000/a@b/"),
        ("/srv/care:x@gateway/web01", "/srv/care:x@gateway/web01"),
    ],
)
def test_a_place_without_its_login(url: str, bare: str) -> None:
    """What is signed and sent names the place, and nobody's user or password."""
    assert without_login(url) == bare
