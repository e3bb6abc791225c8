"""``migrate``: changes of a repository as a whole, by the names that restic has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Unsupported
from strongroom.base.record import record, replace
from strongroom.storage.local.config_file import replace_config
from strongroom.storage.local.store import LocalStore
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.format.config import RepositoryConfig
    from strongroom.repository.opened import Repository


@record
class Migration:
    """A change with restic's name. ``obstacle`` says why it cannot be made, empty where it can."""

    name: str
    description: str
    obstacle: Callable[[Repository], str]
    apply: Callable[[Repository], str]
    """Makes the change and returns where what it replaced is kept. The caller holds the exclusive lock."""


def _is_upgraded(repository: Repository) -> str:
    return "" if repository.version == 1 else f"repository is already upgraded to version {repository.version}"


def _upgrade(repository: Repository) -> str:
    """Raises ``Unsupported`` where the repository is no folder of this machine, or is not of version 1."""
    if repository.version != 1:
        raise Unsupported(
            f"repository has version {repository.version}, only upgrades from version 1 are supported",
            subject=repository.location,
        )
    store = innermost(repository.store)
    if not isinstance(store, LocalStore):
        raise Unsupported(
            "the config can be replaced in a folder only, where one of the two stands there at any moment",
            subject=repository.location,
            hint="Run `strongroom migrate` where the repository lies, on its folder.",
        )
    config = replace(repository.config, version=2)
    return replace_config(store, _sealed(repository, config), "config-of-version-1")


def _sealed(repository: Repository, config: RepositoryConfig) -> bytes:
    plaintext = config.encode()
    stored = repository.key.seal(plaintext)
    if repository.key.open(stored) != plaintext or type(config).parse(plaintext) != config:
        raise Damaged("came out changed of its own encryption; is this machine's memory sound?", subject="config")
    return stored


MIGRATIONS = (Migration("upgrade_repo_v2", "upgrade a repository to version 2", _is_upgraded, _upgrade),)


def available(repository: Repository) -> list[Migration]:
    """Those that can be made."""
    return [migration for migration in MIGRATIONS if not migration.obstacle(repository)]
