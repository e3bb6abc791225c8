"""``custody init``: an identity, a state, and the line to print and lock away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists
from strongroom.cli.custody.shared import add_state, executor_url, identity_file, in_bucket, open_state, operator

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.identity import Identity

_DESCRIPTION = """\
Begin a custodian on this machine: its state, and an age identity that alone opens the keys of repositories in its care.

Do this on a machine that no backed-up host can reach. The recovery identity is printed once and stored nowhere: every
custody key is sealed to it, too. Print it and lock it away; with it, stock age and stock restic restore everything.

Where a state was lost, begin anew beside the identity and the judge's key that are left, and adopt again: what
operators said comes back from the copies that rounds wrote beside each repository.
"""


def arguments_init(parser: argparse.ArgumentParser) -> None:
    """Where the state goes."""
    parser.description = _DESCRIPTION
    add_state(parser, identity=True)


def _identity(path: str) -> Identity:
    """The one that is there, of a state that was lost; else a new one. Raises ``ConfigurationError``."""
    from strongroom.custody.identity import create_file, load_file

    return load_file(path) if os.path.exists(path) else create_file(path)


def _pin_recovery(context: Context, secret: str) -> None:
    """Let the executor's record here know who may name operators when the keys of all are lost."""
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.executor.records import Records
    from strongroom.custody.executor.succession import Succession
    from strongroom.custody.recovery.signing import recovery_signer

    records = Records(executor_url(context), SYSTEM)
    try:
        if Succession(records).key() is None:
            Succession(records).pin(recovery_signer(secret).verifier)
    finally:
        records.close()


def run_init(context: Context) -> int:
    """Make both, and print the recovery identity."""
    from strongroom.custody.identity import generate
    from strongroom.custody.recovery.recipients import remember_recipient

    path = identity_file(context)
    first = _identity(path) if in_bucket(context) else None  # a sealed state needs it to be there
    with open_state(context, create=True) as state:
        if state.audit_trail():
            raise Exists("there is a custodian's state already", subject=state.place)
        identity = first or _identity(path)
        recovery, secret = generate()
        with state.database.write() as connection:
            remember_recipient(connection, recovery.recipient)
            state.record(connection, operator(), "", f"began, identity {identity.recipient}")
        _pin_recovery(context, secret)
    if context.json:
        context.out.json(
            {
                "message_type": "custody_init",
                "state": state.place,
                "recipient": identity.recipient,
                "recovery_recipient": recovery.recipient,
                "recovery_identity": secret,
            }
        )
        return 0
    context.out.line(f"state:              {state.place}")
    context.out.line(f"identity:           {identity_file(context)} (mode 0600; it never leaves this machine)")
    context.out.line(f"recipient:          {identity.recipient}")
    context.out.line()
    context.out.line("Recovery identity. Print this line and lock it away; it is not shown again:")
    context.out.line(f"  {secret}")
    context.out.line()
    context.out.line("Next: strongroom custody adopt NAME --store REPOSITORY")
    return 0
