"""Repositories on disk: the folder that a path names, its store, and its immutable ID.

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
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, sync_folder
from strongroom.base.errors import Damaged, Missing, StrongroomError, TakenAway
from strongroom.base.file_lock import file_lock
from strongroom.gateway import registry
from strongroom.gateway.access.quotas import check_free, room_problems
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.arrival import Arrival, Taken
from strongroom.gateway.places.contract import Place
from strongroom.gateway.places.disk import changes, copied, intake, trash
from strongroom.gateway.places.disk.leftovers import settle_leftovers
from strongroom.gateway.places.repository import Repository
from strongroom.gateway.processes.telling import tell
from strongroom.receipts.commit.tail import TAIL_FILE, Tail
from strongroom.receipts.commit.tile_store import Folder
from strongroom.receipts.log.leaf import LeafType
from strongroom.storage.local.modes import SERVER_GROUP, SERVER_PRIVATE, Modes
from strongroom.storage.local.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from strongroom.base.objects import ObjectName
    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.processes.settings import Settings

OWN = ".strongroom"
ID_SECONDS = 1.0
_ID = re.compile(r"[0-9a-f]{32}\Z")


class DiskRepository(Repository):
    """One repository's folder."""

    store: LocalStore

    def __init__(self, label: str, path: str, modes: Modes, database: Database, state_folder: str) -> None:
        super().__init__(label, database)
        self._state_folder = state_folder
        self.path = path
        self.place = path
        self.modes = modes
        self.store = LocalStore(path, modes=modes)
        self.own_folder = os.path.join(path, OWN)
        """The folder for what is ours in it."""
        self.own = Folder(self.own_folder)
        self._look_at = 0.0
        self.unsettled = False
        """Whether an upload of this process was published and got no receipt."""

    def _take(self, arrival: Arrival) -> Taken:
        return intake.take(self, arrival)

    def has(self, name: ObjectName) -> bool:
        """As the base says."""
        return os.path.lexists(os.path.join(self.path, name.path))

    def came_ns(self, name: ObjectName) -> int | None:
        """As the base says: the change of the inode, which a link and a rename are, too."""
        try:
            return os.lstat(os.path.join(self.path, name.path)).st_ctime_ns
        except FileNotFoundError:
            return None

    def is_arriving(self, name: ObjectName) -> bool:
        """As the base says: its temporary file goes after its receipt."""
        try:
            files = os.listdir(intake.temporary_folder(self))
        except FileNotFoundError:
            return False
        return any(file.startswith(f"{intake.PREFIX}-{name.kind.value}-{name.name}-") for file in files)

    def check_room(self) -> None:
        """As the base says, of the file systems that the repository and the state are on."""
        check_free(self.path)
        check_free(self._state_folder)

    @contextlib.contextmanager
    def exclusive(self, what: str, *, wait: bool = True) -> Iterator[bool]:
        """As the base says, by a lock on a file in the repository's own folder."""
        make_folder(self.own_folder, self.modes.folder)
        with file_lock(os.path.join(self.own_folder, f"{what}.lock"), wait=wait) as mine:
            yield mine

    def change(self, name: ObjectName, principal: str) -> AbstractContextManager[None]:
        """As the base says, by a file in ``tmp/``."""
        return changes.change(self, name, principal)

    def where_gone(self, name: ObjectName) -> tuple[LeafType, int, str]:
        """As the base says: into the trash, if it is there."""
        held = [one for one in trash.entries(self, name.kind) if one.name == name]
        if not held:
            return super().where_gone(name)
        return LeafType.TRASH, held[-1].size, f"{held[-1].date} generation {held[-1].generation}"

    def put_away(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """Into the trash."""
        trash.put_away(self, name, principal, ledger)

    def _identify(self) -> str:
        return self.find_id() or self._give_id()

    def find_id(self) -> str | None:
        """As the base says."""
        try:
            with open(os.path.join(self.own_folder, "id"), encoding="ascii", errors="replace") as file:
                found = file.read(64).strip()
        except FileNotFoundError:
            return None
        if _ID.match(found) is None:
            raise Damaged("the file with the repository's ID is damaged", subject=os.path.join(self.own_folder, "id"))
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
        root = self.path.removesuffix(self.label) if self.label else self.path
        try:
            with open(os.path.join(root, label, OWN, "id"), encoding="ascii", errors="replace") as file:
                return file.read(64).strip() == repository
        except OSError:
            return False

    def has_other_id(self) -> bool:
        """Whether the folder was given another ID since it was first asked for, by a look in each second."""
        now = time.monotonic()
        if self._id is None or now < self._look_at:
            return False
        self._look_at = now + ID_SECONDS
        with contextlib.suppress(Damaged):
            return self.find_id() not in (None, self._id)
        return False

    @property
    def is_identified(self) -> bool:
        """Whether its ID was read or given already."""
        return self._id is not None

    def renew_id(self) -> str:
        """Replace the ID that came with a copied folder. Workers see it within a second or two."""
        os.unlink(os.path.join(self.own_folder, "id"))
        self._id = None
        return self.id

    def _give_id(self) -> str:
        make_folder(self.own_folder, self.modes.folder)
        temporary = os.path.join(self.own_folder, f".id-{secrets.token_hex(8)}")
        with open(temporary, "x", encoding="ascii") as file:
            file.write(secrets.token_hex(16) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another worker's ID is as good
            os.link(temporary, os.path.join(self.own_folder, "id"))
        os.unlink(temporary)
        sync_folder(self.own_folder)
        found = self.find_id()
        assert found is not None
        return found


class DiskPlace(Place):
    """The repositories below one folder."""

    kind = "disk: the gateway is the store; its own compromise is survived only with a replica"

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._root = os.path.abspath(settings.path)
        self._state_folder = settings.state_folder
        self._database = database
        modes = SERVER_GROUP if settings.group_accessible_repos else SERVER_PRIVATE
        umask = os.umask(0)
        os.umask(umask)
        self._modes = Modes(modes.folder & ~umask, modes.file & ~umask) if settings.group_accessible_repos else modes
        self._known: dict[tuple[str, ...], tuple[tuple[int, int], DiskRepository]] = {}
        self._guard = threading.Lock()

    def find(self, folders: tuple[str, ...]) -> DiskRepository:
        """The repository at these folders. Raises ``Missing`` when there is no such folder, and ``TakenAway`` when
        there is none any more: below a mount point whose disk is away nobody should begin a new one (S-1)."""
        try:
            found = self._find(folders)
        except Missing:
            self._check_there("/".join(folders))
            raise
        if not found.is_identified and not found.is_made():
            self._check_there(found.label)
        return found

    def _check_there(self, label: str) -> None:
        if self._are_away([label]):
            raise TakenAway(
                "the log knows a repository here, and its folder is nowhere: is its disk mounted?",
                subject=label,
                hint="`strongroom gateway reconcile` says that it was removed.",
            )

    def _are_away(self, labels: list[str]) -> list[str]:
        """Of these paths, those whose repository is neither there nor, renamed, anywhere else."""
        known = {label: old for label in labels if (old := registry.last_known(self._database, label)) is not None}
        if not known:
            return []
        here = set()
        for one in self.all():
            with contextlib.suppress(Damaged):
                here.add(one.id)
        return [label for label, old in known.items() if old not in here]

    def _find(self, folders: tuple[str, ...]) -> DiskRepository:
        path = os.path.join(self._root, *folders)
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Missing("there is no repository at this path", subject="/".join(folders)) from None
        mark = (status.st_dev, status.st_ino)
        known = self._known.get(folders)
        if known is not None and known[0] == mark and not known[1].has_other_id():
            return known[1]
        with self._guard:
            again = self._known.get(folders)
            if again is known or again is None or again[0] != mark:
                known = (mark, DiskRepository("/".join(folders), path, self._modes, self._database, self._state_folder))
                self._known[folders] = again = known
        return again[1]

    def find_to_read(self, folders: tuple[str, ...]) -> DiskRepository:
        """As the base says: what is read is found by its path, if it is the same folder that stands there now."""
        known = self._known.get(folders)
        if known is not None and known[1].is_identified:
            with contextlib.suppress(OSError):
                status = os.stat(known[1].path)
                if known[0] == (status.st_dev, status.st_ino):
                    return known[1]
        return self.find(folders)

    def create(self, folders: tuple[str, ...]) -> DiskRepository:
        """Make the folders of a repository. Idempotent. Raises ``Full``, ``Refused`` or ``Unavailable``."""
        path = os.path.join(self._root, *folders)
        if not os.path.isdir(path):
            self._check_there("/".join(folders))
            check_free(self._root)
            check_free(self._state_folder)
        LocalStore(path, modes=self._modes).prepare(shards=False)
        return self.find(folders)

    def all(self) -> list[Repository]:
        """All that there are: folders with a config, down to the depth that paths may have."""
        found: list[Repository] = []
        for folders in self._below():
            if os.path.isfile(os.path.join(self._root, *folders, "config")):
                with contextlib.suppress(Missing):
                    found.append(self._find(folders))
        return found

    def by_id(self, repository: str) -> Repository:
        """As the base says; a folder may have been renamed, so all are looked at, its first place before others."""
        first = registry.label_of(self._database, repository)
        with contextlib.suppress(Missing, Damaged):
            if first is not None and (found := self._find(folders_of(first))).id == repository:
                return found
        for one in self.all():
            with contextlib.suppress(Damaged):  # another's ID
                if one.id == repository:
                    return one
        raise Missing("there is no such repository")

    def _names_in(self, folders: tuple[str, ...]) -> list[str]:
        try:
            with os.scandir(os.path.join(self._root, *folders)) as entries:
                return [entry.name for entry in entries if entry.is_dir()]
        except OSError:
            return []

    def settle(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """As the base says; every repository is looked at, since the leftovers lie in their folders."""
        for repository in self.all():
            try:
                assert isinstance(repository, DiskRepository)
                settle_leftovers(ledger, repository)
            except (StrongroomError, OSError) as error:
                tell(f"error: {repository.place}: {error}")
            if stopping():
                return

    def watch(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """Settle again what could not get its receipt when it was published."""
        while not stopping():
            time.sleep(1.0)
            for _, repository in list(self._known.values()):
                if not repository.unsettled:
                    continue
                repository.unsettled = False
                try:
                    settle_leftovers(ledger, repository)
                except (StrongroomError, OSError):
                    repository.unsettled = True  # the database is still away

    def tiles(self, origin: str) -> Folder:
        """A folder beside the repositories, under the last word of the log's origin."""
        return Folder(self._settings.log_folder(origin))

    def tail(self, origin: str) -> Tail:
        """Beside the tiles."""
        return Tail(os.path.join(self._settings.log_folder(origin), TAIL_FILE))

    def problems(self) -> list[str]:
        """As the base says."""
        found = room_problems({"the store's folder": self._root, "the state's folder": self._state_folder})
        with contextlib.suppress(StrongroomError):
            missing = [one for one in registry.paths(self._database) if not self._has_folder(one)]
            if away := self._are_away(missing):
                found.append(f"repositories whose folders are nowhere: {len(away)}; is the disk mounted?")
        return found

    def _has_folder(self, label: str) -> bool:
        path = os.path.join(self._root, label)
        return any(os.path.lexists(os.path.join(path, one)) for one in ("config", os.path.join(OWN, "id")))
