"""A repository on a disk: the folder that a path names, its store, and its immutable ID.

The ID lies in the folder itself, in ``.strongroom/id``, so that renaming keeps it and a folder made anew is a new
repository.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, sync_folder
from strongroom.base.errors import Damaged
from strongroom.base.file_lock import file_lock
from strongroom.gateway import registry
from strongroom.gateway.access.quotas import check_free
from strongroom.gateway.places.arrival import IncomingObject, Taken
from strongroom.gateway.places.disk import changes, copied, intake, trash
from strongroom.gateway.places.disk.folder import OWN, RepositoryFolder
from strongroom.gateway.places.repository import ServedRepository
from strongroom.receipts.log.leaf import LeafType
from strongroom.storage.local.modes import Modes
from strongroom.storage.local.store import LocalStore
from strongroom.storage.own.folder import FolderFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from strongroom.base.objects import ObjectName
    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger

ID_SECONDS = 1.0
_ID = re.compile(r"[0-9a-f]{32}\Z")


class DiskRepository(ServedRepository):
    """One repository's folder."""

    store: LocalStore

    def __init__(self, label: str, path: str, modes: Modes, database: Database, state_folder: str) -> None:
        super().__init__(label, database)
        self._state_folder = state_folder
        self.folder = RepositoryFolder(path, modes)
        self.place = path
        self.store = LocalStore(path, modes=modes)
        self.own = FolderFiles(self.folder.own)
        self._look_at = 0.0
        self.was_made = False
        """Whether a repository was found in this folder already: it is not looked for at each read."""

    def _receive(self, arrival: IncomingObject) -> Taken:
        return intake.receive(self, self.folder, arrival)

    def has(self, name: ObjectName) -> bool:
        """As the base says."""
        return os.path.lexists(os.path.join(self.folder.path, name.path))

    def came_ns(self, name: ObjectName) -> int | None:
        """As the base says: the change of the inode, which a link and a rename are, too."""
        try:
            return os.lstat(os.path.join(self.folder.path, name.path)).st_ctime_ns
        except FileNotFoundError:
            return None

    def is_arriving(self, name: ObjectName) -> bool:
        """As the base says: its temporary file goes after its receipt."""
        try:
            files = os.listdir(self.folder.temporary)
        except FileNotFoundError:
            return False
        return any(file.startswith(f"{intake.PREFIX}-{name.kind.value}-{name.name}-") for file in files)

    def check_room(self) -> None:
        """As the base says, of the file systems that the repository and the state are on."""
        check_free(self.folder.path)
        check_free(self._state_folder)

    @contextlib.contextmanager
    def exclusive(self, what: str, *, wait: bool = True) -> Iterator[bool]:
        """As the base says, by a lock on a file in the repository's own folder."""
        make_folder(self.folder.own, self.folder.modes.folder)
        with file_lock(os.path.join(self.folder.own, f"{what}.lock"), wait=wait) as mine:
            yield mine

    def change(self, name: ObjectName, principal: str) -> AbstractContextManager[None]:
        """As the base says, by a file in ``tmp/``."""
        return changes.change(self.folder, name, principal)

    def where_gone(self, name: ObjectName) -> tuple[LeafType, int, str]:
        """As the base says: into the trash, if it is there."""
        held = [one for one in trash.entries(self.folder, name.kind) if one.name == name]
        if not held:
            return super().where_gone(name)
        return LeafType.TRASH, held[-1].size, f"{held[-1].date} generation {held[-1].generation}"

    def put_away(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """Into the trash."""
        trash.put_away(self, self.folder, name, principal, ledger)

    def take_back(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """As the base says, with the bytes that the name promises."""
        self.check_panic(fresh=True)
        if not self.has(name):
            trash.restore(self, self.folder, trash.find_sound(self.folder, name), ledger, principal)

    def _identify(self) -> str:
        return self.find_id() or self._give_id()

    def find_id(self) -> str | None:
        """As the base says."""
        try:
            with open(os.path.join(self.folder.own, "id"), encoding="ascii", errors="replace") as file:
                found = file.read(64).strip()
        except FileNotFoundError:
            return None
        if _ID.match(found) is None:
            raise Damaged("the file with the repository's ID is damaged", subject=os.path.join(self.folder.own, "id"))
        return found

    def _register(self, repository: str) -> None:
        super()._register(repository)
        original = registry.label_of(self._database, repository)
        if original is not None and original != self.label and self._has_id(original, repository):
            copied.note(self._database, self.label, repository, original)
        else:
            copied.forget(self._database, self.label)

    def is_copy_of(self, label: str) -> bool:
        """Whether the folder at another path has the same ID."""
        return self._has_id(label, self.id)

    def _has_id(self, label: str, repository: str) -> bool:
        """Whether another folder of the same place, by its path, has this ID."""
        root = self.folder.path.removesuffix(self.label) if self.label else self.folder.path
        try:
            with open(os.path.join(root, label, OWN, "id"), encoding="ascii", errors="replace") as file:
                return file.read(64).strip() == repository
        except OSError:
            return False

    def has_other_id(self) -> bool:
        """Whether the folder was given another ID since it was first asked for, by a look in each second."""
        now = self._database.clock.monotonic()
        if self._id is None or now < self._look_at:
            return False
        self._look_at = now + ID_SECONDS
        with contextlib.suppress(Damaged):
            return self.find_id() not in (None, self._id)
        return False

    def is_made(self) -> bool:
        """As the base says."""
        found = super().is_made()
        self.was_made = self.was_made or found
        return found

    def renew_id(self) -> str:
        """Replace the ID that came with a copied folder. Workers see it within a second or two."""
        os.unlink(os.path.join(self.folder.own, "id"))
        self._id = None
        return self.id

    def _give_id(self) -> str:
        make_folder(self.folder.own, self.folder.modes.folder)
        temporary = os.path.join(self.folder.own, f".id-{secrets.token_hex(8)}")
        with open(temporary, "x", encoding="ascii") as file:
            file.write(secrets.token_hex(16) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another worker's ID is as good
            os.link(temporary, os.path.join(self.folder.own, "id"))
        os.unlink(temporary)
        sync_folder(self.folder.own)
        found = self.find_id()
        assert found is not None
        return found
