"""From a target to an opened repository: its store, its password, the cache and this machine's memory of it."""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

from strongroom.base.as_they_open import as_they_open
from strongroom.base.errors import Full, Interrupted, Refused, StrongroomError, WrongPassword
from strongroom.base.record import replace
from strongroom.cli import exit_codes
from strongroom.cli.shared import passwords
from strongroom.cli.shared.admitting import admit, refuse_twice
from strongroom.cli.shared.failure import advice, sentence
from strongroom.cli.shared.interruptible_clock import InterruptibleClock
from strongroom.cli.shared.targets import Target, find_targets, left_out_of_file, store_options
from strongroom.repository.cache import Cache, default_cache_folder
from strongroom.repository.opening import open_repository
from strongroom.repository.state import StateDirectory, default_state_folder
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.locate import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.base.configuration.checks import PasswordSource
    from strongroom.cli.shared.context import Context
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store


Password: TypeAlias = "Callable[[], bytes]"
"""Fetches a password, and raises what ``passwords.fetch`` raises."""


def surroundings(context: Context) -> Surroundings:
    """The machine, with warnings going where the user sees them."""
    return Surroundings(
        clock=InterruptibleClock(context.signals), warn=context.warn, told=context.told, locks=context.signals.locks()
    )


def store_of(context: Context, target: Target, standing: StallWatch | None = None) -> Store:
    """The store at a target's place, with its network options. Nothing is contacted yet.

    ``standing`` is told of requests that are tried again, and ends that when the repository is given up.
    """
    context.signals.locks()
    options = store_options(context, target)
    if standing is not None:
        options = replace(options, on_retry=_told(context, standing), cancelled=_stopped(context, standing))
    options = replace(options, on_promise=context.promises.keeper(target.url, options))
    return open_store(target.url, options)


def _told(context: Context, standing: StallWatch) -> Callable[[str], None]:
    def tell(text: str) -> None:
        standing.troubled()
        context.warn(text)

    return tell


def _stopped(context: Context, standing: StallWatch) -> Callable[[], bool]:
    return lambda: context.signals.asked or standing.given_up


def check_promises(context: Context, target: Target) -> None:
    """Ask the target's gateway, beside whatever comes now, for what it promised on earlier runs."""
    context.promises.begin(target.label, target.url, store_options(context, target))


def cache_of(context: Context) -> Cache | None:
    """The folder of caches, unless ``--no-cache``."""
    if context.settings.get("no_cache"):
        return None
    cache = Cache(context.settings.get("cache_dir").value or default_cache_folder(), surroundings(context))
    if context.settings.get("cleanup_cache"):
        cache.remove_old()
    return cache


def state_of(context: Context) -> StateDirectory:
    """What this machine remembers of its repositories."""
    return StateDirectory(default_state_folder(), surroundings(context))


def open_target(context: Context, target: Target) -> Repository:
    """Open a repository. Raises ``NoRepository``, ``WrongPassword`` and what the store says."""
    return _opened(context, target, _fetched(context, target))


def open_targets(context: Context, targets: Sequence[Target]) -> Generator[tuple[Target, Repository | StrongroomError]]:
    """Open several side by side: each when it is open, or why it cannot be used. Raises ``Interrupted``.

    Those that nobody took when the iterator is closed are closed here.
    """

    def attempt(one: tuple[Target, Password]) -> Repository | StrongroomError:
        target, password = one
        try:
            return _opened(context, target, password())
        except Interrupted:
            raise
        except StrongroomError as error:
            return error

    def discard(opened: Repository | StrongroomError) -> None:
        if not isinstance(opened, StrongroomError):
            opened.close()

    asked = [(target, password_of(context, target)) for target in targets]
    for (target, _), opened in as_they_open(asked, attempt, discard):
        yield target, opened


def _fetched(context: Context, target: Target) -> bytes:
    source, label = target.password, target.label
    return passwords.fetch(source, label=label, stopped=lambda: context.signals.asked, warn=context.warn)


def password_of(context: Context, target: Target) -> Password:
    """What fetches the password of one of several repositories, in whatever thread.

    A person is asked now, for one after the other; whatever else a password comes from may hang, and holds up its own
    repository alone. What went wrong is raised when the password is wanted, but for ``Interrupted``.
    """
    if target.password is not None:
        return lambda: _fetched(context, target)
    try:
        typed = _fetched(context, target)
    except Interrupted:
        raise
    except StrongroomError as error:
        problem = error

        def fail() -> bytes:
            raise problem

        return fail
    return lambda: typed


def open_with(context: Context, target: Target, password: bytes, standing: StallWatch) -> Repository:
    """Open a repository for a backup; ``standing`` is told how that gets on. Raises as ``open_target``."""
    return _opened(context, target, password, standing)


def _opened(context: Context, target: Target, password: bytes, standing: StallWatch | None = None) -> Repository:
    store = store_of(context, target, standing)
    try:
        return open_repository(
            store,
            password,
            key_hint=target.key_hint,
            surroundings=surroundings(context),
            cache=cache_of(context),
            state=state_of(context),
        )
    except BaseException as error:
        store.close()
        if isinstance(error, WrongPassword) and target.password is not None and not error.hint:
            raise WrongPassword(error.what, hint=_came_from(target.password)) from None
        raise


def _came_from(password: PasswordSource) -> str:
    """A variable that somebody set long ago is easily forgotten."""
    return f"The password came from {password.origin}."


def targets_of(context: Context) -> list[Target]:
    """The repositories the command line means; a variable that hides some of the file's is spoken of."""
    targets = find_targets(context.settings)
    refuse_twice(targets)
    missed = left_out_of_file(context.settings, targets)
    if missed is not None:
        variable, names = missed
        context.warn(f"{variable} is set, so these repositories of the file take no part: {', '.join(names)}")
    return targets


@contextmanager
def one_repository(context: Context) -> Iterator[Repository]:
    """The one repository that a reader works on: of several, the first; and it says which."""
    targets = targets_of(context)
    if len(targets) > 1 and context.verbosity > 0:
        context.warn(f"{len(targets)} repositories are given; using the first, {targets[0].label}")
    with _closing(open_target(context, targets[0])) as repository:
        yield repository


@contextmanager
def _closing(repository: Repository) -> Iterator[Repository]:
    try:
        yield repository
    finally:
        repository.close()


def locked(
    context: Context,
    repository: Repository,
    *,
    exclusive: bool = False,
    writing: bool = False,
    settle: bool | None = None,
) -> AbstractContextManager[Lock | None]:
    """A lock while the context lasts; none with ``--no-lock``, unless something is written.

    Who only reads begins while restic's wait for others' locks goes on, and hears at the end, at the latest, that the
    lock was refused. So does who writes without ``settle``: he asks ``Lock.check`` before he does.
    """
    if writing:
        admit(context, repository)
    elif context.settings.get("no_lock"):
        return nullcontext()
    retry = context.settings.get("retry_lock").value
    try:
        wait = writing if settle is None else settle
        return repository.lock(exclusive=exclusive, retry_seconds=retry, settle=wait)
    except (Full, Refused) as error:
        if writing or error.subject == repository.location:  # the place as a whole: no lock is not what is missing
            raise
        hint = f"{error.hint} Or read without a lock, with --no-lock, when nobody removes anything meanwhile."
        raise type(error)(error.what, subject=error.subject, hint=hint.strip()) from None


def each_repository(
    context: Context,
    work: Callable[[Repository, str], int],
    beside: Callable[[Context, Target], None] = lambda _context, _target: None,
    failed: Callable[[str], None] = lambda _label: None,
) -> int:
    """Do the same with every repository given; one that fails does not stop the others. ``beside`` is begun first.

    ``failed`` hears the label of each one of several that fails.

    ``work(repository, label)`` returns an exit code; the label is empty when there is one repository only. Each
    begins when it is open, usually in the order given. Returns 0,
    or the code that all failures share, or 1. With one repository errors are raised as they are.
    """
    targets = targets_of(context)
    if len(targets) == 1:
        with _closing(open_target(context, targets[0])) as repository:
            beside(context, targets[0])
            return work(repository, "")
    codes: list[int] = []
    with closing(open_targets(context, targets)) as opened:
        for target, one in opened:
            try:
                if isinstance(one, StrongroomError):
                    raise one
                with _closing(one):
                    beside(context, target)
                    codes.append(work(one, target.label))
                context.out.flush()  # the next one may keep us waiting
            except Interrupted:
                raise
            except StrongroomError as error:
                codes.append(exit_codes.of_error(error))
                say_failure(context, target.label, error)
                failed(target.label)
    failures = {code for code in codes if code}
    return failures.pop() if len(failures) == 1 else exit_codes.FAILED if failures else exit_codes.OK


def _names(sentence: str, label: str) -> bool:
    """Whether a sentence begins with the repository already: by its URL, or its path as a whole."""
    without = re.sub(r"://[^/@]*@", "://", label).rstrip("/")
    return any(sentence.startswith(place) for place in (f"{label}:", f"{without}/", f"{os.path.abspath(label)}:"))


def say_failure(context: Context, label: str, error: StrongroomError) -> None:
    """An error of one repository among several, on standard error."""
    what = sentence(error)
    if not _names(what, label):
        what = f"{label}: {what}"
    text = "\n".join(filter(None, (what, advice(error))))
    if context.json:
        context.out.warn_json({"message_type": "error", "error": {"message": text}, "repository": label})
    else:
        context.out.warn(f"error: {text}")
