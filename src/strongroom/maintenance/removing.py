"""The one place through which maintenance removes objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted, Missing, Refused, StoreError
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.emptied import are_all_snapshots, note_emptied
from strongroom.repository.parallel import outcomes
from strongroom.storage.contract import StoreKind
from strongroom.storage.removal import removal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import Event

    from strongroom.repository.opened import Repository
    from strongroom.storage.removal import Removal

_CUSTODIAN = (
    "Whoever has broken into a host must not take its backups away, so hosts may add alone. A custodian forgets and "
    "prunes behind this server; who may delete in the store itself can do it there."
)


class Remover:
    """Removes objects of one repository, several at once."""

    def __init__(self, repository: Repository, removal: Removal | None = None) -> None:
        """``removal``: another way than the store's own, such as into a trash. Raises ``Unsupported`` without any."""
        self._repository = repository
        self._removal = removal or removal_of(repository.store)
        self._near = repository.near
        self._workers = repository.store.connections
        self.emptied = False
        """Whether the last snapshots of the repository were removed here."""

    def remove_all(
        self,
        names: Iterable[ObjectName],
        progress: Callable[[int, int], None] | None = None,
        *,
        stop: Event | None = None,
    ) -> list[tuple[ObjectName, StoreError]]:
        """Remove objects, in no particular order; what is gone already is success. Returns those that stay, and why.

        ``progress(done, total)`` counts objects. All that were removed are durably gone on return, packs excepted:
        nothing depends on those. Raises ``Interrupted`` when ``stop`` is set; what is left stays.
        """
        wanted = list(names)
        snapshots = [name.name for name in wanted if name.kind is Kind.SNAPSHOT]
        last = bool(snapshots) and are_all_snapshots(self._repository, snapshots)
        failed: list[tuple[ObjectName, StoreError]] = []
        try:
            for done, (name, outcome) in enumerate(self._outcomes(wanted), 1):
                try:
                    outcome()
                except StoreError as error:
                    failed.append((name, error))
                if stop is not None and stop.is_set():
                    raise Interrupted("stopped")
                if progress is not None:
                    progress(done, len(wanted))
        finally:
            self._removal.settle()
        if last and not failed:
            self.emptied = True
            note_emptied(self._repository)
        return failed

    def _outcomes(self, names: list[ObjectName]) -> Iterable[tuple[ObjectName, Callable[[], None]]]:
        """Each removal as it is done; where threads take longer to take turns than a removal takes, without them."""
        if self._near:
            return ((name, partial(self._removal.remove_unsettled, name)) for name in names)
        return outcomes(self._removal.remove_unsettled, names, self._workers)


def refuse_where_append_only(repository: Repository) -> None:
    """Raise ``Refused`` before any work where a server will not let us remove: what is done for nothing helps nobody.

    A REST server that is append-only refuses to delete a pack also where there is none, so it is asked for one with a
    random name. Other stores are not asked: a bucket with versions would remember each question.
    """
    if repository.store.store_kind not in {StoreKind.REST, StoreKind.RCLONE}:
        return
    name = ObjectName(Kind.DATA, repository.surroundings.random_bytes(32).hex())
    try:
        removal_of(repository.store).remove(name)
    except Missing:
        return
    except Refused as error:
        raise Refused(
            "this place is append-only: nothing is removed here", subject=repository.location, hint=_CUSTODIAN
        ) from error
