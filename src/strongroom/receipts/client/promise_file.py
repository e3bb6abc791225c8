"""What a client keeps of a gateway's promises: one bounded file for each repository, in the client's state.

The first line is what was learnt so far, as JSON: the log's key as it was pinned at first use or by a person, the keys
before it, the newest head that was found good, and what the gateway is to be reproached with. Every other line is a
promise that is not checked yet: when it was kept (nanoseconds since 1970 by the client's clock) and the
``Strongroom-Receipt`` header. Promises are appended, one write each, without a sync: a lost one is one that is not
checked, nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from typing import Any

from strongroom.base.durable import replace_file, sync_folder
from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable, record
from strongroom.receipts.client.reproach import Reproach
from strongroom.receipts.log.leaf import MAX_LEAF, Receipt
from strongroom.receipts.log.promise import contents

VERSION = 1
MOST = 8 << 20
"""Bytes of a file. Beyond half of it one promise of a pack in ``ONE_OF`` is kept, so that a gateway cannot know which
are looked at; beyond all of it none."""
ONE_OF = 16
MOST_REPROACHES = 32


_MOST_ASIDE = 1000
"""So many files that were put aside may have one name."""


@record
class Promise:
    """A promise as it was given, and when."""

    kept_ns: int
    value: str
    receipt: Receipt
    leaf: bytes

    @property
    def object(self) -> str:
        """The object, as people see it."""
        return f"{self.receipt.kind}/{self.receipt.name}" if self.receipt.kind != "config" else "config"


@mutable
class Kept:
    """A file's content. ``end`` is how much of the file was read, ``mark`` which writing of it."""

    key: str | None = None
    head: str | None = None
    earlier: list[str] = field(default_factory=list)
    """The keys of logs that were rotated away; they signed some of the promises."""
    reproaches: list[Reproach] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    end: int = 0
    mark: str = ""


class PromiseFile:
    """The promises of the gateway at one place. Any number of processes may use it at once."""

    def __init__(self, state: str, location: str) -> None:
        """``location`` is the repository's URL without credentials."""
        self.location = location
        self._folder = os.path.join(state, "promises")
        self.path = os.path.join(self._folder, hashlib.sha256(location.encode()).hexdigest()[:32])

    def keep(self, name: ObjectName, value: str, now_ns: int) -> None:
        """Append a promise. Raises ``OSError``."""
        line = f"{now_ns} {value}\n".encode("ascii", "replace")
        if len(line) > 2 * MAX_LEAF:
            return  # no promise of ours is that long
        with self._opened(create=True) as descriptor:
            size = os.fstat(descriptor).st_size
            if size == 0:
                os.write(descriptor, self._first_line(Kept()))
            if size > MOST or (size > MOST // 2 and name.kind is Kind.DATA and secrets.randbelow(ONE_OF)):
                return
            os.write(descriptor, line)

    def read_promise(self) -> Kept | None:
        """What is in the file; None when there is none. Raises ``OSError``, and ``Damaged`` when it cannot be used."""
        try:
            with self._opened(create=False) as descriptor, open(descriptor, "rb", closefd=False) as file:
                data = file.read(2 * MOST)
        except FileNotFoundError:
            return None
        first, _, rest = data.partition(b"\n")
        kept = _parse_first(first, self.path)
        kept.end = len(data)
        for line in rest.splitlines():
            time, _, value = line.partition(b" ")
            with contextlib.suppress(ValueError, Damaged, LimitExceeded):  # half a line, after a crash
                text = value.decode("ascii")
                receipt, leaf = contents(text)
                kept.promises.append(Promise(int(time), text, receipt, leaf))
        return kept

    def begin(self) -> None:
        """Make the file where there is none. Raises ``OSError``."""
        with self._opened(create=True) as descriptor:
            if os.fstat(descriptor).st_size == 0:
                os.write(descriptor, self._first_line(Kept()))

    def put_aside(self, name: str) -> str:
        """Keep the file as it is under another name beside it, durably, whatever ``replace`` does; that path.

        Where the name is taken, a number follows it. Raises ``OSError``.
        """
        for number in range(1, _MOST_ASIDE):
            aside = f"{self.path}.{name}" if number == 1 else f"{self.path}.{name}-{number}"
            with contextlib.suppress(FileExistsError), self._opened(create=False) as descriptor:
                os.fsync(descriptor)
                os.link(self.path, aside, follow_symlinks=False)
                break
        else:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), aside)
        sync_folder(self._folder)
        return aside

    def replace(self, kept: Kept) -> bool:
        """Write back what is left, with what others appended since it was read. Raises ``OSError`` or ``Damaged``.

        Whether it was: not when another process has replaced the file since it was read, whose word then stands.
        """
        lines = [f"{one.kept_ns} {one.value}\n".encode("ascii") for one in kept.promises]
        with self._opened(create=False) as descriptor:
            with open(descriptor, "rb", closefd=False) as file:
                if _parse_first(file.readline(), self.path).mark != kept.mark:
                    return False
                file.seek(kept.end)
                since = file.read()
            replace_file(self.path, self._first_line(kept) + b"".join(lines) + since)
        return True

    def _first_line(self, kept: Kept) -> bytes:
        row = {
            "version": VERSION,
            "mark": secrets.token_hex(8),
            "location": self.location,
            "key": kept.key,
            "head": kept.head,
            "earlier": kept.earlier,
            "reproaches": [one.row() for one in kept.reproaches[:MOST_REPROACHES]],
        }
        return json.dumps(row).encode("ascii") + b"\n"

    @contextlib.contextmanager
    def _opened(self, *, create: bool) -> Iterator[int]:
        """The file, locked. Who waited for the lock may find that the file was replaced meanwhile."""
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        while True:
            try:
                descriptor = os.open(self.path, flags, 0o600)
            except FileNotFoundError:
                if not create:
                    raise
                os.makedirs(self._folder, mode=0o700)
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), os.lstat(self.path)):
                        yield descriptor
                        return
            finally:
                os.close(descriptor)


def _parse_first(line: bytes, path: str) -> Kept:
    try:
        row: dict[str, Any] = json.loads(line)
        if row["version"] != VERSION:
            raise ValueError("another version")
        texts = [None if row[name] is None else str(row[name]) for name in ("key", "head")]
        earlier = [str(one) for one in row.get("earlier", [])]
        reproaches = [Reproach.of_row(one) for one in row["reproaches"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        hint = "Move the file away, and pin the log's key anew with `strongroom log trust`."
        raise Damaged("what was kept of the gateway's promises is damaged", subject=path, hint=hint) from error
    return Kept(texts[0], texts[1], earlier, reproaches, mark=str(row.get("mark", "")))
