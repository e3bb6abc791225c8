"""A real MinIO on a loopback port, for the tests that need object storage."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from strongroom.storage.options import StoreOptions
from strongroom.storage.s3.client import S3Client
from strongroom.storage.s3.url import parse
from tests.support import peers, session
from tests.support.servers.ports import free_port
from tests.support.waiting import PATIENCE, until


class Minio:
    """A server with its data in a folder. Use as a context manager."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """``settings``: more variables of its environment."""
        self._folder = folder
        self._settings = settings
        self.port = free_port()
        self.environment = {
            "AWS_ACCESS_KEY_ID": "strongroom-test",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret-anywhere",
            "AWS_REGION": "us-east-1",
        }

    @property
    def endpoint(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Minio:
        program = peers.require("minio")
        self._folder.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "MINIO_ROOT_USER": self.environment["AWS_ACCESS_KEY_ID"],
            "MINIO_ROOT_PASSWORD": self.environment["AWS_SECRET_ACCESS_KEY"],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "GOMEMLIMIT": "256MiB",
            **self._settings,
        }
        self._process = subprocess.Popen(
            [program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", str(self._folder / "data")],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(self._ready, pause=0.05)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _ready(self) -> bool:
        assert self._process.poll() is None, "MinIO did not start"
        try:
            urllib.request.urlopen(f"{self.endpoint}/minio/health/ready", timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def bucket(self, name: str, *, versions: bool = False, lock: bool = False) -> str:
        """Make a bucket, with versions or object lock; returns its URL."""
        url = f"s3:{self.endpoint}/{name}"
        client = self.client(name)
        head = {"x-amz-bucket-object-lock-enabled": "true"} if lock else {}

        def made() -> bool:  # ready to answer is not yet ready to work
            answer = client.ask("PUT", "", {"Content-Length": "0", **head})
            assert answer.status in {200, 503}, answer.text()
            answer.close()
            return answer.status == 200

        until(made, pause=0.1)
        if versions and not lock:
            self.put(
                name, "versioning=", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            )
        return url

    def client(self, bucket: str) -> S3Client:
        """A client with the server's own credentials."""
        options = StoreOptions(environment=self.environment)
        return S3Client(parse(f"{self.endpoint}/{bucket}", options), options)

    def put(self, bucket: str, query: str, document: bytes) -> None:
        """PUT one of the bucket's settings."""
        headers = {
            "Content-Length": str(len(document)),
            "Content-MD5": base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode(),
            "x-amz-content-sha256": hashlib.sha256(document).hexdigest(),
        }
        answer = self.client(bucket).ask("PUT", f"?{query}", headers, document)
        assert answer.status in {200, 204}, answer.text()
        answer.close()


@functools.cache
def running() -> Minio:
    """One server for the whole session, with a bucket named plain."""
    folder = Path(tempfile.mkdtemp(prefix="strongroom-minio-"))
    session.at_end(lambda: shutil.rmtree(folder, ignore_errors=True))
    server = Minio(folder).__enter__()
    session.at_end(server.__exit__)
    server.bucket("plain")
    return server
