"""Running the installed gateway for a test, and talking to it without anything that tidies what is sent."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import secrets
import select
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import sqlalchemy as sa
import trustme

from strongroom.database.engine import Database
from strongroom.receipts.audit.log_source import FolderSource, LogSource, open_source
from strongroom.storage.options import StoreOptions
from tests.support.command import STRONGROOM, environment
from tests.support.servers.minio import running
from tests.support.servers.ports import reserve
from tests.support.servers.replies import Reply, read_reply
from tests.support.waiting import PATIENCE, until

V2 = "application/vnd.x.restic.rest.v2"


def name_of(data: bytes) -> str:
    """An object's name."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Gateway:
    """A gateway over ``folder``/data. Use as a context manager; ``start`` and ``stop`` may be called again."""

    folder: Path
    flags: tuple[str, ...] = ("--no-auth", "--append-only")
    users: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    """Who the requests come from, unless they say otherwise."""
    address: str = ""
    process: subprocess.Popen[bytes] | None = None
    key: str = ""
    workers: int = 1
    store: str = ""
    """A bucket's URL; the state is then in ``folder``/state, and nothing is in ``data``."""
    variables: dict[str, str] = field(default_factory=dict)
    """More environment: the bucket's credentials."""
    wrapped: bool = False
    place: Path | None = None
    """Where the data is, when another gateway serves it, too."""
    context: ssl.SSLContext | None = None
    """What a client trusts, where the gateway speaks TLS (``over_tls``)."""
    keeper: socket.socket | None = None
    """Keeps the port, so that a gateway that is started again finds it free."""

    @property
    def data(self) -> Path:
        return self.place or self.folder / "data"

    @property
    def home(self) -> Path:
        """Where the password file and, over a bucket, the state are."""
        return self.folder / "state" if self.store else self.data

    @property
    def where(self) -> tuple[str, ...]:
        """The flags that say where everything is."""
        shared = ("--database", self.database) if self.database else ()
        if not self.store:
            return ("--path", str(self.data), *shared)
        return ("--store", self.store, "--state", str(self.home), *shared)

    @property
    def database(self) -> str | None:
        """The URL of a database that is no file of the state's, as the flags have it."""
        return self.flags[self.flags.index("--database") + 1] if "--database" in self.flags else None

    @property
    def source(self) -> LogSource:
        """The log where it is kept for good."""
        if not self.store:
            return FolderSource(str(self.log))
        place, mark, query = self.store.partition("?")
        return open_source(f"{place}/.strongroom/log{mark}{query}", StoreOptions(environment=self.variables))

    @property
    def file(self) -> str:
        """The URL of the database, where it is a file."""
        if "--state" in self.flags:
            return f"sqlite:///{self.flags[self.flags.index('--state') + 1]}/gateway.db"
        return f"sqlite:///{self.home}/{'' if self.store else '.strongroom/'}gateway.db"

    @property
    def errors(self) -> Path:
        return self.folder / "gateway.err"

    @property
    def log(self) -> Path:
        return self.data / ".strongroom" / "log"

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, listen: str = "", wrap: tuple[str, ...] = ()) -> None:
        """Start and wait until it serves: by default at the loopback port that it had before, if it had one."""
        if not listen:
            self.keeper = self.keeper or reserve()
            listen = f"127.0.0.1:{self.keeper.getsockname()[1]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)
        if self.users:
            lines = [f"{u}:{bcrypt.hashpw(p.encode(), bcrypt.gensalt(4)).decode()}\n" for u, p in self.users.items()]
            (self.home / ".htpasswd").write_text("".join(lines))
        self.wrapped = bool(wrap)
        command = [*wrap, str(STRONGROOM), "gateway", "serve", *self.where, "--listen", listen]
        command += ["--workers", str(self.workers), "--log-host", "backup.example", *self.flags]
        with self.errors.open("wb") as errors:
            self.process = process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=errors, env=environment(self.folder, self.variables)
            )

        def started() -> re.Match[str] | None:
            assert process.poll() is None, self.said()
            return re.search(r"^start server on (.*)\n", self.said(), re.MULTILINE)

        self.address = until(started, self.said)[1]
        match = re.search(r"^log verifier key: (.*)$", self.said(), re.MULTILINE)
        assert match
        self.key = match[1]

    def said(self) -> str:
        """What it has printed on standard error."""
        return self.errors.read_text(errors="replace") if self.errors.exists() else ""

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.children()[0] if self.wrapped else self.process.pid, signal.SIGTERM)
            assert self.process.wait(PATIENCE) == 0, self.said()
        self.process = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query of the gateway's database finds."""
        database = Database(self.database or self.file)
        try:
            with database.read() as connection:
                return [tuple(row) for row in connection.execute(sa.text(query))]
        finally:
            database.close()

    def settle(self) -> None:
        """Wait until the log has all that was promised. After a kill the lease of the dead sequencer has to end first:
        a gateway that is stopped before publishes nothing any more."""
        pending = "SELECT id FROM leaf WHERE position IS NULL LIMIT 1"
        newest = "SELECT * FROM log ORDER BY id DESC LIMIT 1"
        unsigned = f"SELECT id FROM ({newest}) AS newest WHERE published < assigned OR checkpoint IS NULL"
        until(lambda: not self.rows(pending) and not self.rows(unsigned), self.said)

    def children(self) -> list[int]:
        """The processes that the started one has started."""
        assert self.process is not None
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self) -> None:
        """kill -9 of the supervisor and all that it has started; it is stopped first, or it might start another."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        dying = [os.pidfd_open(child) for child in self.children()]
        for child in dying:
            signal.pidfd_send_signal(child, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for child in dying:  # one that is within an fsync goes, with its sockets, when that is over
            select.select([child], [], [])
            os.close(child)
        self.process = None

    def connect(self) -> socket.socket:
        """A raw connection, or one that speaks TLS."""
        if self.address.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(PATIENCE)
            connection.connect(self.address[5:])
            return connection
        host, _, port = self.address.rpartition(":")
        plain = socket.create_connection((host, int(port)), timeout=PATIENCE)
        return plain if self.context is None else self.context.wrap_socket(plain, server_hostname="localhost")

    def head(self, method: str, path: str, headers: dict[str, str] | None = None, user: str | None = None) -> bytes:
        """A request's head as bytes."""
        lines = [f"{method} {path} HTTP/1.1", "Host: gateway"]
        user = user if user is not None else self.user
        if user:
            password = self.users.get(user, user.partition(":")[2])
            pair = f"{user.partition(':')[0]}:{password}"
            lines.append("Authorization: Basic " + base64.b64encode(pair.encode()).decode())
        lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        user: str | None = None,
    ) -> Reply:
        """One request on a connection of its own; nothing in the path is tidied."""
        extra = dict(headers or {})
        if body is not None and "Transfer-Encoding" not in extra:
            extra.setdefault("Content-Length", str(len(body)))
        extra["Connection"] = "close"
        with self.connect() as connection:
            # A refusal may come before all is sent, and the connection end; the answer is there to be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(self.head(method, path, extra, user) + (body or b""))
            return read_reply(connection, method)

    def put(self, path: str, body: bytes, user: str | None = None) -> int:
        """POST, the status."""
        return self.ask("POST", path, body, user=user).status

    def put_at_once(self, uploads: Sequence[tuple[str, bytes]]) -> list[int]:
        """POST of bodies to paths, all at the same time; the statuses in their order."""
        return self.send_at_once("POST", uploads)

    def send_at_once(self, method: str, uploads: Sequence[tuple[str, bytes]]) -> list[int]:
        """The same with any method."""
        together = threading.Barrier(len(uploads))

        def send(path: str, body: bytes) -> int:
            together.wait()
            return self.ask(method, path, body).status

        with ThreadPoolExecutor(len(uploads)) as pool:
            return list(pool.map(send, *zip(*uploads, strict=True)))

    def make(self, repository: str = "web01", user: str | None = None) -> bytes:
        """A repository with a config; the config."""
        assert self.put(f"/{repository}/?create=true", b"", user) == 200
        config = f"config of {repository}".encode()
        assert self.put(f"/{repository}/config", config, user) == 200
        return config


def over_bucket(folder: Path, bucket: str = "plain", endpoint: str = "", **settings: Any) -> Gateway:
    """A gateway over a prefix of its own in a bucket of the session's MinIO, perhaps by way of a proxy."""
    minio = running()
    url = f"s3://{bucket}/{secrets.token_hex(8)}?endpoint={endpoint or minio.endpoint}"
    return Gateway(folder, store=url, variables=minio.environment, **settings)


def over_tls(gateway: Gateway) -> Gateway:
    """The same gateway, not started yet, with a certificate of its own; its requests go over TLS."""
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    gateway.home.mkdir(parents=True, exist_ok=True)
    made.cert_chain_pems[0].write_to_path(str(gateway.home / "public_key"))
    made.private_key_pem.write_to_path(str(gateway.home / "private_key"))
    authority.cert_pem.write_to_path(str(gateway.folder / "authority.pem"))
    gateway.context = ssl.create_default_context()
    authority.configure_trust(gateway.context)
    gateway.flags = (*gateway.flags, "--tls")
    return gateway
