"""The codecs of config, keys, locks, index files and times, there and back, and against junk."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged, LimitExceeded, StrongroomError, Unsupported
from strongroom.format import rfc3339, unpacked
from strongroom.format.config import RepositoryConfig
from strongroom.format.key import KeyFile, encode_material, parse_material
from strongroom.format.lock import LockFile
from tests.support.repositories import POLYNOMIAL

IDS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NS = st.integers(min_value=-(60 * 10**9) * 10**6, max_value=4 * 10**18)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3))

FAST = settings(max_examples=60, deadline=None)


@FAST
@given(NS)
def test_times_come_back(ns: int) -> None:
    """Every instant survives being written and read, to the nanosecond."""
    assert rfc3339.parse(rfc3339.format_utc(ns)) == ns


@FAST
@given(st.datetimes(timezones=st.just(UTC)), st.integers(-23 * 60, 23 * 60))
def test_times_with_an_offset(moment: datetime, minutes: int) -> None:
    """An offset is subtracted, as the standard says."""
    sign = "-" if minutes < 0 else "+"
    text = f"{moment.replace(tzinfo=None).isoformat()}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (whole.days * 86400 + whole.seconds) * 10**9 + whole.microseconds * 1000 - minutes * 60 * 10**9
    assert rfc3339.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-21T20:50:00.1+00:00", 1795294200_100000000),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
    ],
)
def test_times_that_others_write(text: str, ns: int) -> None:
    """Times as restic and rustic write them mean what they say."""
    assert rfc3339.parse(text) == ns


@pytest.mark.parametrize(
    "text", ["", "2026-11-21", "2026-13-01T00:00:00Z", "2026-11-21T20:50:00", "0000-01-01T00:00:00Z"]
)
def test_what_is_no_time(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError):
        rfc3339.parse(text)


@FAST
@given(IDS, st.sampled_from([1, 2]), st.dictionaries(TEXTS.map(lambda name: "x" + name), JSON, max_size=4))
def test_config_comes_back(identity: str, version: int, extra: dict[str, object]) -> None:
    """A config survives, with what other programs added to it."""
    config = RepositoryConfig(version, identity, POLYNOMIAL, extra)
    assert RepositoryConfig.parse(config.encode()) == config


def test_config_is_written_as_restic_writes_it() -> None:
    """The fields stand in restic's order and form."""
    encoded = RepositoryConfig(2, "ab" * 32, POLYNOMIAL).encode()
    assert encoded == b'{"version":2,"id":"' + b"ab" * 32 + b'","chunker_polynomial":"25b468838dcb75"}'


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": 3}, Unsupported),
        ({"version": 0}, Unsupported),
        ({"version": True}, Damaged),
        ({"version": "2"}, Damaged),
        ({"id": "ab"}, Damaged),
        ({"id": None}, Damaged),
        ({"chunker_polynomial": "38f1e565e288df"}, Damaged),  # reducible (format page, 7.2)
        ({"chunker_polynomial": "b"}, Damaged),
        ({"chunker_polynomial": "0x25b468838dcb75"}, Damaged),
        ({"chunker_polynomial": "25b468838dcb75" * 9}, Damaged),
        ({"chunker_polynomial": 7}, Damaged),
    ],
)
def test_configs_that_are_refused(changes: dict[str, object], error: type[StrongroomError]) -> None:
    """A config of another version, or one that cannot be, is refused by name."""
    members = {"version": 2, "id": "ab" * 32, "chunker_polynomial": f"{POLYNOMIAL:x}"} | changes
    with pytest.raises(error):
        RepositoryConfig.parse(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("extra", "allowed"),
    [
        ({}, True),
        ({"chunker": "Rabin", "is_hot": False, "append_only": True}, True),
        ({"chunker": "FixedSize", "chunk_size": 65536}, False),
        ({"is_hot": True}, False),
    ],
)
def test_rustic_kinds_that_backup_refuses(extra: dict[str, object], allowed: bool) -> None:
    """Fixed-size chunks and hot halves are named as obstacles, everything else is none."""
    config = RepositoryConfig(2, "ab" * 32, POLYNOMIAL, extra)
    assert (RepositoryConfig.parse(config.encode()).backup_obstacle is None) == allowed


@FAST
@given(st.binary(min_size=64, max_size=64), st.binary(max_size=80), TEXTS, TEXTS)
def test_keys_come_back(salt: bytes, data: bytes, username: str, hostname: str) -> None:
    """A key file survives being written and read."""
    file = KeyFile(32768, 8, 8, salt, data, "2026-11-21T20:50:00Z", username, hostname)
    assert KeyFile.parse(file.encode()) == file


def test_keys_of_rustic_lack_fields() -> None:
    """A key without creation time and names is read."""
    encoded = KeyFile(131072, 8, 1, bytes(64), b"x").encode()
    assert b"created" not in encoded  # restic stops at an empty time
    assert KeyFile.parse(encoded).username == ""


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"N": 1 << 21}, LimitExceeded),
        ({"N": 1 << 62}, LimitExceeded),
        ({"N": 1 << 70}, Damaged),
        ({"p": 1 << 20}, LimitExceeded),
        ({"r": 1 << 30}, LimitExceeded),
        ({"N": 1000}, Damaged),
        ({"N": 1}, Damaged),
        ({"N": 0}, Damaged),
        ({"N": -2}, Damaged),
        ({"N": 32768.0}, Damaged),
        ({"r": 0}, Damaged),
        ({"p": 0}, Damaged),
        ({"kdf": "argon2"}, Damaged),
        ({"salt": "AAAA"}, Damaged),
        ({"salt": "not base64"}, Damaged),
        ({"data": 7}, Damaged),
        ({"username": ["x"]}, Damaged),
    ],
)
def test_keys_that_are_refused(changes: dict[str, object], error: type[StrongroomError]) -> None:
    """Parameters that no honest key has are refused before they cost anything."""
    members = json.loads(KeyFile(32768, 8, 5, bytes(64), b"x").encode()) | changes
    with pytest.raises(error):
        KeyFile.parse(json.dumps(members).encode())


def test_material_comes_back_and_zeros_do_not() -> None:
    """A master key survives; one of zeros is refused."""
    material = (b"e" * 32, b"k" * 16, b"r" * 16)
    assert parse_material(encode_material(material)) == material
    with pytest.raises(Damaged):
        parse_material(encode_material((bytes(32), b"k" * 16, b"r" * 16)))


@FAST
@given(NS, st.booleans(), TEXTS, TEXTS, *[st.integers(0, 2**32 - 1)] * 3)
def test_locks_come_back(ns: int, exclusive: bool, hostname: str, username: str, pid: int, uid: int, gid: int) -> None:
    """A lock survives being written and read."""
    lock = LockFile(ns, exclusive, hostname, username, pid, uid, gid)
    assert LockFile.parse(lock.encode()) == lock


@FAST
@given(
    st.binary(max_size=60) | JSON.map(lambda value: json.dumps({"version": value, "time": value, "N": value}).encode())
)
def test_junk_is_an_error_of_ours(junk: bytes) -> None:
    """No bytes make a codec raise anything but an error that a user can be shown."""
    for parse in (RepositoryConfig.parse, KeyFile.parse, LockFile.parse, parse_material):
        with pytest.raises(StrongroomError):
            parse(junk)


def test_json_that_nests_too_deeply_is_damaged() -> None:
    """A bomb of brackets is an error, not a crash."""
    with pytest.raises(Damaged):
        LockFile.parse(b'{"a":' * 12000)


@pytest.mark.parametrize("version", [1, 2])
def test_unpacked_files_come_back(version: int) -> None:
    """Both versions' forms are read; version 1 stays plain, version 2 is compressed."""
    plain = b'{"a":"' + b"b" * 500 + b'"}'
    stored = unpacked.encode(plain, version)
    assert (stored == plain) == (version == 1)
    assert unpacked.decode(stored, 1000, "x") == plain
    with pytest.raises(LimitExceeded):
        unpacked.decode(stored, 100, "x")


@pytest.mark.parametrize("junk", [b"", b"x", b"\x01{}", b"\x02", b"\x02junk"])
def test_unpacked_junk_is_damaged(junk: bytes) -> None:
    """Any other first byte, and a broken frame, is damage."""
    with pytest.raises(Damaged):
        unpacked.decode(junk, 1000, "x")
