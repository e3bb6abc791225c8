"""``custody reissue``: a repository anew, after an identity leaked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.adopt import context_url, let_executor_look
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    store_for,
)
from strongroom.cli.custody.two_machines.signing import add_signing, spoken

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
When an identity leaked, whoever has it may know the master keys of its repositories, and a master key cannot be
changed. So: make another identity (`custody reseal`), make another repository with a key of its own, and let this copy
what was good into it. The new one is in care from then on, the old one is frozen. Killed anywhere, run it again.

  strongroom init --repo s3://vault/web01-anew --copy-chunker-params --from-repo s3://vault/web01
  strongroom custody reissue web01 --to s3://vault/web01-anew --as web01-anew
"""


def arguments_reissue(parser: argparse.ArgumentParser) -> None:
    """Which repository, and where the new one is."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    parser.add_argument("--to", required=True, metavar="REPOSITORY", help="the new repository, which `init` made")
    parser.add_argument("--as", required=True, dest="new_name", metavar="NAME", help="what the new one is called here")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_signing(parser)
    add_state(parser, identity=True)


def run_reissue(context: Context) -> int:
    """Copy, adopt, freeze; and say what comes next."""
    from strongroom.cli.shared.opening import locked, one_repository, surroundings
    from strongroom.custody.adopting import adopt, open_adopted
    from strongroom.custody.care.reissuing import copy_good, freeze_old, refuse_the_same
    from strongroom.custody.executor.words import REISSUE
    from strongroom.custody.recovery.recipients import recipients

    arguments = context.arguments
    if arguments.repositories:
        raise UsageError("the new place is given twice", hint="Leave out --repo.")
    arguments.repositories = [("place", arguments.to)]
    identity = identity_of(context)
    reporter = context.reporter()
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        who = spoken(context, adopted, REISSUE, arguments.to)
        if who is None:
            return exit_codes.OPERATOR_AWAITED
        with store_for(context, adopted) as store, one_repository(context) as new:
            old = open_adopted(adopted, store, identity, surroundings(context))
            refuse_the_same(adopted, old, new)
            with locked(context, new, writing=True) as lock:
                done = copy_good(state, adopted, old, new, (lambda: None) if lock is None else lock.check, reporter)
            reporter.close()
            if done.failure is not None:
                raise done.failure
            if new.id not in {one.id for one in state.repositories()}:
                adopt(
                    state,
                    new,
                    arguments.new_name,
                    context_url(context),
                    identity,
                    adopted.policy,
                    recipients=recipients(state),
                    who=who,
                )
                let_executor_look(context, state.repository(arguments.new_name))
        if not done.failed:
            freeze_old(state, adopted, arguments.new_name, who, arguments.why)
    copied = len(done.copied) + done.skipped
    if context.json:
        found = {"repository": adopted.name, "as": arguments.new_name, "id": new.id}
        context.out.json({"message_type": "custody_reissue"} | found | {"copied": copied, "failed": done.failed})
    else:
        context.out.line(f"{arguments.new_name} has {copied} good snapshots of {adopted.name}, and lacks {done.failed}")
        for line in _next(adopted.name, arguments.new_name, whole=not done.failed):
            context.out.line(line)
    return exit_codes.FAILED if done.failed else exit_codes.OK


def _next(old: str, new: str, *, whole: bool) -> tuple[str, ...]:
    if not whole:
        return (f"`strongroom custody round {old}` says what it lacks; then run this again. {old} is not frozen yet.",)
    return (
        f"Next: strongroom custody round {new}, then strongroom custody kit {new}",
        f"Let the hosts back up to the new place with a new password. Nothing of {old} goes any more;",
        f"`strongroom custody release {old}` lets it out of care once nobody needs it.",
    )
