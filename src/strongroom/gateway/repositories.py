"""Repositories on disk: the folder that a path names, its store, its immutable ID, and its state in the database.

The ID lies in the folder itself, in ``.strongroom/id``, so that renaming keeps it and a folder made anew is a new
repository.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing
from strongroom.gateway import schema
from strongroom.gateway.paths import MAX_DEPTH, is_folder_name
from strongroom.storage.durable import make_folder, sync_folder
from strongroom.storage.local import LocalStore
from strongroom.storage.modes import SERVER_GROUP, SERVER_PRIVATE, Modes

if TYPE_CHECKING:
    from strongroom.gateway.settings import Settings
    from strongroom.receipts.database import Database

OWN = ".strongroom"
STATE_SECONDS = 1.0
"""A panic or a thaw is seen by every worker after so long at most."""
_ID = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """What the database says of a repository."""

    frozen: bool
    adopting: bool
    panic: bool


class Repository:
    """One repository's folder."""

    def __init__(self, label: str, path: str, modes: Modes, database: Database) -> None:
        self.label = label
        self.path = path
        self.modes = modes
        self.store = LocalStore(path, modes=modes)
        self._database = database
        self._id: str | None = None
        self._state: tuple[float, RepositoryState] | None = None

    @property
    def own(self) -> str:
        """The folder for what is ours in it."""
        return os.path.join(self.path, OWN)

    @property
    def id(self) -> str:
        """The immutable ID, given at first use. Raises ``Damaged`` when the file with it is no ID."""
        if self._id is None:
            self._id = self._read_id() or self._give_id()
            self._register(self._id)
        return self._id

    def state(self, *, fresh: bool = False) -> RepositoryState:
        """What the database says, at most ``STATE_SECONDS`` old unless ``fresh``."""
        now = time.monotonic()
        if fresh or self._state is None or self._state[0] < now:
            table = schema.repository
            with self._database.read() as connection:
                row = connection.execute(sa.select(table).where(table.c.id == self.id)).first()
            found = RepositoryState(bool(row and row.frozen), bool(row and row.adopting), bool(row and row.panic))
            self._state = (now + STATE_SECONDS, found)
        return self._state[1]

    def mark(self, **values: int) -> None:
        """Set fields of the database's row."""
        table = schema.repository
        with self._database.write() as connection:
            connection.execute(table.update().where(table.c.id == self.id).values(**values))
        self._state = None

    def _read_id(self) -> str | None:
        try:
            with open(os.path.join(self.own, "id"), encoding="ascii", errors="replace") as file:
                found = file.read(64).strip()
        except FileNotFoundError:
            return None
        if _ID.match(found) is None:
            raise Damaged("the file with the repository's ID is damaged", subject=os.path.join(self.own, "id"))
        return found

    def _give_id(self) -> str:
        make_folder(self.own, self.modes.folder)
        temporary = os.path.join(self.own, f".id-{secrets.token_hex(8)}")
        with open(temporary, "x", encoding="ascii") as file:
            file.write(secrets.token_hex(16) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another worker's ID is as good
            os.link(temporary, os.path.join(self.own, "id"))
        os.unlink(temporary)
        sync_folder(self.own)
        found = self._read_id()
        assert found is not None
        return found

    def _register(self, repository: str) -> None:
        """Make the database's row. A repository that has a config already was not made through us: it is adopted."""
        table = schema.repository
        with self._database.read() as connection:
            if connection.execute(sa.select(table.c.id).where(table.c.id == repository)).first() is not None:
                return
        adopted = int(os.path.exists(os.path.join(self.path, "config")))
        text = (
            "INSERT INTO repository (id, path, created_ns, frozen, adopting, panic)"
            " VALUES (:id, :path, :now, :adopted, :adopted, 0) ON CONFLICT DO NOTHING"
        )
        with self._database.write() as connection:
            row = {"id": repository, "path": self.label, "now": self._database.now_ns(connection), "adopted": adopted}
            connection.execute(sa.text(text), row)


class Repositories:
    """The repositories below one folder."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._root = os.path.abspath(settings.path)
        self._database = database
        modes = SERVER_GROUP if settings.group_accessible_repos else SERVER_PRIVATE
        umask = os.umask(0)
        os.umask(umask)
        self._modes = Modes(modes.folder & ~umask, modes.file & ~umask) if settings.group_accessible_repos else modes
        self._known: dict[tuple[str, ...], tuple[tuple[int, int], Repository]] = {}
        self._guard = threading.Lock()

    def find(self, folders: tuple[str, ...]) -> Repository:
        """The repository at these folders. Raises ``Missing`` when there is no such folder."""
        path = os.path.join(self._root, *folders)
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Missing("there is no repository at this path", subject="/".join(folders)) from None
        mark = (status.st_dev, status.st_ino)
        known = self._known.get(folders)
        if known is not None and known[0] == mark:
            return known[1]
        with self._guard:
            known = self._known.get(folders)
            if known is None or known[0] != mark:
                known = (mark, Repository("/".join(folders), path, self._modes, self._database))
                self._known[folders] = known
        return known[1]

    def create(self, folders: tuple[str, ...]) -> Repository:
        """Make the folders of a repository. Idempotent. Raises ``Full``, ``Refused`` or ``Unavailable``."""
        path = os.path.join(self._root, *folders)
        LocalStore(path, modes=self._modes).prepare()
        return self.find(folders)

    def all(self) -> list[Repository]:
        """All that there are: folders with a config, down to the depth that paths may have."""
        found = []
        for folders in [(), *self._below(())]:
            if os.path.isfile(os.path.join(self._root, *folders, "config")):
                with contextlib.suppress(Missing):
                    found.append(self.find(folders))
        return found

    def _below(self, folders: tuple[str, ...]) -> list[tuple[str, ...]]:
        if len(folders) == MAX_DEPTH:
            return []
        try:
            entries = list(os.scandir(os.path.join(self._root, *folders)))
        except OSError:
            return []
        found = []
        for entry in entries:
            if is_folder_name(entry.name) and entry.is_dir():
                child = (*folders, entry.name)
                found += [child, *self._below(child)]
        return found
