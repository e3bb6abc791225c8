"""Commands of the user's: started without a shell, in a process group of their own, ended as a whole."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from strongroom.base.clock import monotonic
from strongroom.base.errors import StrongroomError
from strongroom.base.redact import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTPUT = 16 << 10
"""Bytes of a command's output that are kept: its last ones, which say why it ended."""
GRACE = 3.0
"""Seconds for a command to end after SIGTERM; what takes no notice is killed."""
PAUSE = 0.05
_SECRET_WORDS = ("PASS", "SECRET", "TOKEN", "PWD", "CREDENTIAL", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY")
_SHORTEST_SECRET = 6
_WITHHELD = frozenset(
    f"{prefix}_{infix}PASSWORD" for prefix in ("STRONGROOM", "RESTIC") for infix in ("", "FROM_", "NEW_")
)
"""Passwords of repositories, which no command of the user's needs."""


class OutputTail:
    """The last bytes of an output, without the secrets that we know of."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._data = b""
        self._cut = False
        self._secrets = sorted(
            (
                value
                for name, value in environment.items()
                if name not in ("PWD", "OLDPWD") and len(value) >= _SHORTEST_SECRET
                and any(word in name.upper() for word in _SECRET_WORDS)
            ),
            key=len,
            reverse=True,
        )  # fmt: skip

    def add(self, data: bytes) -> None:
        """Some more of it."""
        self._data += data
        if len(self._data) > 4 * OUTPUT:
            self._data = self._data[-2 * OUTPUT :]
            self._cut = True

    def text(self) -> str:
        """The last ``OUTPUT`` bytes at most, from the beginning of a line where some were left out."""
        text = redact(self._data.decode("utf-8", "replace"))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        kept = text.encode()[-OUTPUT:]
        if self._cut or len(kept) < len(text.encode()):
            kept = kept.partition(b"\n")[2] or kept[-OUTPUT // 2 :]  # a progress bar is one long line
        return kept.decode("utf-8", "ignore").strip()


def environment_for_commands(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with ``extra``, and without the passwords of repositories."""
    kept = {name: value for name, value in os.environ.items() if name not in _WITHHELD}
    return kept | dict(extra or {})


def as_user(name: str | None) -> dict[str, Any]:
    """What ``subprocess.Popen`` needs to run a program as another user. Raises ``StrongroomError``."""
    if not name or pwd.getpwuid(os.geteuid()).pw_name == name:
        return {}
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise StrongroomError("there is no such user", subject=f"run_as = {name!r}", hint="Correct it.") from None
    if os.geteuid() != 0:
        raise StrongroomError(
            "only root can run a program as another user", subject=f"run_as = {name!r}", hint="Run the backup as root."
        )
    groups = os.getgrouplist(name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups, "cwd": "/"}


def home_of(name: str | None) -> dict[str, str]:
    """The variables that say who runs a program, for another user's."""
    if not name:
        return {}
    with contextlib.suppress(KeyError):
        return {"HOME": pwd.getpwnam(name).pw_dir, "USER": name, "LOGNAME": name}
    return {}


def start(words: Sequence[str], environment: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own. Raises ``StrongroomError`` when there is no such program."""
    try:
        return subprocess.Popen(list(words), env=dict(environment), process_group=0, **options)
    except OSError as error:
        raise StrongroomError(
            f"the command cannot be started: {error.strerror}",
            subject=words[0],
            hint="Check its name; no shell reads it.",
        ) from None


def end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started."""
    if process.poll() is None:
        send(process, signal.SIGTERM)
        limit = monotonic() + GRACE
        while process.poll() is None and monotonic() < limit:
            time.sleep(PAUSE)
    send(process, signal.SIGKILL)
    process.wait()


def send(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a command's group, if there is anybody left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def is_readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read, or an end, within so many seconds; of any number of a descriptor."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def how_it_ended(code: int) -> str:
    """An exit code as half a sentence."""
    return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
