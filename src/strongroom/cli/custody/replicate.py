"""``custody replicate``: copy a repository to another account or provider, and read again what is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Interrupted, Locked, StrongroomError, Unsupported, UsageError
from strongroom.base.redact import redact
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    operator,
    replica_at,
    signer_of,
    store_for,
)
from strongroom.cli.shared.opening import say_failure, surroundings

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.identity import Identity
    from strongroom.custody.replica.outcome import Replicated
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

_DESCRIPTION = """\
Copy a repository in care to a replica: packs, then indexes, then the snapshots whose every blob is there. Only what a
round has read and found sound is copied; nothing there is replaced or deleted, so credentials that may create and read
are enough. What nothing there needs any more is written down beside it, for its keeper (`custody keep`). What is there
is hashed again within the policy's `verify` days. Stock restic restores from it, and rounds heal from it. Say where it
is once; from then on a plain `custody replicate --all` goes on.

  strongroom custody replicate web01 --to s3:https://s3.elsewhere.example/replica/web01

For the replica alone, STRONGROOM_REPLICA_ before the name of a variable stands before that variable:
STRONGROOM_REPLICA_AWS_ACCESS_KEY_ID, and so on.
"""


def arguments_replicate(parser: argparse.ArgumentParser) -> None:
    """Which repositories, and where to."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    parser.add_argument("--all", action="store_true", help="all repositories in care that have a replica")
    parser.add_argument("--to", metavar="REPOSITORY", help="the replica's place, as after --repo")
    parser.add_argument("--budget-bytes", metavar="SIZE", help="how much is read at most, such as 50G")
    add_state(parser, identity=True)


def run_replicate(context: Context) -> int:
    """Replicate each; 75 where something of a replica is not right."""
    from strongroom.base.quantities import size

    arguments = context.arguments
    if not arguments.names and not arguments.all:
        raise UsageError("which repositories?", hint="Name them, or say --all.")
    if arguments.to and len(arguments.names) != 1:
        raise UsageError("one place is for one repository", subject="--to", hint="Name one repository.")
    try:
        budget = size(arguments.budget_bytes) if arguments.budget_bytes else None
    except ValueError as error:
        raise UsageError(str(error), subject=f"--budget-bytes {arguments.budget_bytes}") from None
    identity = identity_of(context)
    code = exit_codes.OK
    with open_state(context) as state:
        for adopted in chosen(context, state):
            try:
                done = _replicate(context, state, adopted, identity, budget)
            except Locked as error:
                context.warn(f"{adopted.name}: {error}")
            except StrongroomError as error:
                code = max(code, exit_codes.FAILED)
                say_failure(context, adopted.name, error)
            else:
                if done is not None:
                    _say(context, adopted, done)
                    code = exit_codes.PROMISE_OF_CUSTODY_BROKEN if done.faults else code
    return code


def _replicate(
    context: Context, state: State, adopted: Adopted, identity: Identity, budget: int | None
) -> Replicated | None:
    from strongroom.custody.adopting import open_adopted
    from strongroom.custody.replica.notes import note_run, replica_place, set_place
    from strongroom.custody.replica.replicate import Replication
    from strongroom.repository.state import pin_url

    to = pin_url(context.arguments.to) if context.arguments.to else replica_place(state, adopted)
    if to is None:
        if context.arguments.all:
            return None
        raise UsageError("has no replica yet", subject=adopted.name, hint="Say where: --to s3:…")
    lease = state.claim(adopted.id, f"{os.uname().nodename}:{os.getpid()}")
    try:
        with (
            store_for(context, adopted) as store,
            replica_at(context, adopted, to) as replica,
            open_adopted(adopted, store, identity, surroundings(context)) as repository,
        ):
            run = Replication(state, lease, adopted, repository, replica, context.reporter(), budget_bytes=budget)
            run.begin()
            set_place(state, lease, adopted, to, operator())  # the one before counts until this one has proven good
            done = run.run()
            if not done.left and not done.faults:
                done.keeper, done.going = _say_what_may_go(context, state, lease, adopted, repository, replica, to)
            note_run(state, lease, adopted, "", done.left)
            return done
    except (Interrupted, Locked):
        raise
    except StrongroomError as problem:
        if to == replica_place(state, adopted):  # remembered until a run goes through
            note_run(state, lease, adopted, str(problem), 0)
        raise
    finally:
        state.release(lease)


def _say_what_may_go(
    context: Context, state: State, lease: Lease, adopted: Adopted, repository: Repository, replica: Store, to: str
) -> tuple[str | None, int]:
    """Tell the replica's keeper; who that is, and how many objects. Without a place for our files nobody is told."""
    from strongroom.custody.mark import read_mark
    from strongroom.custody.replica.going import GoingOfReplica

    signer = signer_of(context)
    try:
        going = GoingOfReplica(state, lease, adopted, repository, replica, context.reporter()).say(to, signer)
        keeper = read_mark(replica, adopted.id)
    except Unsupported:
        return None, 0
    if keeper is None and not context.arguments.quiet and not context.json:
        line = f"--keeper FOLDER --store {redact(to)} --repository {adopted.id} --judge {signer.verifier}"
        words = "nobody lets anything go at the replica. On another machine, with credentials that may"
        context.out.line(f"{adopted.name}: {words}: strongroom custody keep init {line}")
    return keeper, going


def _say(context: Context, adopted: Adopted, done: Replicated) -> None:
    if context.json:
        context.out.json(_object(adopted, done))
        return
    parts = [f"{count} {kind}" for kind, count in done.copied.items()]
    if not context.arguments.quiet or done.faults:
        said = f"copied {', '.join(parts)}" if parts else "nothing new"
        context.out.line(f"{adopted.name}: {said}; read {done.read} again")
    if done.going and not context.arguments.quiet:
        context.out.line(f"  {done.going} objects are needed no more; its keeper lets them go (`custody keep`)")
    for thing, what in done.faults:
        context.out.line(f"  {thing}: {what}")
    for thing, what in done.gone.items():
        context.out.line(f"  {thing} was gone, {what}")
    if done.left or done.waiting:
        context.out.line(f"  {done.left} objects and {done.waiting} snapshots are left for the next run")


def _object(adopted: Adopted, done: Replicated) -> dict[str, Any]:
    return {
        "message_type": "custody_replicate",
        "name": adopted.name,
        "copied": done.copied,
        "bytes": done.bytes,
        "read_again": done.read,
        "faults": [list(one) for one in done.faults],
        "gone": list(done.gone),
        "copied_again": done.again(),
        "left": done.left,
        "snapshots_waiting": done.waiting,
        "going": done.going,
        "keeper": done.keeper,
    }
