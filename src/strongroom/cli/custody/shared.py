"""What the custodian's verbs share: where the state is, who the operator is, how a store is opened."""

from __future__ import annotations

import contextlib
import getpass
import os
import weakref
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.objects import is_object_name
from strongroom.cli import exit_codes
from strongroom.cli.custody.file import custody_file
from strongroom.cli.shared.opening import store_of
from strongroom.cli.shared.targets import Target
from strongroom.custody.state import State, default_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.records import Records
    from strongroom.custody.identity import Identity
    from strongroom.custody.portable.remote import RemoteState
    from strongroom.custody.state import Adopted
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store
    from strongroom.storage.options import StoreOptions

IDENTITY = "identity"
"""The identity's file in the folder of the state, unless another is named."""
REPLICA = "STRONGROOM_REPLICA_"
"""Before the name of a variable, for the replica's store alone."""
_BUCKETS = ("s3:", "gs:", "az:", "azure:")
_FETCHED: weakref.WeakKeyDictionary[Context, RemoteState] = weakref.WeakKeyDictionary()
"""The state that a command fetched from a bucket, while it runs."""
JUDGE = "judge"
"""The judge's signing key, beside it."""


def add_state(parser: argparse.ArgumentParser, *, identity: bool = False) -> None:
    """``--state``, and ``--identity`` for the verbs that open repositories."""
    group = parser.add_argument_group("the custodian")
    group.add_argument(
        "--state",
        metavar="PLACE",
        help="a folder, the URL of a PostgreSQL database, or a bucket for a machine that keeps no disk (default: "
        "$STRONGROOM_CUSTODY_STATE, then /var/lib/strongroom/custody)",
    )
    if identity:
        group.add_argument(
            "--identity",
            metavar="FILE",
            help="the age identity that opens custody keys (default: $STRONGROOM_CUSTODY_IDENTITY, then that of "
            "custody.toml, then in the state's folder)",
        )


def add_repository(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """The repositories that are meant, by the names that they were adopted under."""
    parser.add_argument(
        "names", nargs="*" if several else 1, metavar="NAME", help="a repository's name, or the beginning of its ID"
    )


def place_of(context: Context) -> str:
    """Where the state is."""
    fetched = _FETCHED.get(context)
    if fetched is not None:
        return fetched.folder
    place: str = context.arguments.state or default_folder()
    return place


def file_of(context: Context) -> Mapping[str, Any]:
    """What custody.toml says. Raises ``ConfigurationError``."""
    return custody_file(context, context.arguments.state or default_folder())


def in_bucket(context: Context) -> bool:
    """Whether the state lies sealed in a bucket, for a machine that keeps no disk."""
    place: str = context.arguments.state or default_folder()
    return place.startswith(_BUCKETS)


def executor_url(context: Context) -> str:
    """The database of the executor's own record."""
    place = place_of(context)
    return place if "://" in place or place.startswith("sqlite:") else f"sqlite:///{os.path.abspath(place)}/executor.db"


def open_state(context: Context, *, create: bool = False) -> State:
    """The custodian's state. Raises ``ConfigurationError`` where there is none."""
    from strongroom.custody.evidence.decided import limited_clock
    from strongroom.custody.evidence.outside import this_boot

    file_of(context)
    place = place_of(context)
    if place.startswith(_BUCKETS):
        state = _fetched(context, place, create=create)
    else:
        state = State(place, create=create, is_gone=_was_killed)
    state.clock = limited_clock(state, os.uname().nodename, this_boot)
    if hasattr(context.arguments, "identity"):  # a verb that opens repositories
        from strongroom.custody.reading.children import ReadingChildren

        state.examining = ReadingChildren()
    return state


def _fetched(context: Context, place: str, *, create: bool) -> State:
    """A state that lies sealed in a bucket. Who makes one makes a judge's key: no other opens what is there."""
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.planned.orders import SIGNER
    from strongroom.custody.portable.remote import FetchedState, RemoteState
    from strongroom.receipts.commit.signing_key import load
    from strongroom.storage.kinds import keyed_of

    identity = identity_of(context)
    signer = signer_of(context) if create else load(beside(identity_file(context)), SIGNER)
    store = store_of(context, Target("the state", place, "--state", None, None, None))
    remote = RemoteState(keyed_of(store), identity, signer, SYSTEM, store.location)
    state = FetchedState(remote, SYSTEM, create=create, is_gone=_was_killed)
    _FETCHED[context] = remote
    return state


def seal_state_to(context: Context, recipient: str) -> None:
    """Where the state lies in a bucket: this recipient opens what is stored from now on as well."""
    remote = _FETCHED.get(context)
    if remote is not None:
        remote.also_to = (recipient,)


def _was_killed(holder: str) -> bool:
    """Whether a holder of a lease was a process of this machine, and is no more: its round is simply made again."""
    from strongroom.repository.surroundings import Surroundings

    machine, _, process = holder.rpartition(":")
    return machine == os.uname().nodename and process.isdecimal() and not Surroundings().process_alive(int(process))


def identity_file(context: Context, *, given: bool = True) -> str:
    """The identity's file, as it is ``given`` on the command line or by where it belongs. Raises ``ConfigurationError``
    where a database holds the state and no file is named."""
    from strongroom.base.errors import ConfigurationError

    named: str | None = getattr(context.arguments, "identity", None) if given else None
    named = named or os.environ.get("STRONGROOM_CUSTODY_IDENTITY")
    if named:
        return named
    in_file: str | None = file_of(context).get("custodian", {}).get("identity")
    if in_file:
        return os.path.expanduser(in_file)
    place = context.arguments.state or default_folder()
    if "://" in place or place.startswith(_BUCKETS):
        raise ConfigurationError(
            "the state is not in a folder; name the identity's file with --identity", subject=place
        )
    return os.path.join(place, IDENTITY)


def identity_of(context: Context) -> Identity:
    """The custodian's identity. Raises ``ConfigurationError``."""
    from strongroom.custody.identity import load_file

    return load_file(identity_file(context))


def signer_of(context: Context) -> Signer:
    """The judge's signing key, beside the identity; made when it is not there. Raises ``ConfigurationError``."""
    from strongroom.custody.planned.orders import SIGNER
    from strongroom.receipts.commit.signing_key import load_or_create

    return load_or_create(beside(identity_file(context)), SIGNER)


def beside(identity: str) -> str:
    """Where the judge's key lies, beside an identity's file."""
    return os.path.join(os.path.dirname(os.path.abspath(identity)), JUDGE)


def target_of(context: Context, adopted: Adopted) -> Target:
    """A repository in care as other verbs know it, by the name that it has in custody.toml. A user and password of a
    server that stand there come before those in its URL, which may be older."""
    table = file_of(context).get("repository", {}).get(adopted.name)
    name = None if table is None else adopted.name
    url = adopted.store
    if table is not None and "credentials" in table and url.startswith("rest:"):
        from strongroom.base.configuration.variables import read_variables
        from strongroom.storage.locate import restic_place
        from strongroom.storage.options import StoreOptions

        found = read_variables(os.path.expanduser(table["credentials"]))
        if any(one.endswith("_REST_PASSWORD") for one in found):
            url = restic_place(url, StoreOptions(environment={}))
    return Target(adopted.name, url, "the custodian's state", name, None, None)


def store_for(context: Context, adopted: Adopted) -> Store:
    """The store of a repository in care. Nothing is contacted yet."""
    return store_of(context, target_of(context, adopted))


def replica_for(context: Context, state: State, adopted: Adopted) -> Store | None:
    """The store of a repository's replica; None where it has none."""
    from strongroom.custody.replica.notes import replica_place

    url = replica_place(state, adopted)
    return None if url is None else replica_at(context, adopted, url)


def replica_at(context: Context, adopted: Adopted, url: str) -> Store:
    """The store at a replica's URL."""
    from strongroom.storage.locate import open_store

    return open_store(url, replica_options(context, adopted, url))


def replica_options(context: Context, adopted: Adopted, url: str) -> StoreOptions:
    """How it is reached. Its variables stand before the plain ones, and before those of its file."""
    from strongroom.base.record import replace
    from strongroom.cli.shared.targets import store_options, with_variables

    target = Target(f"replica of {adopted.name}", url, "the custodian's state", None, None, None)
    own = {key.removeprefix(REPLICA): value for key, value in os.environ.items() if key.startswith(REPLICA)}
    table = file_of(context).get("repository", {}).get(adopted.name, {})
    options = with_variables(store_options(context, target), table.get("replica_credentials"))
    return replace(options, environment={**options.environment, **own})


def opened_replica(context: Context, state: State, adopted: Adopted) -> contextlib.AbstractContextManager[Store | None]:
    """``replica_for``, closed at the end."""
    return replica_for(context, state, adopted) or contextlib.nullcontext()


def load_sound_indexes(context: Context, repository: Repository) -> None:
    """Load each index that can be read. A host writes them, and one that is none must not stop the custodian; what is
    missed for want of one is found missing where it is read."""
    repository.load_index(
        on_error=lambda name, problem: context.warn(f"ignoring index/{name}: {getattr(problem, 'what', problem)}")
    )


def say_decision(context: Context, text: str) -> int:
    """Print what a person's decision came to. The exit code is 0."""
    if context.json:
        context.out.json({"message_type": "custody_decision", "message": text})
    else:
        context.out.line(text)
    return exit_codes.OK


def own_signer(folder: str, name: str) -> Signer:
    """The key of a keeper or an executor in its own folder; made the first time."""
    from strongroom.receipts.commit.signing_key import load_or_create

    return load_or_create(os.path.join(folder, "key"), name)


def own_records(folder: str, file: str, absent: str, verb: str) -> Records:
    """The record there. Raises ``ConfigurationError``, saying what is ``absent``, before ``verb`` made the folder."""
    from strongroom.base.clock import SYSTEM
    from strongroom.base.errors import ConfigurationError
    from strongroom.custody.executor.records import Records

    place = os.path.abspath(folder)
    if not os.path.isdir(place):
        raise ConfigurationError(absent, subject=place, hint=f"`strongroom {verb}` makes it.")
    return Records(f"sqlite:///{place}/{file}", SYSTEM)


def repository_id(text: str) -> str:
    """A repository's ID as somebody typed it. Raises ``UsageError``."""
    if not is_object_name(text):
        raise UsageError("is no ID of a repository", subject=text, hint="It has 64 digits, 0 to 9 and a to f.")
    return text


def operator() -> str:
    """Who types this, for the audit trail."""
    try:
        return f"{getpass.getuser()}@{os.uname().nodename}"
    except (KeyError, OSError):
        return f"{os.getuid()}@{os.uname().nodename}"


def chosen(context: Context, state: State) -> list[Adopted]:
    """The repositories that are named, or all."""
    names: list[str] = context.arguments.names
    return [state.repository(name) for name in names] if names else state.repositories()
