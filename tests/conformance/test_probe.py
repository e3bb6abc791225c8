"""``storage probe`` against providers that differ: each gets the table that it deserves."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support import peers
from tests.support.servers.liar import Liar
from tests.support.servers.minio import Minio, running
from tests.support.servers.rest_server import RestServer
from tests.support.waiting import PATIENCE

from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.probe.questions import probe
from strongroom.storage.report import Report, Worth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.programs import Strongroom

_RETENTION = b"""<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>
<Mode>GOVERNANCE</Mode><Days>100</Days></DefaultRetention></Rule></ObjectLockConfiguration>"""
_EXPIRY = b"""<LifecycleConfiguration><Rule><ID>clean</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>
<NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration></Rule>
<Rule><ID>elsewhere</ID><Status>Enabled</Status><Filter><Prefix>other/</Prefix></Filter><Expiration><Days>1</Days>
</Expiration></Rule></LifecycleConfiguration>"""


def ask(url: str) -> Report:
    """Probe with MinIO's credentials."""
    with open_store(url, StoreOptions(environment=running().environment, retry_for=0)) as store:
        return probe(store)


def worths(report: Report) -> dict[str, Worth]:
    """The table, in short."""
    return {row.key: row.worth for row in report.rows}


def keys(minio: Minio, bucket: str) -> list[str]:
    """What lies in a bucket, all versions."""
    page = minio.client(bucket).document("?versions=")
    return [entry.text("Key") for entry in page.children("Version", "DeleteMarker")]


def test_minio_without_versions() -> None:
    """A plain bucket keeps its conditions, and these credentials can destroy everything in it."""
    minio = running()
    report = ask(f"{minio.bucket('probe-plain')}/web01")
    found = worths(report)
    for key in ("read", "list", "create-if-absent", "race", "checksum", "checksum-kept", "lifecycle", "clock"):
        assert found[key] is Worth.GOOD, report.row(key)
    assert found["destroy"] is Worth.BAD
    assert found["versioning"] is Worth.WEAK
    assert report.row("multipart-date").answer in {"that of its beginning", "that of its end"}
    assert report.bad
    assert not report.left_behind
    assert not keys(minio, "probe-plain")


def test_minio_with_versions_and_rules() -> None:
    """S-3, S-4, S-6: with versions good bytes remain; a rule that erases them is named, one for elsewhere is not."""
    minio = running()
    url = minio.bucket("probe-versions", versions=True)
    minio.put("probe-versions", "lifecycle=", _EXPIRY)
    report = ask(f"{url}/web01")
    found = worths(report)
    assert found["versioning"] is Worth.GOOD
    assert found["destroy"] is Worth.NOTE
    assert found["erase-version"] is Worth.WEAK
    assert found["lifecycle"] is Worth.WEAK
    assert "clean erases older versions after 7 days" in report.row("lifecycle").answer
    assert "elsewhere" not in report.row("lifecycle").answer
    assert not report.bad
    assert not keys(minio, "probe-versions")


def test_minio_with_object_lock() -> None:
    """Under object lock versions cannot be erased, and what stays behind is said."""
    minio = running()
    url = minio.bucket("probe-locked", lock=True)
    minio.put("probe-locked", "object-lock=", _RETENTION)
    report = ask(f"{url}/web01")
    assert worths(report)["erase-version"] is Worth.GOOD
    assert worths(report)["object-lock"] is Worth.GOOD
    assert report.row("object-lock").answer == "governance, 100 days"
    assert report.left_behind
    assert all(key.startswith("web01/.strongroom/probe/") for key in keys(minio, "probe-locked"))


def test_a_proxy_that_lies() -> None:
    """A provider that takes no notice of conditions and checksums is found out (G-7)."""
    minio = running()
    minio.bucket("probe-liar")
    with Liar(minio) as liar:
        report = ask(f"s3:{liar.endpoint}/probe-liar/web01")
    found = worths(report)
    assert found["create-if-absent"] is Worth.BAD
    assert "REPLACED" in report.row("create-if-absent").answer
    assert found["race"] is Worth.BAD
    assert found["checksum"] is Worth.BAD
    assert found["read"] is Worth.GOOD
    assert not keys(minio, "probe-liar")


@contextlib.contextmanager
def rclone_s3(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """``rclone serve s3`` over a folder with one bucket: its endpoint and environment."""
    program = peers.require("rclone")
    if b" s3 " not in subprocess.run([program, "serve", "--help"], capture_output=True, check=False).stdout:
        pytest.skip("this rclone does not serve s3")
    (folder / "data" / "bucket").mkdir(parents=True)
    process = subprocess.Popen(
        [program, "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", "key,secret", folder / "data"],
        env={**os.environ, "RCLONE_CONFIG": "/dev/null"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        endpoint = next(found[0] for line in process.stderr if (found := re.search(r"http://127[^/]*", line)))
        yield endpoint, {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    finally:
        process.terminate()
        process.wait(PATIENCE)
        if process.stderr is not None:
            process.stderr.close()


def test_rclone_serve_s3(tmp_path: Path) -> None:
    """rclone's S3 has conditions, checks the one sum and not the other, and no versions: another table again."""
    with rclone_s3(tmp_path) as (endpoint, environment):
        options = StoreOptions(environment=environment, retry_for=0)
        report = probe(open_store(f"s3:{endpoint}/bucket/web01", options))
    found = worths(report)
    assert found["read"] is Worth.GOOD
    assert found["create-if-absent"] is Worth.GOOD
    assert report.row("checksum").answer == "refused by checksum alone"
    assert found["destroy"] is Worth.BAD
    assert found["versioning"] in {Worth.WEAK, Worth.UNKNOWN}
    assert report.bad


def test_a_folder_and_a_server(tmp_path: Path) -> None:
    """A folder keeps every promise and is left as it was; a server is left with no more than it keeps to itself."""
    report = probe(open_store(str(tmp_path)))
    assert set(worths(report).values()) == {Worth.GOOD}
    assert not report.left_behind
    assert not list((tmp_path / ".strongroom").iterdir())
    for append_only, left in ((False, 0), (True, 2)):
        with RestServer(append_only=append_only) as server:
            report = probe(open_store(f"rest:{server.url}", StoreOptions(retry_for=0)))
            assert set(worths(report).values()) == {Worth.GOOD}
            assert len(report.left_behind) == len(server.objects) == left


def test_the_command(tmp_path: Path, strongroom: Strongroom) -> None:
    """The installed command prints the table, or JSON; its exit code says whether the place is fit."""
    done = strongroom.run("storage", "probe", tmp_path / "place").expect(0)
    assert "creators of one name at once" in done.out
    done = strongroom.run("--json", "storage", "probe", tmp_path / "place").expect(0)
    assert done.json()["bad"] is False
    minio = running()
    url = minio.bucket("probe-command")
    done = strongroom.run("storage", "probe", url, env=minio.environment).expect(1)
    assert "THE GOOD BYTES ARE GONE" in done.out
    done = strongroom.run("storage", "policy", "s3://bucket/web01?region=eu-west-1").expect(0)
    assert done.json()["Statement"][-1]["Sid"] == "NeverReplace"
