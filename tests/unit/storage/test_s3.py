"""Signing and addressing S3, apart from any server."""

from __future__ import annotations

import datetime
import hashlib
import io
from unittest import mock

import pytest
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base import errors
from strongroom.storage.options import StoreOptions
from strongroom.storage.s3 import sign as s3_sign
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.url import S3Address, parse

NOW = datetime.datetime(2026, 11, 22, 6, 30, 1, tzinfo=datetime.UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="?#%\\"), min_size=1, max_size=20)


@settings(max_examples=80, deadline=None)
@given(
    key=TEXT,
    query=st.dictionaries(TEXT, TEXT, max_size=3),
    token=st.sampled_from(["", "a/token+=="]),
    body=st.binary(max_size=10),
)
def test_signatures_are_botocores(key: str, query: dict[str, str], token: str, body: bytes) -> None:
    """For any key, query and token the signature is the one that botocore computes."""
    digest = hashlib.sha256(body).hexdigest()
    target = "/bucket/" + s3_sign.encode(key.lstrip("/") or "k") + ("?" + s3_sign.query_string(query) if query else "")
    headers = {"Host": "host:9000", "x-amz-content-sha256": digest, "If-None-Match": "*", "Range": "bytes=0-5"}
    ours = s3_sign.signed("PUT", target, headers, s3_sign.Credentials("AK", "SK/+", token), "eu-west-1", NOW)
    request = AWSRequest("PUT", f"http://host:9000{target}", headers=headers, data=body)
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None), create=True),
        mock.patch("botocore.compat.get_current_datetime", return_value=NOW.replace(tzinfo=None), create=True),
    ):
        signer = S3SigV4Auth(Credentials("AK", "SK/+", token or None), "s3", "eu-west-1")
        signer.add_auth(request)
    assert ours["Authorization"] == request.headers["Authorization"]


def test_secrets_are_not_shown() -> None:
    """A key pair's text form shows the access key alone."""
    assert "hidden" not in repr(s3_sign.Credentials("AK", "hidden", "hidden too"))


def address(text: str, extended: dict[str, str] | None = None, **environment: str) -> S3Address:
    """The address in an environment."""
    return parse(text, StoreOptions(environment=environment, extended=extended or {}))


@pytest.mark.parametrize(
    ("text", "host", "root", "prefix", "region"),
    [
        ("s3.amazonaws.com/bucket/a/b", "bucket.s3.us-east-1.amazonaws.com", "/", "a/b/", "us-east-1"),
        ("https://s3.eu-west-1.amazonaws.com/bucket", "bucket.s3.eu-west-1.amazonaws.com", "/", "", "eu-west-1"),
        ("s3.eu-west-1.amazonaws.com/b.c/x", "s3.eu-west-1.amazonaws.com", "/b.c/", "x/", "eu-west-1"),
        ("http://host:9000/bucket//a//", "host:9000", "/bucket/", "a/", "us-east-1"),
        ("host/bucket", "host", "/bucket/", "", "us-east-1"),
        ("//bucket/a", "bucket.s3.us-east-1.amazonaws.com", "/", "a/", "us-east-1"),
        ("//bucket/a?endpoint=http://h:1&region=r&style=virtual", "bucket.h:1", "/", "a/", "r"),
        ("//s3.example.org/bucket/a", "s3.example.org", "/bucket/", "a/", "us-east-1"),
        ("//my.bucket/a?endpoint=https://s3.example.org", "s3.example.org", "/my.bucket/", "a/", "us-east-1"),
        ("https://[::1]:9000/bucket", "[::1]:9000", "/bucket/", "", "us-east-1"),
    ],
)
def test_addresses(text: str, host: str, root: str, prefix: str, region: str) -> None:
    """restic's forms and the bucket form, with styles and regions."""
    found = address(text)
    assert (found.host, found.root, found.prefix, found.region) == (host, root, prefix, region)


def test_surroundings_fill_in() -> None:
    """Region, endpoint and style also come from the options and from AWS's variables."""
    assert address("//bucket", AWS_REGION="r").region == "r"
    assert address("//bucket", {"s3.region": "q"}, AWS_REGION="r").region == "q"
    assert address("//bucket", AWS_ENDPOINT_URL="http://h:9").host == "h:9"
    assert address("http://h/bucket", {"s3.bucket-lookup": "dns"}).host == "bucket.h"
    assert address("http://h/bucket").conditional
    assert not address("//bucket?conditional=no").conditional


@pytest.mark.parametrize(
    "text",
    [
        "", "//", "//bucket?nonsense=1", "//bucket?style=odd", "host", "host/", "ftp://host/bucket", "//b?endpoint=ftp://h",
        "http://u:p@host/bucket", "//bucket/a\nb", "//bucket?endpoint", "http://host:port/bucket", "host/b%2f/x",
    ],
)  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    """What names no bucket is a UsageError."""
    with pytest.raises(errors.UsageError):
        address(text)


def _rows(text: bytes, cut: int) -> tuple[list[str], s3_xml.Element]:
    """The keys of a page that comes in pieces of ``cut`` bytes."""
    stream = io.BytesIO(text)
    return s3_xml.parse_rows(
        lambda limit: stream.read(min(cut, limit)), "Contents", lambda one: one.text("Key"), "here"
    )


@pytest.mark.parametrize("cut", [1, 7, 100, 1 << 20])
def test_a_page_in_pieces(cut: int) -> None:
    """A page read piece by piece gives the rows and the rest of the document that the whole document holds."""
    entries = "".join(f"<Contents><Key>k&amp;{n}</Key><Owner><Key>no</Key></Owner></Contents>" for n in range(30))
    text = f'<L xmlns="http://s3/"><IsTruncated>true</IsTruncated>{entries}<Token>t</Token></L>'.encode()
    rows, rest = _rows(text, cut)
    assert rows == [entry.text("Key") for entry in s3_xml.parse(text, "here").children("Contents")]
    assert (rest.name, rest.text("IsTruncated"), rest.text("Token")) == ("L", "true", "t")


def test_hostile_answers() -> None:
    """Document types, broken XML and odd stamps are refused or passed over, however they are cut into pieces."""
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    for text in (bomb, b"<a>", b"", b"\xff\xfe"):
        with pytest.raises(errors.Damaged):
            s3_xml.parse(text, "here")
        for cut in range(1, 12):
            with pytest.raises(errors.Damaged):
                _rows(text, cut)
    with pytest.raises(errors.LimitExceeded):
        _rows(b"<a>" + b" " * s3_xml.LONGEST, 1 << 20)
    assert s3_xml.stamp_ns("2026-11-22T06:30:01.999Z") == 1795329001 * 1_000_000_000
    for odd in ("", "yesterday", "2026-11-22T06:30:01"):
        assert s3_xml.stamp_ns(odd) is None
