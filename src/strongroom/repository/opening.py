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
from strongroom.repository.state import pin_url
from strongroom.repository.surroundings import Surroundings
from strongroom.repository.unpacked import MAX_PLAINTEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.repository.cache import Cache
    from strongroom.repository.state import Pin, StateDirectory
    from strongroom.storage.contract import Store

_KNOWN_HINT = "Is its disk mounted, and is the place right?"
_STRANGER_HINT = (
    "Disks that take turns at one place, or a repository that you have replaced: say so once with --accept-repository, "
    "and both are known here. If it was not you, somebody has changed what your backups go to. Reading is possible."
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
    beside_known: bool = False,
    withdraw: Callable[[str], bool] = lambda _key_id: False,
    go_on: bool = False,
) -> Repository:
    """Make a new repository and return it opened. ``beside_known``: even where another is known to stand.

    ``go_on``: where a key of this password stands without a config, as a killed run leaves it, that key is used.

    ``polynomial``: that of another repository, so that chunks agree; a random irreducible one otherwise. The key is
    stored before the config, so that a run that breaks off leaves nothing that passes for a repository. Where another
    run's config came first ``withdraw`` removes that key, and says whether it could. Raises ``Exists`` when there is a
    repository already, ``RepositoryError`` when the state directory knows one here.
    """
    surroundings = surroundings or Surroundings()
    if version not in VERSIONS:
        raise UsageError(f"there is no version {version} of the format", hint="Use 2, or 1 for very old clients.")
    if polynomial is not None:
        check_polynomial(polynomial)
    pins = _pins(store, state)
    left = _begun_key(store, password, surroundings) if go_on else None
    if left is None:
        _refuse_to_replace(store)
    if pins and not beside_known:
        raise RepositoryError(
            f"the repository {_named(pins)} stood here and is gone; refusing to put another in its place",
            subject=store.location,
            hint=f"{_KNOWN_HINT} With --accept-repository another one is made here, and both are known.",
        )
    store.prepare()
    identity = surroundings.random_bytes(32).hex()
    config = RepositoryConfig(version, identity, polynomial or _kernel.random_polynomial())
    if left is None:
        key = _kernel.Key.generate()
        key_id = store_key(store, key, password, surroundings)
    else:
        key_id, key = left
    try:
        store.create(CONFIG, key.seal(config.encode()))
    except Exists as error:
        stays = "" if withdraw(key_id) else f" The key {key_id[:8]} was made for this one; it stays, and opens nothing."
        raise Exists(
            "config file already exists: the repository is already initialized",
            subject=store.location,
            hint=f"Another `init` began at the same time, and its config came first.{stays}",
        ) from error
    made = _assemble(store, _read_config(store, pins), key_id, key, surroundings, cache=cache, state=state)
    made.admit()
    return made


def _begun_key(store: Store, password: bytes, surroundings: Surroundings) -> tuple[str, _kernel.Key] | None:
    """The key of a run that was ended before it wrote the config; None where there is a config, or no such key."""
    try:
        store.stat(CONFIG)
    except Missing:
        pass
    else:
        return None
    if next(iter(store.list(Kind.KEY)), None) is None:
        return None
    try:
        return find_key(store, password, surroundings)
    except WrongPassword:
        return None


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

    Raises ``NoRepository``, ``WrongPassword``, ``Damaged`` (a broken config), ``Unsupported`` (another version). One
    that this machine does not know, where it knows others, is opened as a stranger: it may be read.
    """
    surroundings = surroundings or Surroundings()
    pins = _pins(store, state)
    pinned = tuple(pin.key_id for pin in pins)
    reading: list[Callable[[], tuple[bytes, bool]]] = []

    def read_config() -> None:
        if not reading:
            reading.append(begun(lambda: _read_config(store, pins)))

    def fits(key: _kernel.Key) -> bool:
        try:
            key.open(reading[0]()[0])
        except Damaged:
            return False
        return True

    try:  # while a key is derived the store would be idle
        key_id, key = find_key(
            store, password, surroundings, pinned=pinned, hint=key_hint, on_deriving=read_config, fits=fits
        )
    except (WrongPassword, Missing):
        read_config()
        reading[0]()  # where there is no repository at all, that is what to say
        raise
    repository = _assemble(store, reading[0](), key_id, key, surroundings, cache=cache, state=state)
    repository.password = password
    return repository


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
    pins = _pins(store, state)
    config = RepositoryConfig.parse(_opened_config(store, key, stored))
    remembered = state.repository(config.id) if state is not None else None
    cached = cache.repository(config.id) if cache is not None and not near else None
    repository = Repository(store, config, key, key_id, surroundings, cache=cached, state=remembered, near=near)
    if not pins or any((pin.repository_id, pin.polynomial) == (config.id, config.polynomial) for pin in pins):
        repository.admit()
    else:
        repository.stranger = RepositoryError(
            f"another repository stands here ({config.id[:10]}) than this machine knows ({_named(pins)}); "
            "nothing is written to it",
            subject=store.location,
            hint=_STRANGER_HINT,
        )
    return repository


def _opened_config(store: Store, key: _kernel.Key, stored: bytes) -> bytes:
    """The config's plaintext. One that does not open is read a second time: the line may have been at fault."""
    try:
        return key.open(stored)
    except Damaged:
        again = _read_config(store, [])[0]
    try:
        return key.open(again)
    except Damaged:
        raise Damaged(
            "is damaged, or does not belong to these keys",
            subject=f"config of {store.location}",
            hint="Bring back its first version from the store or a copy; it never changes.",
        ) from None


def _pins(store: Store, state: StateDirectory | None) -> list[Pin]:
    """What this machine knows to stand at a store's place, at one time or another."""
    return state.pins_at(pin_url(store.location)) if state is not None else []


def _named(pins: Sequence[Pin]) -> str:
    return " or ".join(pin.repository_id[:10] for pin in pins)


def _read_config(store: Store, pins: Sequence[Pin]) -> tuple[bytes, bool]:
    """The config's envelope, and whether the store lies on this machine: it gives out descriptors, then."""
    limit = MAX_PLAINTEXT[Kind.CONFIG] + 32
    try:
        with store.read(CONFIG) as reader:
            if reader.size > limit:
                raise Damaged("is longer than any config", subject=f"config of {store.location}")
            return reader.read(limit), reader.fileno() is not None
    except Missing:
        hint = "`strongroom init` makes one there."
        if pins:
            hint = f"This machine knows the repository {_named(pins)} here. {_KNOWN_HINT}"
        where = f"Is there a repository at the following location?\n{store.location}"
        what = "repository does not exist: unable to open config file: there is none"
        raise NoRepository(what, hint=f"{where}\n{hint}") from None
