"""From a target to an opened repository: its store, its password, the cache and this machine's memory of it."""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from strongroom.base.errors import Full, Interrupted, Refused, StrongroomError, UsageError, WrongPassword
from strongroom.base.record import replace
from strongroom.cli import exit_codes
from strongroom.cli.arguments.values import at_once
from strongroom.cli.shared import passwords
from strongroom.cli.shared.admitting import admit, refuse_twice
from strongroom.cli.shared.failure import advice, sentence
from strongroom.cli.shared.interruptible_clock import InterruptibleClock
from strongroom.cli.shared.targets import Target, find_targets, left_out_of_file
from strongroom.repository.cache import Cache, default_cache_folder
from strongroom.repository.opening import open_repository
from strongroom.repository.parallel import outcomes
from strongroom.repository.state import StateDirectory, default_state_folder
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.base.configuration.checks import PasswordSource
    from strongroom.cli.shared.context import Context
    from strongroom.repository.locks import Lock
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store


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


def store_options(context: Context, target: Target) -> StoreOptions:
    """How a target's store is reached."""
    settings, name = context.settings, target.name
    extended = settings.extended_options(name)
    connections = next((text for key, text in extended.items() if key.endswith(".connections")), None)
    cacert = settings.get("cacert", name).value
    return StoreOptions(
        cacert=(cacert,) if cacert else (),
        client_certificate=settings.get("tls_client_cert", name).value,
        insecure_tls=settings.get("insecure_tls", name).value,
        user_agent=_header(settings.get("http_user_agent").value),
        connections=_connections(connections) if connections else None,
        limit_upload=settings.get("limit_upload", name).value,
        limit_download=settings.get("limit_download", name).value,
        stuck_timeout=settings.get("stuck_request_timeout").value,
        on_retry=context.warn,
        cancelled=lambda: context.signals.asked,
        extended=extended,
    )


def _header(text: str | None) -> str | None:
    """As ``http.client`` sends it: its Latin-1 is the text's own bytes."""
    return os.fsencode(text).decode("latin-1") if text else None


def _connections(text: str) -> int:
    try:
        number = at_once(text)
        if number == 0:
            raise ValueError("at least one is needed")
    except ValueError as error:
        raise UsageError(str(error), subject=f"-o ….connections={text}", hint="Usual are 2 to 20.") from None
    return number


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
    return _opened(context, target, _password(target))


def open_targets(context: Context, targets: Sequence[Target]) -> list[Repository | StrongroomError]:
    """Open several side by side: each in turn, its repository or why it cannot be used. Raises ``Interrupted``.

    Passwords are fetched first and one after the other, since a person may be asked for them.
    """
    asked = [(target, password_or_error(target)) for target in targets]

    def attempt(one: tuple[Target, bytes | StrongroomError]) -> Repository | StrongroomError:
        target, password = one
        if isinstance(password, StrongroomError):
            return password
        try:
            return _opened(context, target, password)
        except StrongroomError as error:
            return error

    opened: list[Repository | StrongroomError] = []
    try:
        for _, outcome in outcomes(attempt, asked, len(asked)):
            opened.append(outcome())
            if isinstance(opened[-1], Interrupted):
                raise opened[-1]
    except BaseException:
        for repository in opened:
            if not isinstance(repository, StrongroomError):
                repository.close()
        raise
    return opened


def _password(target: Target) -> bytes:
    return passwords.fetch(target.password, label=target.label)


def password_or_error(target: Target) -> bytes | StrongroomError:
    """The password of one of several repositories, or why there is none. Raises ``Interrupted``."""
    try:
        return _password(target)
    except Interrupted:
        raise
    except StrongroomError as error:
        return error


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
            raise WrongPassword(error.what, subject=error.subject, hint=_came_from(target.password)) from None
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

    ``work(repository, label)`` returns an exit code; the label is empty when there is one repository only. Returns 0,
    or the code that all failures share, or 1. With one repository errors are raised as they are.
    """
    targets = targets_of(context)
    if len(targets) == 1:
        with _closing(open_target(context, targets[0])) as repository:
            beside(context, targets[0])
            return work(repository, "")
    codes: list[int] = []
    with ExitStack() as stack:
        opened = open_targets(context, targets)
        for one in opened:
            if not isinstance(one, StrongroomError):
                stack.callback(one.close)
        for target, one in zip(targets, opened, strict=True):
            try:
                if isinstance(one, StrongroomError):
                    raise one
                beside(context, target)
                codes.append(work(one, target.label))
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
