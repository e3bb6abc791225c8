"""Make a repository, or open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, Exists, Missing, NoRepository, RepositoryError, UsageError, WrongPassword
from strongroom.base.objects import CONFIG, Kind
from strongroom.format.config import VERSIONS, RepositoryConfig, check_polynomial
from strongroom.repository.keyring import find_key, store_key
from strongroom.repository.opened import Repository
from strongroom.repository.parallel import begun
from strongroom.repository.state import Pin, RepositoryState, StateDirectory, pin_url
from strongroom.repository.surroundings import Surroundings
from strongroom.repository.unpacked import MAX_PLAINTEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.repository.cache import Cache
    from strongroom.storage.contract import Store

_PINNED_HINT = (
    "If it was you who replaced it, remove {path} and run this again; "
    "if not, somebody has changed what your backups go to."
)


def initialise(
    store: Store,
    password: bytes,
    *,
    version: int = 2,
    polynomial: int | None = None,
    surroundings: Surroundings | None = None,
    cache: Cache | None = None,
    state: StateDirectory | None = None,
) -> Repository:
    """Make a new repository and return it opened.

    ``polynomial``: that of another repository, so that chunks agree; a random irreducible one otherwise. The key is
    stored before the config, so that a run that breaks off leaves nothing that passes for a repository. Raises
    ``Exists`` when there is a repository already, ``RepositoryError`` when the state directory has pinned one here.
    """
    surroundings = surroundings or Surroundings()
    if version not in VERSIONS:
        raise UsageError(f"there is no version {version} of the format", hint="Use 2, or 1 for very old clients.")
    if polynomial is not None:
        check_polynomial(polynomial)
    pin = state.pin_at(pin_url(store.location)) if state is not None else None
    _refuse_to_replace(store)
    if pin is not None and state is not None:
        raise RepositoryError(
            f"the repository {pin.repository_id[:10]} stood here and is gone; refusing to put another in its place",
            subject=store.location,
            hint=_PINNED_HINT.format(path=state.repository(pin.repository_id).path),
        )
    store.prepare()
    identity = surroundings.random_bytes(32).hex()
    config = RepositoryConfig(version, identity, polynomial or _kernel.random_polynomial())
    key = _kernel.Key.generate()
    key_id = store_key(store, key, password, surroundings)
    store.create(CONFIG, key.seal(config.encode()))
    return _assemble(store, _read_config(store, state, pin), key_id, key, surroundings, cache=cache, state=state)


def _refuse_to_replace(store: Store) -> None:
    try:
        store.stat(CONFIG)
    except Missing:
        pass
    else:
        raise Exists("config file already exists: the repository is already initialized", subject=store.location)
    if next(iter(store.list(Kind.KEY)), None) is not None:
        raise Exists(
            "there are keys, but no config: a repository was here, or was begun",
            subject=store.location,
            hint="Look at what is there before you remove it; without its config it can still be rescued.",
        )


def open_repository(
    store: Store,
    password: bytes,
    *,
    key_hint: str | None = None,
    surroundings: Surroundings | None = None,
    cache: Cache | None = None,
    state: StateDirectory | None = None,
) -> Repository:
    """Open a repository with any of its keys.

    Raises ``NoRepository``, ``WrongPassword``, ``Damaged`` (a broken config), ``Unsupported`` (another version), and
    ``RepositoryError`` when another repository stands where the state directory has pinned one.
    """
    surroundings = surroundings or Surroundings()
    pin = state.pin_at(pin_url(store.location)) if state is not None else None
    pinned = pin.key_id if pin is not None else None
    reading: list[Callable[[], tuple[bytes, bool]]] = []

    def read_config() -> None:
        if not reading:
            reading.append(begun(lambda: _read_config(store, state, pin)))

    try:  # while a key is derived the store would be idle
        key_id, key = find_key(store, password, surroundings, pinned=pinned, hint=key_hint, on_deriving=read_config)
    except (WrongPassword, Missing):
        read_config()
        reading[0]()  # where there is no repository at all, that is what to say
        raise
    return _assemble(store, reading[0](), key_id, key, surroundings, cache=cache, state=state)


def _assemble(
    store: Store,
    found: tuple[bytes, bool],
    key_id: str,
    key: _kernel.Key,
    surroundings: Surroundings,
    *,
    cache: Cache | None,
    state: StateDirectory | None,
) -> Repository:
    """The repository behind a master key, compared with what was pinned here, and pinned. ``found``: its config."""
    stored, near = found
    url = pin_url(store.location)
    pin = state.pin_at(url) if state is not None else None
    try:
        plaintext = key.open(stored)
    except Damaged:
        raise Damaged(
            "is damaged, or does not belong to these keys",
            subject=f"config of {store.location}",
            hint="Bring back its first version from the store or a copy; it never changes.",
        ) from None
    config = RepositoryConfig.parse(plaintext)
    if pin is not None and state is not None and (pin.repository_id, pin.polynomial) != (config.id, config.polynomial):
        raise RepositoryError(
            f"another repository stands here ({config.id[:10]}) than this machine knows ({pin.repository_id[:10]})",
            subject=store.location,
            hint=_PINNED_HINT.format(path=state.repository(pin.repository_id).path),
        )
    remembered: RepositoryState | None = None
    if state is not None:
        remembered = state.repository(config.id)
        remembered.pin(Pin(url, config.id, config.polynomial, key_id))
    cached = cache.repository(config.id) if cache is not None and not near else None
    return Repository(store, config, key, key_id, surroundings, cache=cached, state=remembered, near=near)


def _read_config(store: Store, state: StateDirectory | None, pin: Pin | None) -> tuple[bytes, bool]:
    """The config's envelope, and whether the store lies on this machine: it gives out descriptors, then."""
    limit = MAX_PLAINTEXT[Kind.CONFIG] + 32
    try:
        with store.read(CONFIG) as reader:
            if reader.size > limit:
                raise Damaged("is longer than any config", subject=f"config of {store.location}")
            return reader.read(limit), reader.fileno() is not None
    except Missing:
        hint = "`strongroom init` makes one there."
        if pin is not None and state is not None:
            hint = "This machine knows a repository here. " + _PINNED_HINT.format(
                path=state.repository(pin.repository_id).path
            )
        where = f"Is there a repository at the following location?\n{store.location}"
        raise NoRepository("repository does not exist: there is no config file", hint=f"{where}\n{hint}") from None
