"""Signed messages beside a repository, numbered, each written once: what passes between judge and executor elsewhere.

``custody/to-executor/NUMBER`` and ``custody/from-executor/NUMBER`` below ``.strongroom/``: a line of JSON and the
signature over it. A message counts for one repository at one place, under the number that it names, so that none is
said again or elsewhere. Files of others there are passed over.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, Exists, LimitExceeded, Missing, Refused
from strongroom.base.record import record
from strongroom.base.redact import without_login
from strongroom.custody.planned.orders import SignedBytes
from strongroom.storage.names import OWN_LARGEST

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer, Verifier
    from strongroom.storage.own.contract import OwnFiles

TO_EXECUTOR, FROM_EXECUTOR = "custody/to-executor", "custody/from-executor"
EXECUTOR = "strongroom-executor"
"""The name of an executor's key."""
PLAN, OPEN_PLANS, CONFIRMED, FORBID, WORD, SET_ASIDE = "plan", "open plans", "confirmation", "forbid", "word", "aside"
"""What a judge says."""
REPORT = "report"
"""What an executor says."""
_TYPE = "strongroom custody message 1"
_NAME = re.compile(r"[0-9]{10}\Z")
_STRANGERS = 1000
"""So many files of others are passed over."""


@record
class ExecutorMessage:
    """``what`` is said, with its ``members``; ``at_ns``: when, in nanoseconds since 1970 UTC."""

    repository: str
    store: str
    number: int
    at_ns: int
    what: str
    members: dict[str, Any]

    def sign(self, signer: Signer) -> bytes:
        """The file's bytes."""
        found = {"type": _TYPE, **{name: getattr(self, name) for name in self.__annotations__}}
        body = json.dumps(found, separators=(",", ":"), sort_keys=True).encode()
        return body + b"\n" + signer.sign_bytes(body).hex().encode() + b"\n"


class Mailbox:
    """The messages of one writer, in one direction, about one repository at one place. Methods raise store errors."""

    def __init__(
        self,
        files: OwnFiles,
        folder: str,
        writer: Verifier,
        repository: str,
        store: str,
        passed: set[str] | None = None,
    ) -> None:
        """``passed``: names of others' files, which are read once: each file is written once, and may be large."""
        self._passed = set() if passed is None else passed
        self._files = files
        self._folder = folder
        self._writer = writer
        self._about = (repository, without_login(store))

    def newest(self) -> ExecutorMessage | None:
        """The last one; None where there is none. Raises ``Refused`` where others wrote too many files."""
        for strangers, name in enumerate(sorted(self._names(), reverse=True)):
            self._bound(strangers)
            found = self._read(name)
            if found is not None:
                return found
        return None

    def after(self, number: int) -> list[ExecutorMessage]:
        """Those with a higher number, in their order. Raises ``Refused`` where others wrote too many files."""
        found, strangers = [], 0
        for name in sorted(self._names()):
            if int(name) <= number:
                continue
            message = self._read(name)
            if message is not None:
                found.append(message)
                continue
            strangers += 1
            self._bound(strangers)
        return found

    def write(
        self, what: str, members: dict[str, Any], at_ns: int, signer: Signer, *, after: int = 0
    ) -> ExecutorMessage:
        """Write the next one, with a higher number than ``after``; as it was written. Raises ``Refused``,
        ``LimitExceeded``."""
        last = self.newest()
        first = max(after, 0 if last is None else last.number) + 1
        for number in range(first, first + _STRANGERS):
            message = ExecutorMessage(*self._about, number, at_ns, what, members)
            data = message.sign(signer)
            if len(data) > OWN_LARGEST:
                raise LimitExceeded("is too large for a message", subject=f".strongroom/{self._folder}")
            try:
                self._files.write_once(self._path(number), data)
            except Exists:
                continue
            return message
        raise Refused(f"others wrote {_STRANGERS} files there", subject=f".strongroom/{self._folder}")

    def _names(self) -> list[str]:
        return [name for name in self._files.names(self._folder) if _NAME.match(name)]

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:010d}"

    def _bound(self, strangers: int) -> None:
        if strangers > _STRANGERS:
            raise Refused(f"others wrote {_STRANGERS} files there", subject=f".strongroom/{self._folder}")

    def _read(self, name: str) -> ExecutorMessage | None:
        """The message in a file of this name; None where it is none of this writer's, about this, of this number."""
        if name in self._passed:
            return None
        try:
            found = _parse(self._files.read(f"{self._folder}/{name}"), self._writer)
        except Missing:
            return None
        except (Damaged, LimitExceeded):
            self._passed.add(name)
            return None
        if (found.repository, found.store, found.number) == (*self._about, int(name)):
            return found
        self._passed.add(name)
        return None


def _parse(data: bytes, writer: Verifier) -> ExecutorMessage:
    if len(data) > OWN_LARGEST:
        raise LimitExceeded("is too large for a message")
    body, _, rest = data.partition(b"\n")
    try:
        writer.verify_bytes(bytes.fromhex(rest.decode("ascii").strip()), body)
        members: dict[str, Any] = json.loads(body)
        if members.pop("type") != _TYPE:
            raise ValueError
        found = ExecutorMessage(**members)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged("is no message") from None
    if type(found.number) is not int or type(found.at_ns) is not int or not isinstance(found.members, dict):
        raise Damaged("is no message")
    return found


def wrapped(signed: SignedBytes) -> dict[str, str]:
    """Signed bytes as members of a message."""
    return {"body": base64.b64encode(signed.body).decode(), "signature": base64.b64encode(signed.signature).decode()}


def unwrapped(members: dict[str, Any], name: str = "") -> SignedBytes:
    """Signed bytes from a message, or from the member of this name. Raises ``Damaged``."""
    try:
        found = members[name] if name else members
        return SignedBytes(
            base64.b64decode(found["body"], validate=True), base64.b64decode(found["signature"], validate=True)
        )
    except (KeyError, TypeError, ValueError):
        raise Damaged("a message without the signed bytes that it is about") from None
