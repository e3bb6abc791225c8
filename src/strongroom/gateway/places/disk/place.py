"""The repositories below one folder of a disk."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder
from strongroom.base.errors import Damaged, Missing, StrongroomError, TakenAway
from strongroom.base.server_log import LOG
from strongroom.gateway import registry
from strongroom.gateway.access.quotas import check_free, room_problems, tell_of_room
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.contract import Place
from strongroom.gateway.places.disk.folder import OWN
from strongroom.gateway.places.disk.leftovers import settle_leftovers
from strongroom.gateway.places.disk.repository import DiskRepository
from strongroom.receipts.commit.tail import Tail
from strongroom.storage.local.modes import SERVER_GROUP, SERVER_PRIVATE, Modes
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.own.folder import FolderFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.settings import GatewaySettings


class DiskPlace(Place):
    """The repositories below one folder."""

    has_trash = True
    kind = "disk: the gateway is the store; its own compromise is survived only with a replica"

    def __init__(self, settings: GatewaySettings, database: Database) -> None:
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
        if not found.was_made and not found.is_made():
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
        if known is not None and known[1].was_made:
            mark, repository = known
            try:  # not `suppress`: this is done for each read
                status = os.stat(repository.place)
            except OSError:
                return self.find(folders)
            if mark == (status.st_dev, status.st_ino):
                return repository
        return self.find(folders)

    def create(self, folders: tuple[str, ...]) -> DiskRepository:
        """Make the folders of a repository. Idempotent. Raises ``Full``, ``Refused`` or ``Unavailable``."""
        path = os.path.join(self._root, *folders)
        if not os.path.isdir(path):
            self._check_there("/".join(folders))
            check_free(self._root)
            check_free(self._state_folder)
        self._make_above(folders)
        LocalStore(path, modes=self._modes).prepare(shards=False)
        return self.find(folders)

    def _make_above(self, folders: tuple[str, ...]) -> None:
        """The folders above a repository, a user's own first, with a repository's modes, as rest-server makes them."""
        path = self._root
        for name in folders[:-1] if os.path.isdir(self._root) else ():
            path = os.path.join(path, name)
            try:
                make_folder(path, self._modes.folder)
            except OSError as error:
                raise store_error(error, path) from error

    def all(self) -> list[ServedRepository]:
        """All that there are: folders with a config, down to the depth that paths may have."""
        found: list[ServedRepository] = []
        for folders in self._below():
            if os.path.isfile(os.path.join(self._root, *folders, "config")):
                with contextlib.suppress(Missing):
                    found.append(self._find(folders))
        return found

    def by_id(self, repository: str) -> ServedRepository:
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
                settle_leftovers(ledger, repository, repository.folder)
            except (StrongroomError, OSError) as error:
                LOG.error(f"{repository.place}: {error}")
            if stopping():
                return

    def watch(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """Settle again what could not get its receipt when it was published."""
        while not stopping():
            time.sleep(1.0)
            for _, repository in list(self._known.values()):
                folder = repository.folder
                if not folder.unsettled:
                    continue
                folder.unsettled = False
                try:
                    settle_leftovers(ledger, repository, folder)
                except (StrongroomError, OSError):
                    folder.unsettled = True  # the database is still away

    def tiles(self, origin: str) -> FolderFiles:
        """A folder beside the repositories, under the last word of the log's origin."""
        return FolderFiles(self._settings.log_folder(origin))

    def tail(self, origin: str) -> Tail:
        """Beside the tiles."""
        return Tail(self._settings.tail_of(origin))

    @property
    def _folders(self) -> dict[str, str]:
        """What is written to, by names that anybody may read."""
        return {"the store's folder": self._root, "the state's folder": self._state_folder}

    def check(self) -> None:
        """As the base says. What cannot be written may still be read, as restores want it: it is only told of."""
        tell_of_room(self._folders)

    def problems(self) -> list[str]:
        """As the base says."""
        return room_problems(self._folders)

    def away(self) -> list[str]:
        """As the base says."""
        missing = [one for one in registry.paths(self._database) if not self._has_folder(one)]
        away = self._are_away(missing)
        return [f"repositories whose folders are nowhere: {len(away)}; is the disk mounted?"] if away else []

    def _has_folder(self, label: str) -> bool:
        path = os.path.join(self._root, label)
        return any(os.path.lexists(os.path.join(path, one)) for one in ("config", os.path.join(OWN, "id")))
