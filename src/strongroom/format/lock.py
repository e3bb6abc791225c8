"""Lock files (format page 1.12)."""

from __future__ import annotations

from typing import Any

from strongroom.base.errors import Damaged
from strongroom.base.record import record
from strongroom.format import rfc3339
from strongroom.format.json_object import encode_object, integer_member, parse_object, text_member

MAX_PLAINTEXT = 64 * 1024
"""Budget for a decrypted lock in bytes."""


@record
class LockFile:
    """Who holds a lock, since when (nanoseconds since 1970 UTC, by the holder's clock), and of which kind."""

    time_ns: int
    exclusive: bool
    hostname: str
    username: str
    pid: int
    uid: int = 0
    gid: int = 0

    def encode(self) -> bytes:
        """The plaintext to encrypt, fields in restic's order; uid and gid are left out when 0, as restic does."""
        members: dict[str, Any] = {
            "time": rfc3339.format_utc(self.time_ns),
            "exclusive": self.exclusive,
            "hostname": self.hostname,
            "username": self.username,
            "pid": self.pid,
        }
        members |= {name: number for name, number in (("uid", self.uid), ("gid", self.gid)) if number}
        return encode_object(members)

    @classmethod
    def parse(cls, plaintext: bytes, what: str = "lock") -> LockFile:
        """Raises ``Damaged``."""
        members = parse_object(plaintext, what)
        exclusive = members.get("exclusive", False)
        if not isinstance(exclusive, bool):
            raise Damaged("does not say whether it is exclusive", subject=what)
        try:
            time_ns = rfc3339.parse(text_member(members, "time", what))
        except ValueError:
            raise Damaged("has no time", subject=what) from None
        hostname, username = (text_member(members, name, what, "") for name in ("hostname", "username"))
        pid, uid, gid = (integer_member(members, name, what, 0) for name in ("pid", "uid", "gid"))
        return cls(time_ns, exclusive, hostname, username, pid, uid, gid)
