"""The keys of a repository: find the one that opens it, list them, add one. Removal is apart, in ``key_removal``.

Anybody who can write to the store can put files into ``keys/``: junk is skipped with a warning and never fatal, and
costs nothing of the budget; only keys that were really tried do. The pinned key comes first, then the hint, so a flood
of keys cannot lock us out of a repository that this host has opened before.
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, StoreError, StrongroomError, WrongPassword
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.base.record import record
from strongroom.format import rfc3339
from strongroom.format.key import MAX_FILE, SALT_BYTES, KeyFile, encode_material, parse_material

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.repository.opened import Repository
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store

SCRYPT = (32768, 8, 8)
"""N, r, p of the keys that we write (``docs/concepts/kernel.md``)."""
MAX_TRIED = 20
"""How many keys are tried before we ask for a hint, as restic does."""
MAX_WORK = MAX_TRIED << 21
"""How much scrypt all tries together may cost, as the sum of N·r·p: twenty keys like our own."""
MAX_READ = 1000
"""How many files of ``keys/`` are read at most; more than any fleet has hosts that share a repository."""
_DERIVING = threading.Lock()
"""Held while a key is derived: that takes all cores and up to 256 MiB, however many repositories are opened at once."""


@record
class KeySummary:
    """A line of `key list`. ``created`` is RFC 3339 text as the file has it; fields that it lacks are empty."""

    id: str
    current: bool
    username: str
    hostname: str
    created: str


def find_key(
    store: Store,
    password: bytes,
    surroundings: Surroundings,
    *,
    pinned: Sequence[str] = (),
    hint: str | None = None,
    on_deriving: Callable[[], None] = lambda: None,
    fits: Callable[[_kernel.Key], bool] = lambda _key: True,
) -> tuple[str, _kernel.Key]:
    """The name of the first key that opens with this password, and the master key in it.

    ``on_deriving`` is called before each derivation, which takes long. ``fits`` says whether a master key is this
    repository's: an ``init`` that came second leaves another one, and whoever may add keys can. Where none fits the
    first stands. Raises ``WrongPassword``; the hint then says if keys were left untried.
    """
    tried = work = 0
    misfit: tuple[str, _kernel.Key] | None = None
    for name in _candidates(store, pinned, hint):
        try:
            file = read_key_file(store, name)
        except (Damaged, LimitExceeded) as problem:
            surroundings.warn(f"skipping {problem}")
            continue
        except Missing:  # removed since it was listed, or a pin that is out of date
            continue
        if tried >= MAX_TRIED or work + file.work > MAX_WORK:
            if misfit is not None:
                return misfit
            raise WrongPassword(
                f"wrong password or no key found: the first {tried} keys of {store.location} do not open with it, "
                "and there are more",
                hint="Name the right one with --key-hint.",
            )
        tried, work = tried + 1, work + file.work
        on_deriving()
        try:
            key = unwrap(file, password, name)
        except _kernel.WrongKey:
            continue
        except (Damaged, LimitExceeded) as problem:
            surroundings.warn(f"skipping {problem}")
            continue
        if fits(key):
            return name, key
        surroundings.warn(f"skipping keys/{name}: the password opens it, and it does not open the config")
        misfit = misfit or (name, key)
    if misfit is not None:
        return misfit
    why = "" if tried else ", since there is none that could be tried"
    raise WrongPassword(f"wrong password or no key found{why}: {store.location}")


def _candidates(store: Store, pinned: Sequence[str], hint: str | None) -> Iterator[str]:
    """Names to try, each once: the pinned ones without even a listing, those the hint begins, then all."""
    seen: set[str] = set()
    early = [name for name in (*pinned, hint) if name and is_object_name(name)]
    for name in early:
        if name not in seen:
            seen.add(name)
            yield name
    listed = [info.name.name for info in islice(store.list(Kind.KEY), MAX_READ)]
    listed.sort(key=lambda name: not (hint and name.startswith(hint)))
    for name in listed:
        if name not in seen:
            seen.add(name)
            yield name


def read_key_file(store: Store, name: str) -> KeyFile:
    """A key file whose bytes are what its name promises: bad ones are read a second time.

    Raises ``Missing``, ``Damaged``, ``LimitExceeded``.
    """
    return KeyFile.parse(stored_key_file(store, name), f"{Kind.KEY.value}/{name}")


def stored_key_file(store: Store, name: str) -> bytes:
    """The bytes of a key file, whose hash is its name; errors as ``read_key_file``."""
    object_name = ObjectName(Kind.KEY, name)
    what = str(object_name)
    if store.stat(object_name).size > MAX_FILE:
        raise LimitExceeded("is longer than any key file", subject=what)
    for _ in range(2):
        stored = store.read_bytes(object_name)
        if _kernel.sha256_hex(stored) == name:
            return stored
    raise Damaged("does not have the content that its name promises", subject=what)


def is_deriving() -> bool:
    """Whether a key is being derived in this process: one after the other, so others may wait for that alone."""
    return _DERIVING.locked()


def unwrap(file: KeyFile, password: bytes, name: str) -> _kernel.Key:
    """The master key in a key file. Raises ``_kernel.WrongKey`` for another password, ``Damaged``."""
    with _DERIVING:
        derived = _kernel.derive_key(password, file.salt, file.n, file.r, file.p)
    return _kernel.Key(*parse_material(derived.open(file.data), f"keys/{name}"))


def keys_amiss(repository: Repository) -> Iterator[tuple[str, str]]:
    """Files of ``keys/`` that open nothing here, by their names, with the reason in words: those that are no keys, and
    those that the password opens and that belong to another repository, which stock restic takes for its own.

    So many are tried with the password as restic tries. Raises ``StoreError``.
    """
    store, tried, work = repository.store, 0, 0
    for info in islice(store.list(Kind.KEY), MAX_READ):
        name = info.name.name
        if name == repository.key_id:
            continue
        try:
            file = read_key_file(store, name)
            if repository.password is None or tried >= MAX_TRIED or work + file.work > MAX_WORK:
                continue
            tried, work = tried + 1, work + file.work
            if unwrap(file, repository.password, name).material() != repository.key.material():
                words = "restic may take it and end there; `strongroom key remove` takes it away"
                yield name, f"the password opens it, and it is another repository's: {words}"
        except (Missing, _kernel.WrongKey):
            continue
        except (Damaged, LimitExceeded) as problem:
            yield name, f"{problem.what}: nobody can open the repository with it"


def list_keys(repository: Repository) -> list[KeySummary]:
    """All keys that are valid files, in the order of their names; others are skipped with a warning."""
    summaries = []
    for info in repository.store.list(Kind.KEY):
        name = info.name.name
        try:
            file = read_key_file(repository.store, name)
        except Missing:
            continue
        except StoreError:
            raise
        except StrongroomError as problem:
            repository.surroundings.warn(f"skipping {problem}")
            continue
        current = name == repository.key_id
        summaries.append(KeySummary(name, current, file.username, file.hostname, file.created))
    return summaries


def store_key(
    store: Store,
    key: _kernel.Key,
    password: bytes,
    surroundings: Surroundings,
    *,
    hostname: str | None = None,
    username: str | None = None,
    scrypt: tuple[int, int, int] = SCRYPT,
) -> str:
    """Wrap a master key with a password, store it, prove from the store that it opens, and return its name."""
    stored = make_key(key, password, surroundings, hostname=hostname, username=username, scrypt=scrypt)
    return store_made_key(store, key, password, stored)


def make_key(
    key: _kernel.Key,
    password: bytes,
    surroundings: Surroundings,
    *,
    hostname: str | None = None,
    username: str | None = None,
    scrypt: tuple[int, int, int] = SCRYPT,
) -> bytes:
    """The bytes of a key file that wraps a master key with a password; its name is their SHA-256."""
    n, r, p = scrypt
    salt = surroundings.random_bytes(SALT_BYTES)
    derived = _kernel.derive_key(password, salt, n, r, p)
    file = KeyFile(
        n,
        r,
        p,
        salt,
        derived.seal(encode_material(key.material())),
        rfc3339.format_utc(surroundings.clock.now_ns()),
        surroundings.username if username is None else username,
        surroundings.hostname if hostname is None else hostname,
    )
    return file.encode()


def store_made_key(store: Store, key: _kernel.Key, password: bytes, stored: bytes) -> str:
    """Store a key file that ``make_key`` made, prove from the store that it opens, and return its name."""
    name = _kernel.sha256_hex(stored)
    store.create(ObjectName(Kind.KEY, name), stored)
    if unwrap(read_key_file(store, name), password, name).material() != key.material():
        raise Damaged("does not open after it was written", subject=f"keys/{name}")
    return name


def add_key(
    repository: Repository,
    password: bytes,
    *,
    hostname: str | None = None,
    username: str | None = None,
    scrypt: tuple[int, int, int] = SCRYPT,
) -> str:
    """Wrap the master key with another password, store it, prove that it opens, and return its ID.

    ``scrypt``: N, r, p. Less than ``SCRYPT`` is for passwords that nobody can guess whatever a guess costs.
    """
    return store_key(
        repository.store,
        repository.key,
        password,
        repository.surroundings,
        hostname=hostname,
        username=username,
        scrypt=scrypt,
    )
