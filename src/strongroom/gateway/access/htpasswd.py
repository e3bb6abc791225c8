"""Apache's password file as rest-server reads it: bcrypt, and ``{SHA}`` with a warning. Reloaded when it changes."""

from __future__ import annotations

import base64
import codecs
import hashlib
import hmac
import os
import re
import threading
from typing import TYPE_CHECKING

import bcrypt

from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from strongroom.gateway.last_good import LastGood

_SHA = b"{SHA}"
_KINDS = "the password's hash is neither bcrypt nor {SHA}"
_FORM = re.compile(rb"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./0-9A-Za-z]{53}\Z")
_USUAL = 10
"""The cost of an unknown user where no user has another."""


class PasswordFile:
    """The users of one file."""

    def __init__(self, path: str, last_good: LastGood | None = None) -> None:
        """Raises ``ConfigurationError`` when the file cannot be read; with what it said before in ``last_good``,
        ``failure`` has that error.
        """
        self.path = path
        self._last_good = last_good
        self._guard = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._users: dict[str, bytes] = {}
        self._most = _USUAL
        self.warnings: list[str] = []
        """Of whose password the file keeps a hash that is quick to guess ({SHA}), or one that lets nobody in."""
        self.failure: ConfigurationError | None = None
        """Why the file could not be read at the beginning, while what it said before is in force."""
        try:
            self.load()
        except ConfigurationError as error:
            known = None if last_good is None else last_good.text()
            if known is None:
                raise
            self.failure = error
            self._take(known)

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
            self._take(data)
            self._stamp = stamp
            if self._last_good is not None:
                self._last_good.keep(data)

    def _take(self, data: bytes) -> None:
        """The users of a file's text. Raises ``ConfigurationError`` where it has text and not one user: an empty file
        is one whose last user was removed."""
        users, warnings, others = {}, [], 0
        for line in data.removeprefix(codecs.BOM_UTF8).splitlines():  # editors elsewhere begin a file with it
            name, colon, hashed = line.strip().partition(b":")
            if not (name or colon) or name.startswith(b"#"):
                continue
            if not (name and colon):
                others += 1
                continue
            user = name.decode("utf-8", "replace")
            users[user] = hashed.split(b":", 1)[0]
            if users[user].startswith(_SHA):
                warnings.append(f"the password of {user!r} is kept in a way that is quick to guess; use bcrypt")
            elif not _cost(users[user]):
                warnings.append(f"nobody can log in as {user!r}: {_KINDS}; make it anew with `htpasswd -B`")
        if others and not users:
            raise ConfigurationError("the password file has no line of the form user:hash", subject=self.path)
        if others:
            warnings.append(f"lines of the password file that are not of the form user:hash: {others}")
        elif not users:
            warnings.append("the password file names nobody")
        self._most = max(map(_cost, users.values()), default=0) or _USUAL
        self._users, self.warnings = users, warnings

    def users(self) -> list[str]:
        """The names in the file."""
        return list(self._users)

    def check(self, user: str, password: bytes) -> bool:
        """Whether this is the user's password.

        A wrong one takes as long for every user, known or not, whatever kind and cost the hash has: as long as the
        most costly hash in the file.
        """
        cost, good = self._compare(self._users.get(user, b""), password)
        if not good:
            self._make_up(cost, password)
        return good

    def _compare(self, hashed: bytes, password: bytes) -> tuple[int, bool]:
        """What the comparison cost, as bcrypt counts it and 0 for next to nothing; whether it is the password."""
        if hashed.startswith(_SHA):
            digest = base64.b64encode(hashlib.sha1(password, usedforsecurity=False).digest())
            return 0, hmac.compare_digest(digest, hashed[len(_SHA) :])
        cost = _cost(hashed)
        if not cost or b"\0" in password:  # what bcrypt would end at a zero byte is nobody's password
            return 0, False
        return cost, bcrypt.checkpw(password[:72], hashed)

    def _make_up(self, cost: int, password: bytes) -> None:
        """Do the rest of the work that the most costly hash is: 2^n is 2^c + 2^c + 2^(c+1) + … + 2^(n-1)."""
        for one in range(cost, self._most) if cost else (self._most,):
            bcrypt.checkpw(password[:72].replace(b"\0", b"0"), b"$2b$%02d$" % one + b"." * 53)


def _cost(hashed: bytes) -> int:
    """The cost of a hash of bcrypt's; 0 for anything else."""
    match = _FORM.match(hashed)
    return int(match[1]) if match else 0
