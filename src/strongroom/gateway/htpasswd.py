"""Apache's password file as rest-server reads it: bcrypt, and ``{SHA}`` with a warning. Reloaded when it changes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading

import bcrypt

from strongroom.base.errors import ConfigurationError

_DUMMY = bcrypt.hashpw(b"nobody has this password", bcrypt.gensalt(10))


class PasswordFile:
    """The users of one file."""

    def __init__(self, path: str) -> None:
        """Raises ``ConfigurationError`` when the file cannot be read."""
        self.path = path
        self._guard = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._users: dict[str, bytes] = {}
        self.weak: list[str] = []
        """Users with a hash that is quick to guess ({SHA}) or of an unknown kind."""
        self.load()

    def load(self) -> None:
        """Read the file again if it changed. Raises ``ConfigurationError``; the users that were known stay then."""
        with self._guard:
            try:
                with open(self.path, "rb") as file:
                    status = os.fstat(file.fileno())
                    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                    if stamp == self._stamp:
                        return
                    data = file.read()
            except OSError as error:
                raise ConfigurationError(
                    f"the password file cannot be read: {error.strerror}",
                    subject=self.path,
                    hint="Make it with `htpasswd -B -c`, or give --no-auth to serve everybody.",
                ) from None
            users, weak = {}, []
            for line in data.splitlines():
                name, colon, hashed = line.strip().partition(b":")
                if not colon or not name or name.startswith(b"#"):
                    continue
                user = name.decode("utf-8", "replace")
                users[user] = hashed.split(b":", 1)[0]
                if not users[user].startswith((b"$2a$", b"$2b$", b"$2y$")):
                    weak.append(user)
            self._users, self.weak, self._stamp = users, weak, stamp

    def users(self) -> list[str]:
        """The names in the file."""
        return list(self._users)

    def check(self, user: str, password: bytes) -> bool:
        """Whether this is the user's password. An unknown user takes as long as a known one. About 50 ms."""
        hashed = self._users.get(user)
        if hashed is None:
            bcrypt.checkpw(password[:72], _DUMMY)
            return False
        if hashed.startswith(b"{SHA}"):
            digest = base64.b64encode(hashlib.sha1(password, usedforsecurity=False).digest())
            return hmac.compare_digest(digest, hashed[5:])
        if not hashed.startswith((b"$2a$", b"$2b$", b"$2y$")):
            return False
        try:
            return bcrypt.checkpw(password[:72], hashed)
        except ValueError:
            return False
