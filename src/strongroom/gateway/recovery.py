"""Objects that were there before us get their leaves; what an earlier run left is settled.

Run in the background by each worker: the gateway serves at once, however much there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.base.objects import NAMED_KINDS, Kind
from strongroom.base.server_log import LOG
from strongroom.gateway.comparison import differences
from strongroom.gateway.places.found import record_found
from strongroom.gateway.watch import adoptions
from strongroom.receipts.commit.log_state import state
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services

NAMED = 10
"""So many of what was adopted late are named."""


def recover(services: Services, stopping: Callable[[], bool]) -> None:
    """Settle what was left, then look through every repository once. What cannot be adopted keeps nobody waiting."""
    begun_ns = services.clock.now_ns()
    try:
        services.repositories.settle(services.ledger, stopping)
        for repository in services.repositories.all():
            if stopping():
                return
            try:
                if repository.state(fresh=True).adopting:
                    adopt(services.ledger, repository, stopping)
                elif state(services.database).alarm is None:  # else what the log has may be what the database lacks
                    adopt_strays(services.ledger, repository, begun_ns, stopping)
            except Exception as error:  # whatever it is, the other repositories are not its affair
                _say(repository, error)
    except Exception as error:
        LOG.error(f"recovery: {error}")
    services.repositories.watch(services.ledger, stopping)


def adopt(ledger: Ledger, repository: ServedRepository, stopping: Callable[[], bool]) -> None:
    """Give every object that has no receipt an ``adopted`` leaf with the store's stamp. Goes on where it ended.

    What cannot be adopted is named, here and by the daily comparison, and the others go on. Raises ``Unavailable``.
    """
    with repository.exclusive("adopting", wait=False) as mine:
        if not mine:
            return  # another worker does it
        for kind in (Kind.CONFIG, *NAMED_KINDS):
            if kind is Kind.LOCK:
                continue
            try:
                for info in repository.store.list(kind):
                    if stopping():
                        return
                    _adopt_one(ledger, repository, info.name, info.size, info.modified_ns)
            except Unavailable:
                raise
            except (StrongroomError, OSError) as error:  # a folder that cannot be read
                _say(repository, error)
        repository.mark(adopting=0)


def adopt_strays(ledger: Ledger, repository: ServedRepository, begun_ns: int, stopping: Callable[[], bool]) -> None:
    """Adopt what came to a folder before ``begun_ns`` without a receipt, and say so: rest-server over the same folder.

    Over object storage there is no other server to go back to: there the daily comparison says it. Raises what the
    store raises, and ``Unavailable``.
    """
    with repository.exclusive("adopting", wait=False) as mine:
        if not mine:
            return
        names: list[str] = []
        count = 0
        for one in differences(ledger.database, repository.id, repository.store):
            if stopping():
                return
            came_ns = None if one.lost else repository.came_ns(one.name)
            if came_ns is None or came_ns >= begun_ns or repository.is_arriving(one.name):
                continue  # lost, or an upload that is under way
            if _adopt_one(ledger, repository, one.name, repository.store.stat(one.name).size, one.modified_ns):
                count += 1
                names += [str(one.name)] if len(names) < NAMED else []
        if count:
            more = f", and {count - len(names)} more" if count > len(names) else ""
            adoptions.say(ledger, repository, count, f"{', '.join(names)}{more}")


def _adopt_one(
    ledger: Ledger, repository: ServedRepository, name: ObjectName, size: int, modified_ns: int | None
) -> bool:
    """Whether it has its receipt from us. A stamp from before 1970 counts as 1970; one that is still to come as now."""
    stamp = None if modified_ns is None or modified_ns > ledger.clock.now_ns() else max(0, modified_ns)
    try:
        return record_found(ledger, repository, name, LeafType.ADOPTED, size=size, time_ns=stamp)
    except Unavailable:
        raise
    except (StrongroomError, OSError, ValueError) as error:
        _say(repository, error, f"{name} is not adopted: ")
        return False


def _say(repository: ServedRepository, error: Exception, what: str = "") -> None:
    place = repository.place.encode("unicode_escape").decode()
    LOG.error(f"{place}: {what}{error}")
