"""Any remote of rclone's, by running ``rclone serve restic`` for as long as the store is open.

It listens on a loopback port of the system's choice, with a user and a password of 256 random bits that it gets through
its environment: other users of the machine see command lines and may connect to ports. A shell between us and rclone
ends it when our end of a pipe closes, so that it does not outlive us, however we end.
"""

from __future__ import annotations

import collections
import contextlib
import re
import secrets
import shlex
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import StoreError, Unavailable, Unsupported, UsageError
from strongroom.base.quantities import duration
from strongroom.base.redact import redact
from strongroom.storage.contract import StoreKind
from strongroom.storage.rest.store import RestStore
from strongroom.storage.rest.url import RestAddress
from strongroom.storage.stopping import Stop

if TYPE_CHECKING:
    from strongroom.storage.options import StoreOptions

_LISTENS = re.compile(r"http://127\.0\.0\.1:(\d+)/")
# When rclone ends first, the one that would end it goes, too: later its process's ID may be another's.
_GUARD = (
    'exec 3<&0; "$@" </dev/null & child=$!; { cat <&3; kill "$child"; } >/dev/null 2>&1 & guard=$!'
    '; wait "$child"; code=$?; kill "$guard" 2>/dev/null; exit "$code"'
)


class RcloneStore(RestStore):
    """A remote through a running rclone. ``close`` ends it."""

    store_kind = StoreKind.RCLONE

    def __init__(self, remote: str, options: StoreOptions) -> None:
        self._remote = remote
        self.process = Rclone(remote, options)
        address = RestAddress(
            False, "127.0.0.1", self.process.port, None, "/", self.process.user, self.process.password
        )
        super().__init__(address, options)
        self.client.pool.ended = self.process.ended

    @property
    def location(self) -> str:
        """The remote as the user wrote it."""
        return f"rclone:{redact(self._remote)}"

    @property
    def place(self) -> object:
        """The remote: each has a server of its own."""
        return self._remote.rstrip("/")

    def close(self) -> None:
        """End rclone."""
        super().close()
        self.process.stop()


def own_words(text: str) -> list[str]:
    """What ``-o rclone.args`` adds to our own words; restic has the verb and how it is spoken to there, too.

    Raises ``UsageError``.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(str(error).lower(), subject=f"-o rclone.args={text}") from None
    if words[:2] == ["serve", "restic"]:
        del words[:2]
    return [word for word in words if word != "--stdio"]


def _timeout(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise UsageError(str(error), subject=f"-o rclone.timeout={text}") from None


class Rclone:
    """The process, from its first line on."""

    def __init__(self, remote: str, options: StoreOptions) -> None:
        program = options.extended.get("rclone.program", "rclone")
        extra = own_words(options.extended.get("rclone.args", "--b2-hard-delete"))
        timeout = _timeout(options.extended.get("rclone.timeout", "1m"))
        if shutil.which(program) is None:
            raise Unsupported(
                f"the program {program} is not there", subject=f"rclone:{redact(remote)}", hint="Install rclone."
            )
        self._subject = f"rclone:{redact(remote)}"
        self.user = "strongroom"
        self.password = secrets.token_urlsafe(32)
        environment = {**options.environment, "RCLONE_USER": self.user, "RCLONE_PASS": self.password}
        command = [program, "serve", "restic", "--addr", "127.0.0.1:0", "--cache-objects=false", *extra, "--", remote]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
        self._last: collections.deque[str] = collections.deque(maxlen=3)
        self._started = threading.Event()
        self.port = 0
        self._listener = threading.Thread(target=self._listen, daemon=True, name="rclone")
        self._listener.start()
        self._cancelled = options.cancelled
        try:
            Stop(options).wait(self._started, timeout)
        except BaseException:
            self.stop()
            raise
        if not self.port:
            self.stop()
            said = " / ".join(self._last)
            failed = Unavailable if not said else StoreError
            why = said or f"no word from it in {timeout:.0f} s"
            raise failed(f"rclone did not start: {why}", subject=f"rclone:{redact(remote)}")

    def _listen(self) -> None:
        """Read rclone's messages to the end, lest it block on them; the first tells its port."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = None if self.port else _LISTENS.search(line)
            if found is not None:
                self.port = int(found[1])
                self._started.set()
            else:
                self._last.append(redact(line.strip()))
        self._started.set()

    @property
    def pid(self) -> int:
        """The shell that guards it."""
        return self._process.pid

    def ended(self) -> StoreError | None:
        """Why nobody answers any more, once rclone has gone."""
        if self._process.poll() is None:
            return None
        said = " / ".join(self._last)
        return StoreError(f"rclone has ended{': ' + said if said else ''}", subject=self._subject)

    def stop(self) -> None:
        """End it. Idempotent."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(1 if self._cancelled() else 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
